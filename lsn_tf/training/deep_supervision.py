"""Deep supervision: front and speed are compared with the mask on every grid, not only the front at the end of its way.

What a coarse grid has decided wrongly a finer one can hardly mend, since its steps carry the front a few pixels only.
And phi tells the speed what was wrong only on the way to pixels that come out wrong.

Reference: Lee et al. (2015), Deeply-supervised nets, http://proceedings.mlr.press/v38/lee15a.html.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from lsn_tf.layers import SpeedCorrection, StencilConv
from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.losses import LevelSetLoss
from lsn_tf.models import LevelSetNetwork
from lsn_tf.numerics.stencils import gradient_names


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weights of the parts of the loss: of `LevelSetLoss`, and of all grids but the finest."""

    dice_weight: float = 1.0
    cross_entropy_weight: float = 0.5
    speed_weight: float = 0.5
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
class Slope(layers.Layer):
    """|grad phi| by central differences, shaped like phi."""

    def build(self, phi_shape, spacing_shape=None):
        self.gradient = StencilConv(gradient_names(2), dtype=self.dtype_policy, name="gradient")
        self.gradient.build(phi_shape)
        self.built = True

    def call(self, phi, spacing):
        squared = sum(ops.square(derivative) for derivative in self.gradient(phi, spacing))
        return ops.sqrt(squared + keras.config.epsilon())


def supervised(model: keras.Model, optimizer: keras.optimizers.Optimizer, weights: LossWeights) -> keras.Model:
    """Returns a model with the same layers, compiled with a loss on every grid.

    Its outputs, coarsest first, are phi with, as far as the loss asks for them, V (the mean over the steps where they
    have one each) and |grad phi| as further channels. Only a speed that is learned is compared with the mask. On JAX
    XLA compiles the whole training step; on TensorFlow only the level set steps, see `tracing.py`.

    Args:
        model: a `LevelSetNetwork`, or another of `lsn_tf.models`, which has one grid.
        optimizer: of the weights.
        weights: of the parts of the loss.
    """
    grids = [{"phi": model.output, "spacing": model.input["spacing"]}]
    if isinstance(model, LevelSetNetwork):
        pairs = zip(model.equations, model.evolutions, strict=True)
        grids = [{**equation, "phi": evolution.output} for equation, evolution in pairs]
    learns_speed = any(isinstance(layer, SpeedCorrection) for layer in model.layers)
    weights = dataclasses.replace(weights, speed_weight=weights.speed_weight if learns_speed else 0.0)
    outputs = [_compared(grid, weights, level) for level, grid in zip(reversed(range(len(grids))), grids, strict=True)]
    trained = keras.Model(model.inputs, outputs, name=model.name)
    trained.given_contour = model.given_contour
    shares = [weights.coarse_weight] * (len(grids) - 1) + [1.0]
    jit_compile = keras.backend.backend() == "jax"
    trained.compile(optimizer, _losses(len(grids), weights), loss_weights=shares, jit_compile=jit_compile)
    return trained


def _losses(grids: int, weights: LossWeights) -> list[LevelSetLoss]:
    """Returns the loss of each grid, the coarsest first: the occupancy is as wide as its pixels."""
    parts = {
        "dice": weights.dice_weight,
        "cross_entropy": weights.cross_entropy_weight,
        "speed": weights.speed_weight,
        "length": weights.length_weight,
        "eikonal": weights.eikonal_weight,
    }
    return [LevelSetLoss(width_mm=OCCUPANCY_WIDTH_MM * 2**level, **parts) for level in reversed(range(grids))]


def _compared(grid: Mapping[str, Any], weights: LossWeights, level: int):
    """Returns phi of the grid at a level, with the channels beside it that the loss asks for."""
    channels = [grid["phi"]]
    if weights.speed_weight:
        channels.append(ops.mean(grid["fields"]["speed"], axis=-1, keepdims=True))
    if weights.eikonal_weight:
        channels.append(Slope(dtype="float32")(grid["phi"], grid["spacing"]))
    return layers.Concatenate(dtype="float32", name=f"grid_{level}")(channels) if len(channels) > 1 else channels[0]


def masks_for(model: keras.Model, mask: Any) -> tuple[Any, ...]:
    """Returns the mask once for each output of a model."""
    return (mask,) * len(model.outputs)


def finest(outputs):
    """Returns phi on the finest grid of what a supervised model predicts."""
    return (outputs[-1] if isinstance(outputs, list | tuple) else outputs)[..., :1]
