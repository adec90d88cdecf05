"""Arrival times of a front, F |grad T| = 1, and the distance to it, swept over the grid diagonal by diagonal."""

import functools
import itertools

import keras
from keras import ops

UNREACHED_S = 1e9  # stands for infinity inside, where inf would make gradients NaN
SLOWEST_MM_S = 1e-12  # slower is an obstacle: crossing a pixel takes longer than UNREACHED_S


def shear(x, axis: int, fill: float):
    """Moves line n of `axis` n rows down, rows being axis 1, so that diagonals become rows.

    Returns:
        x with n - 1 more rows for n lines, `fill` where there was nothing.
    """
    x = ops.moveaxis(x, axis, 1)
    batch, lines, rows, *rest = ops.shape(x)
    x = ops.pad(x, [(0, 0), (0, 0), (0, lines)] + [(0, 0)] * len(rest), constant_values=fill)
    x = ops.reshape(x, (batch, lines * (rows + lines), *rest))[:, : lines * (rows + lines - 1)]
    return ops.moveaxis(ops.reshape(x, (batch, lines, rows + lines - 1, *rest)), 1, axis)  # one shorter: one later


def unshear(x, axis: int):
    """Undoes `shear`."""
    x = ops.moveaxis(x, axis, 1)
    batch, lines, rows, *rest = ops.shape(x)
    x = ops.reshape(x, (batch, lines * rows, *rest))
    x = ops.pad(x, [(0, 0), (0, lines)] + [(0, 0)] * len(rest))
    return ops.moveaxis(ops.reshape(x, (batch, lines, rows + 1, *rest))[:, :, : rows + 1 - lines], 1, axis)


def upwind_time(neighbours, pixel, slowness):
    """Solves sum max((T - a_i) / h_i, 0)**2 = s**2 for T, with one neighbour a_i along each axis.

    The axes that count, a_i < T, are the earliest few. Suppose that i is the last of them, and let T = a_i + u and
    d_j = a_i - a_j >= 0: then sum ((u + d_j) / h_j)**2 = s**2 over them, a quadratic in u >= 0. Without a root, i was
    too late for T, and u = 0 keeps a_i above T; with too early an i the root is above T. The least of all is T.

    Args:
        neighbours: a_i, one tensor for each axis, s.
        pixel: h_i, one for each axis, broadcastable to them, mm.
        slowness: s = 1 / F, shaped like a neighbour, s/mm.

    Returns:
        T, shaped like a neighbour, s.
    """
    times = []
    for last in neighbours:
        before = [
            (ops.cast(a <= last, last.dtype), ops.relu(last - a), h) for a, h in zip(neighbours, pixel, strict=True)
        ]
        square = sum(counts / h**2 for counts, _, h in before)
        linear = sum(d / h**2 for _, d, h in before)
        left = ops.relu(slowness**2 - sum((d / h) ** 2 for _, d, h in before))
        times.append(last + left / (linear + ops.sqrt(linear**2 + square * left)))
    return _earliest(times)


def _earliest(times):
    return functools.reduce(ops.minimum, times)


class Diagonal(keras.layers.Layer):
    """The cell of the recurrent layer that passes over the diagonals of a grid, from the one before to the next.

    A recurrent layer, as it is the one loop of Keras that XLA can differentiate on TensorFlow.
    """

    state_size = output_size = 0  # its states are always given to it

    def call(self, diagonal, states):
        before, spacing = states
        axes = range(1, len(before.shape))
        pixel = [ops.reshape(h, (-1,) + (1,) * len(axes)) for h in ops.unstack(spacing, len(axes) + 1, axis=1)]
        neighbours = [_shift(before, axis) for axis in axes] + [before]
        time = ops.minimum(diagonal[:, 0], upwind_time(neighbours, pixel, slowness=diagonal[:, 1]))
        return time, [time, spacing]


def _shift(x, axis):
    """Returns each pixel's neighbour before it along one axis."""
    before = [(0, 0)] * len(x.shape)
    before[axis] = (1, 0)
    return ops.pad(x, before, constant_values=UNREACHED_S)[(slice(None),) * axis + (slice(0, -1),)]


