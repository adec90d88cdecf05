"""Steps in time as one compiled loop, and what the front has done meanwhile."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from lsn_tf.compilation import compiled
from lsn_tf.layers import LevelSetStep, StencilConv, cfl_time_step
from lsn_tf.layers.boundary import along, image_axes, shifted
from lsn_tf.layers.upwind import norm
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.numerics.stencils import gradient_names


@dataclasses.dataclass(frozen=True, eq=False)
class Motion:
    """What the fronts of a batch have done, each attribute of shape (batch,).

    Attributes:
        rms_mm: root mean square of the front's way along its normal, over the places where it crosses from pixel to
            pixel, mm.
        max_mm: the longest such way, mm; 0 without a front.
        inside: number of pixels inside.
        on_frame: share of the pixels on the frame of the plane (the last two axes) that lie inside.
    """

    rms_mm: np.ndarray
    max_mm: np.ndarray
    inside: np.ndarray
    on_frame: np.ndarray

    def where(self, moving: np.ndarray, otherwise: "Motion") -> "Motion":
        """Returns this motion where `moving`, (batch,) bool, is true, and another one elsewhere."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(otherwise), strict=True)
        return Motion(*(np.where(moving, *pair) for pair in pairs))


class March:
    """A `LevelSetStep` repeated, compiled once for each shape of the images.

    Args:
        step: the step.
        shape: of phi, (batch, [depth,] height, width, 1); only its rank counts.
    """

    def __init__(self, step: LevelSetStep, shape: tuple[int, ...]):
        self.step = step
        if not step.built:
            step.build((None,) * (len(shape) - 1) + (1,))
        self._advance = compiled(self._steps)
        self._measure = compiled(_motion)
        self._time_step = compiled(lambda fields, spacing, cfl: cfl_time_step(step.courant_rate(fields, spacing), cfl))

    def __call__(self, phi, fields: Mapping[str, Any], spacing, time_step, steps: int):
        """Returns phi, shaped like it, after so many steps of time_step, (batch, 1, ..., 1), s."""
        return self._advance(phi, dict(fields), spacing, time_step, ops.convert_to_tensor(steps, "int32"))

    def stable_time_step(self, fields: Mapping[str, Any], spacing, cfl: float):
        """Returns the longest dt of each image, (batch, 1, ..., 1), s, whose CFL number is cfl."""
        return self._time_step(dict(fields), spacing, ops.convert_to_tensor(cfl, spacing.dtype))

    def motion(self, before, after, spacing, whole=None) -> Motion:
        """Returns what the fronts have done between two level set functions, the parts of `whole` with all fronts."""
        measured = self._measure(before, after, spacing, after if whole is None else whole)
        return Motion(*(ops.convert_to_numpy(value) for value in measured))

    def _steps(self, phi, fields, spacing, time_step, steps):
        """The loop carries the padded phi: a frame made inside the step would keep XLA from one plain pass."""

        def advance(_, padded):
            return self.step.padded(self.step.of_padded(padded, fields, spacing, time_step))

        padded = ops.fori_loop(0, steps, advance, self.step.padded(phi))
        return shifted(padded, self.step.halo, [0] * len(image_axes(phi)))


def march_of(step: LevelSetStep, shape: tuple[int, ...]) -> March:
    """Returns the march of a step; equal steps without weights share one, so that XLA compiles it once a process."""
    if step.learning != "frozen":
        return March(step, shape)
    config = {name: value for name, value in step.get_config().items() if name not in ("name", "trainable", "dtype")}
    return _frozen_march(len(shape), step.compute_dtype, **config)


@functools.lru_cache(maxsize=64)
def _frozen_march(rank: int, dtype: str, **config) -> March:
    return March(LevelSetStep(**config, dtype=dtype), (None,) * rank)


def _motion(before, after, spacing, whole):
    slope = _slope(before, spacing)
    ways, weights = zip(*[_ways_along(before, slope, after, axis) for axis in image_axes(after)], strict=True)
    axes, batch = tuple(range(1, len(whole.shape))), ops.shape(after)[0]
    ways, weights = (ops.concatenate([ops.reshape(x, (batch, -1)) for x in xs], axis=1) for xs in (ways, weights))
    rms = ops.sqrt(ops.sum(weights * ways**2, axis=1) / ops.maximum(ops.sum(weights, axis=1), 1))
    inside = ops.cast(whole * INSIDE > 0, whole.dtype)
    return rms, ops.max(weights * ways, axis=1), ops.sum(inside, axis=axes), _share_of_frame(inside)


def _ways_along(before, slope, after, axis):
    """Returns |phi / |grad phi|| of the old phi where the new front crosses from pixel to pixel, and where it does."""
    near, far = along(after, axis, 0, -1), along(after, axis, 1, None)
    crosses = near * far <= 0
    share = ops.where(crosses, near / ops.where(near == far, 1.0, near - far), 0.0)
    there, steep = ((1 - share) * along(x, axis, 0, -1) + share * along(x, axis, 1, None) for x in (before, slope))
    return ops.abs(there) / ops.maximum(steep, 1e-3), ops.cast(crosses, after.dtype)


def _slope(phi, spacing):
    """Returns |grad phi| by central differences."""
    names = gradient_names(len(image_axes(phi)))
    return norm(StencilConv(names, dtype=keras.backend.standardize_dtype(phi.dtype))(phi, spacing))


def _share_of_frame(inside):
    sides = (inside[..., 0, :, :], inside[..., -1, :, :], inside[..., 0, :], inside[..., -1, :])
    return ops.mean(ops.concatenate([ops.reshape(side, (ops.shape(inside)[0], -1)) for side in sides], axis=1), axis=1)
