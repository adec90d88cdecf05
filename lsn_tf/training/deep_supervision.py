"""Deep supervision: the front is compared with the mask on every grid, not only at the end of its way.

What a coarse grid has decided wrongly a finer one can hardly mend, since its steps carry the front a few pixels only.

Reference: Lee et al. (2015), Deeply-supervised nets, http://proceedings.mlr.press/v38/lee15a.html.
"""

from typing import Any

import keras

from lsn_tf.layers import LevelSetEvolution
from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.losses import LevelSetLoss

COARSE_WEIGHT = 0.25  # of the loss on each grid but the finest


def supervised(model: keras.Model) -> keras.Model:
    """Returns a model with the same layers and phi of every grid as outputs, coarsest first."""
    grids = [layer.output for layer in model.layers if isinstance(layer, LevelSetEvolution)]
    return keras.Model(model.inputs, grids, name=model.name) if len(grids) > 1 else model


def compile_supervised(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Compiles a model with a loss on each output, as wide as the pixels of its grid.

    On JAX XLA compiles the whole training step; on TensorFlow only the level set steps, see `tracing.py`.
    """
    levels = reversed(range(len(model.outputs)))
    losses = [LevelSetLoss(width_mm=OCCUPANCY_WIDTH_MM * 2**level) for level in levels]
    weights = [COARSE_WEIGHT] * (len(losses) - 1) + [1.0]
    model.compile(optimizer, losses, loss_weights=weights, jit_compile=keras.backend.backend() == "jax")


def masks_for(model: keras.Model, mask: Any) -> tuple[Any, ...]:
    """Returns the mask once for each output of a model."""
    return (mask,) * len(model.outputs)


def finest(phi):
    """Returns phi on the finest grid of what a supervised model predicts."""
    return phi[-1] if isinstance(phi, list | tuple) else phi
