"""From a user's seed points to a segmentation: the classical level set method with parameters that mean something."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from keras import ops

from lsn_tf.compilation import compiled
from lsn_tf.layers import EdgeIndicator, IntensitySpeed, LevelSetStep, Reinitialization
from lsn_tf.layers.edge_indicator import smooth
from lsn_tf.numerics import level_sets
from lsn_tf.numerics.level_sets import INSIDE, connected_to
from lsn_tf.solver.solving import Solution, State, solve
from lsn_tf.solver.stopping import Stopping

SMOOTHING_RADIUS = 6  # pixels, where a Gaussian is cut, but not within three standard deviations


@dataclasses.dataclass(frozen=True)
class Parameters:
    """The level set equation of a seeded contour, phi_t + c f(I) g(I) |grad phi| = epsilon kappa |grad phi|.

    Defaults are those calibrated on contrast-enhanced livers, see results/lits_mini.

    Attributes:
        propagation: c, speed of the front where the image looks like its inside, mm/s.
        curvature: epsilon, weight of curvature, mm**2/s: a round tongue of radius below epsilon / c, in space twice
            that, cannot grow.
        sigma: width of the Gaussian that removes noise, mm.
        width: half the width of the window of intensities in which the front expands, HU; see `IntensitySpeed`.
        spread: standard deviations of the inside by which that window widens.
        contraction: the fastest that the front goes back, as a share of c.
        lowest_mean: the mean intensity of the inside counts as at least this, HU. An unenhanced healthy liver has some
            55 HU; a seed point in a tumour or in a fatty liver may lie below.
        edge_contrast: lambda of the edge indicator g, the gradient that halves the speed, HU/mm; 0 for no edges.
        seed_radius: radius of the discs or balls around the seed points that the front starts from, mm.
        seconds: T. From a single seed point the front goes no further than c T.
    """

    propagation: float = 1.0
    curvature: float = 0.65
    sigma: float = 1.5
    width: float = 26.0
    spread: float = 1.0
    contraction: float = 0.25
    lowest_mean: float = 40.0
    edge_contrast: float = 0.0
    seed_radius: float = 8.0
    seconds: float = 275.0

    def __post_init__(self):
        positive = ("propagation", "sigma", "width", "seed_radius", "seconds")
        for name, value in dataclasses.asdict(self).items():
            if name == "lowest_mean" and np.isfinite(value):
                continue
            if not np.isfinite(value) or value < 0 or (name in positive and value == 0):
                wanted = "positive" if name in positive else "not negative"
                raise ValueError(f"{name} must be {wanted}. Received {name}={value}.")
        _check_start_grows(self, ndim=2)


def segment_from(
    image: np.ndarray,
    spacing_mm: np.ndarray,
    phi: np.ndarray,
    parameters: Parameters | None = None,
    stopping: Stopping | None = None,
    callback: Callable[[State], bool | None] | None = None,
) -> Solution:
    """Returns the contours into which given ones grow, each image of a batch by itself.

    Args:
        image: (batch, [depth,] height, width, 1), HU.
        spacing_mm: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.
        phi: the initial contours, shaped like image, mm, negative inside.
        parameters: of the equation.
        stopping: when to stop; its time is that of the parameters unless it has one of its own.
        callback: see `solve`.

    Returns:
        The solution. Of its inside only the parts that are connected with the initial contours are kept: what a front
        has left behind a passage that has closed is not wanted.
    """
    parameters = parameters or Parameters()
    stopping = stopping or Stopping(max_steps=100_000)
    if stopping.seconds is None:
        stopping = dataclasses.replace(stopping, seconds=parameters.seconds)
    volumes = image.ndim == 5
    _check_start_grows(parameters, image.ndim - 2)
    solution = solve(
        phi,
        coefficients(image, spacing_mm, parameters),
        spacing_mm,
        step=LevelSetStep(dtype="float32"),
        stopping=stopping,
        reinitialization=Reinitialization(12, dtype="float32") if volumes else None,
        active=volumes,
        callback=callback,
    )
    pairs = zip(solution.phi[..., 0], phi[..., 0], strict=True)
    return dataclasses.replace(solution, phi=np.stack([connected_to(*pair) for pair in pairs])[..., None])


def arrival_times(image: np.ndarray, spacing_mm: np.ndarray, phi: np.ndarray, parameters: Parameters) -> np.ndarray:
    """Returns when the front would arrive at each pixel with the speed that it has at the start, by fast marching.

    Curvature is left out, and the speed where it is negative: there, and behind, the front never arrives.

    Args:
        image: (batch, [depth,] height, width, 1), HU.
        spacing_mm: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.
        phi: the initial contours, shaped like image, mm.
        parameters: of the equation.

    Returns:
        Shaped like image, s; 0 inside the initial contours, inf where the front never arrives.
    """
    speed = coefficients(image, spacing_mm, parameters)(ops.convert_to_tensor(phi, "float32"))["speed"]
    speed = np.maximum(ops.convert_to_numpy(speed), 0)[..., 0]
    triples = zip(speed, spacing_mm, phi[..., 0], strict=True)
    return np.stack([level_sets.arrival_time(*triple) for triple in triples])[..., None]


def contours_at(times: np.ndarray, seconds: float, spacing_mm: np.ndarray) -> np.ndarray:
    """Returns the signed distance to the front at a time, from arrival times as `arrival_times` gives them, mm."""
    pairs = zip(-INSIDE * (times[..., 0] - seconds), spacing_mm, strict=True)
    return np.stack([level_sets.distance_to_front(*pair) for pair in pairs])[..., None]


def coefficients(image: np.ndarray, spacing_mm: np.ndarray, parameters: Parameters) -> Callable:
    """Returns the coefficients of the equation as a function of phi, whose inside they follow."""
    image, spacing = ops.convert_to_tensor(image, "float32"), ops.convert_to_tensor(spacing_mm, "float32")
    radius = max(SMOOTHING_RADIUS, int(np.ceil(3 * parameters.sigma / np.min(spacing_mm))))
    smoothed = _smoother(len(image.shape), radius)(image, spacing, ops.convert_to_tensor(parameters.sigma, "float32"))
    window = (parameters.width, parameters.spread, parameters.contraction, parameters.lowest_mean)
    region = IntensitySpeed(*window, dtype="float32")
    edges = 1.0
    if parameters.edge_contrast:
        indicator = EdgeIndicator(parameters.sigma, parameters.edge_contrast, radius=radius, dtype="float32")
        edges = indicator(image, spacing)
    curvature = np.full((1,) * image.ndim, parameters.curvature, np.float32)

    def fields(phi):
        speed = region(smoothed, phi)
        return {"speed": parameters.propagation * ops.where(speed > 0, edges * speed, speed),
                "curvature_weight": curvature}  # fmt: skip

    return fields


@functools.cache
def _smoother(rank: int, radius: int) -> Callable:
    """Returns the smoothing of images with so many axes, compiled once a process."""
    return compiled(lambda image, spacing, sigma: smooth(image, spacing, sigma, radius))


def _check_start_grows(parameters: Parameters, ndim: int) -> None:
    """Raises ValueError if the curvature of the start, (ndim - 1) / seed_radius, would hold it back."""
    if (ndim - 1) * parameters.curvature >= parameters.propagation * parameters.seed_radius:
        raise ValueError(
            f"curvature must be below propagation * seed_radius / {ndim - 1} in {ndim} dimensions, or the start "
            f"shrinks away. Received curvature={parameters.curvature} mm**2/s with {parameters.propagation} mm/s and "
            f"{parameters.seed_radius} mm."
        )
