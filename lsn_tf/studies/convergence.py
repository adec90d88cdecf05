"""How fast the solver converges: exact solutions on grids that are refined, and the order of accuracy seen there.

docs/convergence.md shows the result.
"""

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np
from keras import ops
from scipy import ndimage

from lsn_tf.compilation import compiled
from lsn_tf.layers import LevelSetStep, Reinitialization
from lsn_tf.layers.curvature import MonotoneCurvature
from lsn_tf.layers.eikonal import Eikonal
from lsn_tf.numerics import level_sets
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.studies.peers import area_inside
from lsn_tf.studies.refinement import Grid, Study, evolve, mean_error, measured, radii, refined, uniform

PLANE_MM, SPACE_MM = (0.7, 0.9), (1.1, 0.7, 0.9)  # pixels that are not square
FIRST = {"first order, Godunov": {}, "first order, Osher-Sethian": {"scheme": "osher_sethian"}}
SECOND = {"ENO2, TVD-RK2": {"differences": "eno2", "integrator": "tvd_rk2"}}
FIFTH = {"WENO5, TVD-RK3": {"differences": "weno5", "integrator": "tvd_rk3"}}
METHODS = FIRST | SECOND | FIFTH
UPWIND = [*METHODS][:1] + [*METHODS][2:]  # Godunov, Osher and Sethian differ in propagation only

EXPANDS, SHRINKS = "expands, V = 1", "shrinks, V = -1"
# The errors, as docs/convergence.md defines them.
PHI, DISTANCE, FRONT, TIME = "phi, mm", "distance, mm", "place of the front, mm", "arrival time, s"
AREA, VOLUME, DIFFERENCE, ROUNDNESS = "area, mm²", "volume, mm³", "symmetric difference, mm²", "roundness, mm"


def moved_ball(method: str, grid: Grid, radius: float, speed: float, seconds: float) -> np.ndarray:
    """Returns the signed distance to a ball, moved along its normal, mm."""
    step = LevelSetStep(**METHODS[method], boundary="extrapolate", dtype="float64")
    return evolve(step, grid.ball(radius), {"speed": uniform(speed, ndim=len(grid.shape))}, grid, seconds)


def moving_ball(name: str, method: str, order: int, grids: Sequence[Grid], radius: float, seconds: float):
    """Yields how accurate a ball is that expands and one that shrinks by 1 mm/s, from a signed distance."""

    def error(grid, speed):
        exact = grid.ball(radius + speed * seconds)
        return mean_error(moved_ball(method, grid, radius, speed, seconds), exact, exact, seconds)

    rows = [(f"{name} that {verb}", method, PHI, order) for verb in (EXPANDS, SHRINKS)]
    yield from measured(grids, lambda grid: [error(grid, speed) for speed in (1.0, -1.0)], *rows)


def transported_circle(method: str, order: int, grids: Sequence[Grid]):
    """Yields how accurate a circle is that is carried along for a second."""
    velocity, radius = (0.6, -0.8), 5.0
    step = LevelSetStep(**METHODS[method], boundary="extrapolate", dtype="float64")

    def errors(grid):
        exact = grid.ball(radius, velocity)
        found = evolve(step, grid.ball(radius), {"velocity": uniform(*velocity, ndim=2)}, grid, 1.0)
        return [mean_error(found, exact, exact, 1.0)]

    yield from measured(grids, errors, ("circle that is transported, a = (0.6, -0.8)", method, PHI, order))


def slotted_disc(grid: Grid) -> np.ndarray:
    """Returns Zalesak's disc, a circle of radius 15 mm about (-25, 0) with a slot of 5 mm x 25 mm, as phi, mm."""
    slot = [grid.middle_mm + corner for corner in ((-35.0, -2.5), (-5.0, 2.5))]
    disc, slot = grid.ball(15.0, (-25.0, 0.0)), level_sets.box(grid.shape, grid.spacing_mm, *slot)
    return -INSIDE * np.maximum(-INSIDE * disc, INSIDE * slot)


def symmetric_difference(one: np.ndarray, other: np.ndarray, grid: Grid, times: int = 8) -> float:
    """Returns the area that lies inside one of two contours only, mm**2, from phi interpolated linearly."""
    masks = [level_sets.inside(ndimage.zoom(phi, times, order=1)) for phi in (one, other)]
    return float(np.mean(masks[0] != masks[1]) * np.prod((np.array(grid.shape) - 1) * grid.spacing_mm))


