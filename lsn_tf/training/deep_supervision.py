"""Deep supervision: the front is compared with the mask on every grid, not only at the end of its way.

What a coarse grid has decided wrongly a finer one can hardly mend, since its steps carry the front a few pixels only.

Reference: Lee et al. (2015), Deeply-supervised nets, http://proceedings.mlr.press/v38/lee15a.html.
"""

import dataclasses
from typing import Any

import keras
from keras import layers, ops

from lsn_tf.layers import StencilConv
from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.losses import LevelSetLoss
from lsn_tf.models import LevelSetNetwork
from lsn_tf.numerics.stencils import gradient_names


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weights of the parts of the loss: of `LevelSetLoss`, and of all grids but the finest."""

    dice_weight: float = 1.0
    cross_entropy_weight: float = 0.5
    length_weight: float = 0.0
    eikonal_weight: float = 0.0
    coarse_weight: float = 0.1

    def __post_init__(self):
        if min(weights := dataclasses.astuple(self)) < 0 or self.dice_weight + self.cross_entropy_weight == 0:
            raise ValueError(
                f"weights of the loss must not be negative, nor those of Dice and cross-entropy both 0. "
                f"Received {dict(zip(dataclasses.asdict(self), weights, strict=True))}."
            )


@keras.saving.register_keras_serializable("lsn_tf")
class WithSlope(layers.Layer):
    """Puts |grad phi|, by central differences, beside phi; both float32, (batch, height, width, 2)."""

    def build(self, phi_shape, spacing_shape=None):
        self.gradient = StencilConv(gradient_names(2), dtype=self.dtype_policy, name="gradient")
        self.gradient.build(phi_shape)
        self.built = True

    def call(self, phi, spacing):
        squared = sum(ops.square(derivative) for derivative in self.gradient(phi, spacing))
        return ops.concatenate([phi, ops.sqrt(squared + keras.config.epsilon())], axis=-1)


def supervised(model: keras.Model, with_slope: bool = False) -> keras.Model:
    """Returns a model with the same layers and phi of every grid as outputs, coarsest first.

    Args:
        model: a `LevelSetNetwork`, or any other, which has one grid.
        with_slope: whether |grad phi| is a second channel of every output.
    """
    grids, spacings = [model.output], [model.input["spacing"]]
    if isinstance(model, LevelSetNetwork):
        grids = [evolution.output for evolution in model.evolutions]
        spacings = [equation["spacing"] for equation in model.equations]
    if with_slope:
        grids = [
            WithSlope(dtype="float32", name=f"with_slope_{n}")(*pair)
            for n, pair in enumerate(zip(grids, spacings, strict=True))
        ]
    return keras.Model(model.inputs, grids, name=model.name) if len(grids) > 1 or with_slope else model


def compile_supervised(model: keras.Model, optimizer: keras.optimizers.Optimizer, weights: LossWeights) -> None:
    """Compiles a model with a loss on each output, as wide as the pixels of its grid.

    On JAX XLA compiles the whole training step; on TensorFlow only the level set steps, see `tracing.py`.
    """
    parts = {
        "dice": weights.dice_weight,
        "cross_entropy": weights.cross_entropy_weight,
        "length": weights.length_weight,
        "eikonal": weights.eikonal_weight,
    }
    levels = reversed(range(len(model.outputs)))
    losses = [LevelSetLoss(width_mm=OCCUPANCY_WIDTH_MM * 2**level, **parts) for level in levels]
    shares = [weights.coarse_weight] * (len(losses) - 1) + [1.0]
    model.compile(optimizer, losses, loss_weights=shares, jit_compile=keras.backend.backend() == "jax")


def masks_for(model: keras.Model, mask: Any) -> tuple[Any, ...]:
    """Returns the mask once for each output of a model."""
    return (mask,) * len(model.outputs)


def finest(outputs):
    """Returns phi on the finest grid of what a supervised model predicts."""
    return (outputs[-1] if isinstance(outputs, list | tuple) else outputs)[..., :1]
