"""The tools that people use today, on our problems: for comparison only, each if it is installed.

They are called through their own interfaces with the parameters that make them solve the equation nearest to ours,
phi_t + g |grad phi| = epsilon g kappa |grad phi| on pixels of 1 mm.
"""

import dataclasses
import importlib
from collections.abc import Callable, Iterator

import numpy as np

from lsn_tf.numerics.level_sets import INSIDE, ball, inside


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """An expanding contour: where it starts, and how fast it goes where.

    Attributes:
        phi: signed distance, (height, width) or (depth, height, width), float32, mm.
        speed: g, shaped like phi, float32, in (0, 1].
        curvature: epsilon, the weight of curvature relative to g, mm.
        image: shaped like phi, float32: bright where g is one, for tools that look at an image.
    """

    phi: np.ndarray
    speed: np.ndarray
    curvature: float
    image: np.ndarray


def expanding_contour(shape: tuple[int, ...], seed: int = 0) -> Problem:
    """Returns a ball in a larger ball: the speed is one with some noise, and small at a rim which it reaches or not."""
    rng, side = np.random.default_rng(seed), min(shape)
    centre = [(n - 1) / 2 for n in shape]
    phi = ball(shape, (1.0,) * len(shape), centre, side / 8).astype(np.float32)
    rim = ball(shape, (1.0,) * len(shape), centre, 0.4 * side)
    speed = np.where(np.abs(rim) < 1.5, 0.02, 1.0) * rng.uniform(0.8, 1.0, shape)
    image = inside(rim) + 0.1 * rng.normal(size=shape)
    return Problem(phi, speed.astype(np.float32), 0.2, image.astype(np.float32))


def peers(problem: Problem, steps: int) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Yields the name of each tool at hand and a function that makes so many steps of it."""
    contenders = {
        "SimpleITK geodesic active contour": ("SimpleITK", _simple_itk),
        "scikit-image morphological GAC": ("skimage.segmentation", _morphological),
        "scikit-image chan_vese": ("skimage.segmentation", _chan_vese),
        "NumPy, upwind and curvature": ("numpy", _numpy),
        "scikit-fmm travel_time (one arrival map)": ("skfmm", _fast_marching),
    }
    for name, (package, make) in contenders.items():
        try:
            module = importlib.import_module(package)
        except ImportError:
            continue
        work = make(module, problem, steps)
        if work is not None:
            yield name, work


def _simple_itk(sitk, problem: Problem, steps: int) -> Callable[[], np.ndarray]:
    start, feature = sitk.GetImageFromArray(problem.phi), sitk.GetImageFromArray(problem.speed)
    solver = sitk.GeodesicActiveContourLevelSetImageFilter()
    solver.SetNumberOfIterations(steps)
    solver.SetMaximumRMSError(0.0)
    solver.SetPropagationScaling(1.0)
    solver.SetCurvatureScaling(problem.curvature)
    solver.SetAdvectionScaling(0.0)
    return lambda: sitk.GetArrayFromImage(solver.Execute(start, feature))


def _morphological(segmentation, problem: Problem, steps: int) -> Callable[[], np.ndarray]:
    mask = inside(problem.phi).astype(np.int8)
    speed = problem.speed.astype(np.float64)
    return lambda: segmentation.morphological_geodesic_active_contour(
        speed, steps, mask, smoothing=1, threshold=0.1, balloon=1
    )


def _chan_vese(segmentation, problem: Problem, steps: int) -> Callable[[], np.ndarray] | None:
    if problem.phi.ndim != 2:
        return None  # it takes pictures only
    start = -problem.phi.astype(np.float64)
    return lambda: segmentation.chan_vese(problem.image, tol=0.0, max_num_iter=steps, init_level_set=start)


def _fast_marching(skfmm, problem: Problem, steps: int) -> Callable[[], np.ndarray]:
    phi, speed = problem.phi.astype(np.float64), problem.speed.astype(np.float64)
    return lambda: skfmm.travel_time(phi, speed)


def _numpy(_, problem: Problem, steps: int) -> Callable[[], np.ndarray]:
    ndim, epsilon = problem.phi.ndim, problem.curvature
    time_step = np.float32(0.9 / (np.sqrt(ndim) + 2 * epsilon * (ndim - 1)))
    return lambda: numpy_solve(problem.phi, problem.speed, epsilon * problem.speed, time_step, steps)


def numpy_solve(
    phi: np.ndarray, speed: np.ndarray, curvature_weight: np.ndarray, time_step: float, steps: int
) -> np.ndarray:
    """Returns phi after Euler steps of phi_t + V |grad phi| = epsilon kappa |grad phi|, V >= 0, on pixels of 1 mm.

    What one writes in NumPy: Godunov's upwind differences and central curvature, edges replicated. It shares no code
    with the layers, which a test compares with it.
    """
    for _ in range(steps):
        padded = np.pad(phi, 1, "edge")
        upwind, first, bending = 0, [], 0
        for axis in range(phi.ndim):
            backward, forward = phi - _neighbour(padded, {axis: -1}), _neighbour(padded, {axis: 1}) - phi
            upwind = upwind + np.maximum(np.maximum(backward, 0), np.maximum(-forward, 0)) ** 2
            first.append(0.5 * (backward + forward))
        squared = sum(slope**2 for slope in first)
        for a in range(phi.ndim):
            second = _neighbour(padded, {a: 1}) - 2 * phi + _neighbour(padded, {a: -1})
            bending = bending + second * (squared - first[a] ** 2)
            for b in range(a):
                corners = ((1, 1, 1), (-1, -1, 1), (1, -1, -1), (-1, 1, -1))
                mixed = sum(sign * _neighbour(padded, {a: i, b: j}) for i, j, sign in corners) / 4
                bending = bending - 2 * first[a] * first[b] * mixed
        curvature = bending / (squared + np.float32(1e-6))
        phi = phi - time_step * (speed * np.sqrt(upwind) - curvature_weight * curvature)
    return phi


def _neighbour(padded: np.ndarray, offset: dict[int, int]) -> np.ndarray:
    shifts = [offset.get(axis, 0) for axis in range(padded.ndim)]
    return padded[tuple(slice(1 + shift, n - 1 + shift) for shift, n in zip(shifts, padded.shape, strict=True))]


def area_inside(phi: np.ndarray, spacing_mm: tuple[float, float]) -> float:
    """Returns the area inside the zero contour of a plane phi, mm**2: of the polygons that linear interpolation gives.

    Raises:
        ImportError: if scikit-image is not installed.
    """
    from skimage.measure import find_contours

    frame = np.pad(phi, 1, constant_values=-INSIDE * np.abs(phi).max())
    area = 0.0
    for polygon in find_contours(-INSIDE * frame, 0.0):
        y, x = (polygon * spacing_mm).T
        area += 0.5 * np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])
    return abs(area)