@keras.saving.register_keras_serializable("lsn_tf")
class Eikonal(keras.layers.Layer):
    """The time T at which a front of speed F arrives, F |grad T| = 1: one differentiable fast sweeping solver.

    Godunov's scheme of Rouy & Tourin: first-order accurate and monotone. Each round sweeps from all corners of the
    grid at once, diagonal after diagonal, and keeps the earliest time. A round is exact along every path that runs
    towards one corner; a path that turns from one quadrant to another takes one more round. The number of rounds is
    fixed, so that T has gradients: with too few T is late, never early.

    Args:
        rounds: number of rounds. One is enough where F is constant, up to the discrete solution's own few turns.

    Call arguments:
        speed: F, (batch, [depth,] height, width, 1), mm/s. 0 or less is an obstacle.
        initial_time: shaped like speed, s: T where it is known, as on the source or next to a contour, else inf.
        spacing: (batch, 2) or (batch, 3), pixel size ([dz,] dy, dx), mm.

    Returns:
        T, shaped like speed, s: initial_time where that is finite; inf in obstacles and where no front arrives.

    Raises:
        ValueError: if rounds is less than 1, or speed has not one axis for each number of spacing.

    References: Rouy & Tourin (1992), doi:10.1137/0729053; Zhao (2005), doi:10.1090/S0025-5718-04-01678-3; the
    diagonals: Detrixhe, Gibou & Min (2013), doi:10.1016/j.jcp.2012.11.042.
    """

    def __init__(self, rounds: int = 4, **kwargs):
        super().__init__(**kwargs)
        if rounds < 1:
            raise ValueError(f"rounds must be at least 1. Received rounds={rounds}.")
        self.rounds = rounds
        self.sweep = keras.layers.RNN(Diagonal(dtype=self.dtype_policy), return_sequences=True, dtype=self.dtype_policy)

    def build(self, speed_shape, initial_time_shape=None, spacing_shape=None):
        if len(speed_shape) not in (4, 5) or (spacing_shape and spacing_shape[-1] != len(speed_shape) - 2):
            raise ValueError(
                "speed must be (batch, height, width, 1) with spacing (batch, 2), or (batch, depth, height, width, 1) "
                f"with spacing (batch, 3). Received shapes {tuple(speed_shape)} and {spacing_shape}."
            )
        self.built = True

    def call(self, speed, initial_time, spacing):
        known = initial_time < UNREACHED_S
        time = ops.where(known, initial_time, UNREACHED_S)[..., 0]
        # Known pixels are obstacles too: no front crosses them earlier, they keep their time.
        slowness = 1 / ops.where(known, SLOWEST_MM_S, ops.maximum(speed, SLOWEST_MM_S))[..., 0]
        slowness = _diagonals(_from_all_corners(slowness), fill=1 / SLOWEST_MM_S)
        spacing = ops.tile(spacing, (2 ** (len(time.shape) - 1), 1))
        for _ in range(self.rounds):
            time = self._round(time, slowness, spacing)
        return ops.where(time < UNREACHED_S, time, float("inf"))[..., None]

    def _round(self, time, slowness, spacing):
        corners = _diagonals(_from_all_corners(time), fill=UNREACHED_S)
        start = ops.full_like(corners[:, 0], UNREACHED_S)
        swept = self.sweep(ops.stack([corners, slowness], axis=2), initial_state=[start, spacing])
        return _earliest(_back_from_all_corners(_grid(swept)))

    def compute_output_shape(self, speed_shape, *_):
        return speed_shape

    def get_config(self):
        return {**super().get_config(), "rounds": self.rounds}


def _reflections(ndim):
    """Returns the axes to flip so that each corner of the grid in turn becomes the first pixel."""
    axes = range(1, ndim + 1)
    return [flipped for n in range(ndim + 1) for flipped in itertools.combinations(axes, n)]


def _from_all_corners(x):
    return ops.concatenate([ops.flip(x, axes) for axes in _reflections(len(x.shape) - 1)], axis=0)


def _back_from_all_corners(x):
    reflections = _reflections(len(x.shape) - 1)
    corners = ops.split(x, len(reflections), axis=0)
    return [ops.flip(corner, axes) for corner, axes in zip(corners, reflections, strict=True)]


def _diagonals(x, fill):
    """(batch, [depth,] height, width) -> (batch, diagonal, [depth,] height); the indices on diagonal n add up to n."""
    x = ops.moveaxis(x, -1, 1)
    for axis in range(2, len(x.shape)):
        x = shear(x, axis, fill)
    return x


def _grid(x):
    for axis in reversed(range(2, len(x.shape))):
        x = unshear(x, axis)
    return ops.moveaxis(x, 1, -1)