def rotating_slotted_disc(method: str, grids: Sequence[Grid]):
    """Yields what is left of Zalesak's disc after a turn about the origin in 2 pi seconds."""
    step = LevelSetStep(**METHODS[method], dtype="float64")

    def errors(grid):
        y, x = grid.axes
        turning = np.stack([x, -y], axis=-1) * (np.hypot(y, x) < 44)[..., None]  # at rest where the disc never comes
        start = slotted_disc(grid)
        found = evolve(step, start, {"velocity": turning}, grid, 2 * np.pi)
        lost = abs(area_inside(found, grid.spacing_mm) - area_inside(start, grid.spacing_mm))
        return [lost, symmetric_difference(found, start, grid)]

    problem = "Zalesak's slotted disc after one turn"
    yield from measured(grids, errors, *[(problem, method, error, None) for error in (AREA, DIFFERENCE)])


def collapsed_ball(grid: Grid, radius: float, epsilon: float, seconds: float) -> np.ndarray:
    """Returns the signed distance to a ball, moved by mean curvature, mm."""
    step = LevelSetStep(boundary="extrapolate", dtype="float64")
    weight = {"curvature_weight": uniform(epsilon, ndim=len(grid.shape))}
    return evolve(step, grid.ball(radius), weight, grid, seconds, power=2)


def collapsing_ball(name: str, grids: Sequence[Grid], radius: float, epsilon: float, seconds: float):
    """Yields how accurate a ball is that shrinks by mean curvature, phi(t) = sqrt(|x|**2 + 2 (n - 1) epsilon t) - r."""

    def errors(grid):
        exact = grown(grid, len(grid.shape) - 1, epsilon * seconds) - radius
        return [mean_error(collapsed_ball(grid, radius, epsilon, seconds), exact, exact, 0.5)]

    yield from measured(grids, errors, (f"{name} that collapses by mean curvature", "central curvature, Euler", PHI, 2))


def grown(grid: Grid, curvatures: int, epsilon_times_seconds: float) -> np.ndarray:
    """Returns the radius at t = 0 of the circle (one principal curvature) or sphere (two) through each pixel, mm."""
    return np.sqrt(sum(x**2 for x in grid.axes) + 2 * curvatures * epsilon_times_seconds)


def collapsing_circle_by_medians(grids: Sequence[Grid]):
    """Yields the same for the monotone curvature on rings whose radius grows as the root of the refinement."""
    radius, epsilon, seconds = 6.0, 0.5, 8.0

    def errors(grid):
        ring = round(2 * np.sqrt(grid.refinement))
        exact = grown(grid, 1, epsilon * seconds) - radius
        found = bend(MonotoneCurvature(ring, dtype="float64"), grid.ball(radius), grid, epsilon * seconds)
        return [mean_error(found, exact, exact, 0.5)]

    method = "monotone curvature, ring of 2 sqrt(k) pixels, Euler"
    yield from measured(grids, errors, ("circle that collapses by mean curvature", method, PHI, 1))


def bend(curvature: MonotoneCurvature, phi: np.ndarray, grid: Grid, epsilon_times_seconds: float) -> np.ndarray:
    """Returns phi moved by this curvature alone, in Euler steps with a CFL number of 0.9 at most."""
    spacing = grid.spacing_mm[None]
    curvature.build((1, *phi.shape, 1))
    rate = float(np.squeeze(curvature.courant_rate(spacing)))
    steps = int(np.ceil(epsilon_times_seconds * rate / 0.9))
    time_step = epsilon_times_seconds / steps

    def march(phi):
        return ops.fori_loop(0, steps, lambda _, phi: phi + time_step * curvature(phi, spacing), phi)

    return ops.convert_to_numpy(compiled(march)(phi[None, ..., None]))[0, ..., 0]


def distorted(grid: Grid, radius: float) -> np.ndarray:
    """Returns a phi whose contour is a circle or sphere, and whose slope there is anything from 0.5 to 1.5."""
    return grid.ball(radius) * (1 + 0.5 * np.sin(sum(grid.axes) / 2))


