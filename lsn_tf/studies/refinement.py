"""Grids that are refined around one origin, and the errors that a method has on them."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from keras import ops

from lsn_tf.layers import LevelSetStep
from lsn_tf.numerics import consistency, level_sets
from lsn_tf.solver.marching import march_of


@dataclasses.dataclass(frozen=True)
class Study:
    """The errors of one method for one problem.

    Attributes:
        problem: what is solved.
        method: by what.
        error: which error, and its unit.
        stated_order: what theory gives; None where it says nothing for these grids.
        pixel_mm: ([dz,] dy, dx) before it is refined, mm.
        refinements: how many times smaller the pixels of each grid are.
        errors: on each grid.
    """

    problem: str
    method: str
    error: str
    stated_order: int | None
    pixel_mm: tuple[float, ...]
    refinements: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def observed_order(self) -> float:
        """The slope of log(error) against log(pixel)."""
        return consistency.observed_order(list(self.errors), [1 / k for k in self.refinements])


@dataclasses.dataclass(frozen=True)
class Grid:
    """A grid around the origin.

    Attributes:
        pixel_mm: ([dz,] dy, dx) before it is refined, mm.
        refinement: k, how many times smaller the pixels are.
        shape: ([depth,] height, width), odd: the origin is a pixel.
    """

    pixel_mm: tuple[float, ...]
    refinement: float
    shape: tuple[int, ...]

    @property
    def spacing_mm(self) -> np.ndarray:
        return np.array(self.pixel_mm) / self.refinement

    @property
    def middle_mm(self) -> np.ndarray:
        """The origin, from the first pixel."""
        return (np.array(self.shape) - 1) / 2 * self.spacing_mm

    @property
    def axes(self) -> list[np.ndarray]:
        """([z,] y, x) of every pixel, mm."""
        return [
            x - c for x, c in zip(level_sets.pixel_centres(self.shape, self.spacing_mm), self.middle_mm, strict=True)
        ]

    def ball(self, radius_mm: float, centre_mm: Sequence[float] = (0.0, 0.0, 0.0)) -> np.ndarray:
        """Returns the signed distance to a circle or a sphere, mm."""
        centre = self.middle_mm + np.array(centre_mm[: len(self.shape)])
        return level_sets.ball(self.shape, self.spacing_mm, centre, radius_mm)


def refined(pixel_mm: Sequence[float], refinements: Sequence[float], half_width_mm: float) -> list[Grid]:
    """Returns grids of one shape, so that XLA compiles a loop once; the finest reaches so far from the origin."""
    shape = tuple(2 * round(half_width_mm * max(refinements) / h) + 1 for h in pixel_mm)
    return [Grid(tuple(pixel_mm), k, shape) for k in refinements]


def evolve(step: LevelSetStep, phi: np.ndarray, fields: dict, grid: Grid, seconds: float, power: int = 1) -> np.ndarray:
    """Returns phi after a time, by equal steps with a CFL number of 0.9 at most.

    Args:
        step: the method.
        phi: ([depth,] height, width), mm.
        fields: see `LevelSetStep`, without the axis of the batch.
        grid: of phi.
        seconds: t, s.
        power: the time step is in proportion to this power of the pixel, on all grids exactly.
    """
    dtype, march = step.compute_dtype, march_of(step, (1, *phi.shape, 1))
    fields = {name: np.asarray(field, dtype)[None] for name, field in fields.items()}
    spacing = np.asarray(grid.spacing_mm, dtype)[None]
    stable = float(np.squeeze(march.stable_time_step(fields, spacing, 0.9)))
    scale = round(grid.refinement**power)
    steps = scale * int(np.ceil(seconds / (stable * scale) - 1e-3))
    time_step = np.full((1,) * (phi.ndim + 2), seconds / steps, dtype)
    found = march(np.asarray(phi[None, ..., None], dtype), fields, spacing, time_step, steps)
    return ops.convert_to_numpy(found)[0, ..., 0]


def uniform(*values: float, ndim: int) -> np.ndarray:
    """Returns a field that has these components everywhere."""
    return np.reshape(values, (1,) * ndim + (-1,))


def mean_error(found: np.ndarray, exact: np.ndarray, near: np.ndarray, band_mm: float) -> float:
    """Returns the mean of |found - exact| where the distance `near` of the front is less than `band_mm`."""
    return float(np.abs(found - exact)[np.abs(near) < band_mm].mean())


def crossings(phi: np.ndarray, grid: Grid) -> np.ndarray:
    """Returns the points ([z,] y, x), mm, where the front crosses from pixel to pixel, (number, axes)."""
    points = np.stack(grid.axes, axis=-1)
    found = []
    for axis in range(phi.ndim):
        (near, far), (start, end) = ((np.moveaxis(a, axis, 0)[:-1], np.moveaxis(a, axis, 0)[1:]) for a in (phi, points))
        crosses = level_sets.inside(near) != level_sets.inside(far)
        share = (near[crosses] / (near[crosses] - far[crosses]))[:, None]
        found.append((1 - share) * start[crosses] + share * end[crosses])
    return np.concatenate(found)


def radii(phi: np.ndarray, grid: Grid) -> np.ndarray:
    """Returns how far from the origin the front crosses from pixel to pixel, mm."""
    return np.linalg.norm(crossings(phi, grid), axis=1)


def measured(
    grids: Sequence[Grid], errors_on: Callable[[Grid], Sequence[float]], *rows: tuple[str, str, str, int | None]
) -> Iterator[Study]:
    """Yields a study for each (problem, method, error, stated order), of errors in their order."""
    errors = zip(*map(errors_on, grids), strict=True)
    refinements = tuple(grid.refinement for grid in grids)
    for row, values in zip(rows, errors, strict=True):
        yield Study(*row, grids[0].pixel_mm, refinements, tuple(map(float, values)))
