"""The accuracy of the solver beside that of SimpleITK and scikit-fmm, on the same problems and the same grids.

docs/convergence.md shows the result.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from lsn_tf.numerics import level_sets
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.studies.convergence import (
    AREA,
    COLLAPSE,
    DISTANCE,
    EXPANDS,
    FRONT,
    PLANE,
    ROUNDNESS,
    SHRINKS,
    SMALL_PLANE,
    SMALL_SPACE,
    SPACE,
    VOLUME,
    collapsed_ball,
    distorted,
    moved_ball,
    redistance,
)
from lsn_tf.studies.peers import area_inside
from lsn_tf.studies.refinement import Grid, Study, mean_error, measured, radii

Solver = Callable[[Grid], np.ndarray]  # phi at the end, on this grid
SIMPLE_ITK, FAST_MARCHING = "SimpleITK", "scikit-fmm"
OURS = {  # first order, ENO2 with TVD-RK2, WENO5 with TVD-RK3
    "lsn_tf, order 1": "first order, Godunov",
    "lsn_tf, order 2": "ENO2, TVD-RK2",
    "lsn_tf, order 5": "WENO5, TVD-RK3",
}


def comparisons(peers: Sequence[str] = (SIMPLE_ITK, FAST_MARCHING)) -> list[Study]:
    """Measures us and these peers, on two grids of the studies."""
    plane, space, collapse = PLANE[0:3:2], SPACE[0:3:2], COLLAPSE[1:4:2]
    return list(
        itertools.chain(
            *[moving_ball("circle", (*OURS,), plane, speed, peers) for speed in (1.0, -1.0)],
            *[moving_ball("sphere", (*OURS,)[:2], space, speed, peers) for speed in (1.0, -1.0)],
            collapsing_circle(collapse, peers),
            redistanced_ball("circle", SMALL_PLANE[0:3:2], 4.0, peers),
            redistanced_ball("sphere", SMALL_SPACE[0:3:2], 3.0, peers),
        )
    )


def of_each(problem: str, solvers: dict[str, Solver], grids: Sequence[Grid], measures: dict[str, Callable]):
    """Yields what each measure, a function of phi and grid, says of each solver."""
    for tool, solve in solvers.items():

        def errors(grid, solve=solve):
            phi = solve(grid)
            return [measure(phi, grid) for measure in measures.values()]

        yield from measured(grids, errors, *[(problem, tool, error, None) for error in measures])


def moving_ball(
    name: str, methods: Sequence[str], grids: Sequence[Grid], speed: float, peers: Sequence[str]
) -> Iterator[Study]:
    """Yields how well a ball expands or shrinks, V = 1 or -1, for 1.05 s: a whole number of SimpleITK's steps."""
    radius, seconds, ndim = 4.5, 1.05, len(grids[0].shape)
    final = radius + speed * seconds

    def ours(method):
        return lambda grid: moved_ball(OURS[method], grid, radius, speed, seconds)

    def simple_itk(grid):
        """A step takes 1 / (2 n) of the shortest side of a pixel, itk::LevelSetFunction::ComputeGlobalTimeStep."""
        steps = seconds * 2 * ndim / grid.spacing_mm.min()
        return geodesic_active_contour(grid.ball(radius), grid, round(steps), propagation=speed)

    def fast_marching(order):
        def arrived(grid):
            time = level_sets.arrival_time(np.ones(grid.shape), grid.spacing_mm, speed * grid.ball(radius), order)
            return -INSIDE * speed * (time - seconds)

        return arrived

    solvers = {method: ours(method) for method in methods}
    if SIMPLE_ITK in peers:
        solvers[SIMPLE_ITK] = simple_itk
    if FAST_MARCHING in peers:
        solvers |= {f"{FAST_MARCHING}, order {order}": fast_marching(order) for order in (1, 2)}
    error, size = (AREA, area_inside) if ndim == 2 else (VOLUME, volume_inside)
    measures = {
        error: lambda phi, grid: abs(size(phi, grid.spacing_mm) - size(grid.ball(final), grid.spacing_mm)),
        FRONT: lambda phi, grid: np.abs(radii(phi, grid) - final).mean(),
    }
    yield from of_each(f"{name} that {EXPANDS if speed > 0 else SHRINKS}", solvers, grids, measures)


def collapsing_circle(grids: Sequence[Grid], peers: Sequence[str]) -> Iterator[Study]:
    """Yields how round a circle of 6 mm remains that shrinks by mean curvature to about 5.3 mm.

    The steps of SimpleITK depend on the largest curvature that it sees, and it does not say how long they were: their
    number is one that brings it to about this radius, and no radius is compared.
    """
    radius, epsilon, seconds = 6.0, 0.5, 8.0

    def ours(grid):
        return collapsed_ball(grid, radius, epsilon, seconds)

    def simple_itk(grid):
        return geodesic_active_contour(grid.ball(radius), grid, round(14 * grid.refinement**2), curvature=epsilon)

    solvers = {"lsn_tf, order 2": ours}
    if SIMPLE_ITK in peers:
        solvers[SIMPLE_ITK] = simple_itk
    measures = {ROUNDNESS: lambda phi, grid: radii(phi, grid).std()}
    yield from of_each("circle that collapses by mean curvature", solvers, grids, measures)


def redistanced_ball(name: str, grids: Sequence[Grid], radius: float, peers: Sequence[str]) -> Iterator[Study]:
    """Yields how good a signed distance is made of a distorted one, and how far the front is displaced."""
    solvers = {"lsn_tf, order 1": lambda grid: redistance(distorted(grid, radius), grid)}
    if FAST_MARCHING in peers:
        solvers |= {f"{FAST_MARCHING}, order {order}": fast_distance(radius, order) for order in (1, 2)}
    measures = {
        DISTANCE: lambda phi, grid: mean_error(phi, grid.ball(radius), grid.ball(radius), 1.0),
        FRONT: lambda phi, grid: np.abs(radii(phi, grid) - radius).mean(),
    }
    yield from of_each(f"distorted {name}, reinitialised", solvers, grids, measures)


def fast_distance(radius: float, order: int) -> Solver:
    import skfmm

    return lambda grid: np.asarray(skfmm.distance(distorted(grid, radius), dx=list(grid.spacing_mm), order=order))


def geodesic_active_contour(
    phi: np.ndarray, grid: Grid, steps: int, propagation: float = 0.0, curvature: float = 0.0
) -> np.ndarray:
    """Returns phi after so many steps of SimpleITK with a speed of one everywhere."""
    import SimpleITK

    images = [SimpleITK.GetImageFromArray(array) for array in (phi, np.ones_like(phi))]
    for image in images:
        image.SetSpacing(grid.spacing_mm[::-1].tolist())
    solver = SimpleITK.GeodesicActiveContourLevelSetImageFilter()
    solver.SetNumberOfIterations(steps)
    solver.SetMaximumRMSError(0.0)
    solver.SetPropagationScaling(propagation)
    solver.SetCurvatureScaling(curvature)
    solver.SetAdvectionScaling(0.0)
    return SimpleITK.GetArrayFromImage(solver.Execute(*images))


def volume_inside(phi: np.ndarray, spacing_mm: Sequence[float]) -> float:
    """Returns the volume inside the zero contour of a phi in space, mm**3: of the polyhedron of marching cubes."""
    from skimage.measure import marching_cubes

    corners, triangles, _, _ = marching_cubes(phi, 0.0, spacing=tuple(spacing_mm))
    return abs(float(np.linalg.det(corners[triangles].astype(float)).sum())) / 6