def redistance(phi: np.ndarray, grid: Grid) -> np.ndarray:
    """Returns phi reinitialised, up to 24 pixels from the contour."""
    found = _relaxation(48, phi.ndim)(phi[None, ..., None], grid.spacing_mm[None])
    return ops.convert_to_numpy(found)[0, ..., 0]


@functools.cache
def _relaxation(steps: int, ndim: int) -> Callable:  # one for each number of axes, as TensorFlow wants it
    layer = Reinitialization(steps, dtype="float64")
    return compiled(lambda phi, spacing: layer(phi, spacing))


def redistanced_ball(name: str, grids: Sequence[Grid], radius: float):
    """Yields how good a distance reinitialisation gives, and how far it displaces the contour."""

    def errors(grid):
        phi, exact = redistance(distorted(grid, radius), grid), grid.ball(radius)
        return [mean_error(phi, exact, exact, 1.0), np.abs(radii(phi, grid) - radius).mean()]

    problem, method = f"distorted {name}, reinitialised", "first-order Godunov with sub-cell fix"
    yield from measured(grids, errors, (problem, method, DISTANCE, 1), (problem, method, FRONT, 2))


def arrival_at_ball(name: str, grids: Sequence[Grid], radius: float, speed: float = 2.0):
    """Yields how accurate the arrival time is of a front that starts as a circle or sphere."""
    layer = Eikonal(1, dtype="float64")
    sweep = compiled(lambda speed, known, spacing: layer(speed, known, spacing))

    def errors(grid):
        exact, speeds = grid.ball(radius) / speed, np.full(grid.shape, speed)
        known = np.where(exact < 0, exact, np.inf)[None, ..., None]
        swept = ops.convert_to_numpy(sweep(speeds[None, ..., None], known, grid.spacing_mm[None]))[0, ..., 0]
        marched = [level_sets.arrival_time(speeds, grid.spacing_mm, exact, order=order) for order in (1, 2)]
        outside = np.where(exact > 0, exact, np.inf)
        return [mean_error(time, exact, outside, 1.0) for time in (swept, *marched)]

    orders = {"fast sweeping": 1, "fast marching, order 1": 1, "fast marching, order 2": None}
    rows = [(f"arrival time from a {name}", method, TIME, order) for method, order in orders.items()]
    yield from measured(grids, errors, *rows)


PLANE, SPACE = refined(PLANE_MM, (3, 4, 6, 8), 10), refined(SPACE_MM, (2, 3, 4), 6)
COLLAPSE = refined(PLANE_MM, (1, 2, 3, 4), 9)
SMALL_PLANE, SMALL_SPACE = refined(PLANE_MM, (2, 3, 4, 6), 7), refined(SPACE_MM, (2, 3, 4), 5)


def studies() -> list[Study]:
    """Measures everything, in less than a minute on two CPU cores."""
    orders = dict(zip(METHODS, (1, 1, 2, 5), strict=True))
    fine, zalesak = refined(SPACE_MM, (4, 5, 6), 5.8), refined((1.4, 1.8), (1, 2, 3), 44)
    return list(
        itertools.chain(
            *[moving_ball("circle", method, order, PLANE, 6.0, 1.0) for method, order in orders.items()],
            *[moving_ball("sphere", method, orders[method], SPACE, 4.0, 0.5) for method in FIRST | SECOND],
            *[moving_ball("sphere", method, orders[method], fine, 4.5, 0.25) for method in FIFTH],
            *[transported_circle(method, min(orders[method], 3), PLANE) for method in UPWIND],
            *[rotating_slotted_disc(method, zalesak) for method in UPWIND],
            collapsing_ball("circle", COLLAPSE, 6.0, 0.5, 8.0),
            collapsing_ball("sphere", SMALL_SPACE, 3.0, 0.5, 0.75),
            collapsing_circle_by_medians(refined(PLANE_MM, (1, 2.25, 4), 7.5)),
            redistanced_ball("circle", SMALL_PLANE, 4.0),
            redistanced_ball("sphere", SMALL_SPACE, 3.0),
            arrival_at_ball("circle", SMALL_PLANE, 3.0),
            arrival_at_ball("sphere", SMALL_SPACE, 2.0),
        )
    )
