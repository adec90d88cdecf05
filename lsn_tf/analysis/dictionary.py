"""The named kernels: finite differences from the solver's own catalogue of stencils, and those of image processing.

Each is a correlation of shape (3, 3), y downwards, at a pixel size of one, scaled as its name is usually written.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator

import numpy as np
from scipy import special

from lsn_tf.numerics.stencils import gradient_names, mixed_names, one_sided_names, second_names, stencil_kernel

SOBEL, SCHARR, PREWITT = 1 / 4, 3 / 16, 1 / 3  # a of the smoothing (a, 1 - 2a, a) across the derivative
SCALES = (0.25, 1.0, 4.0)  # t, variance in pixels**2, of the discrete Gaussians
PECLET = (1.0, 4.0)  # |a| h / nu of advection-diffusion: central differences oscillate above 2
COURANT = 0.5  # |a| dt / h of a step of upwind transport
ANGLES = (0, 45, 90, 135)  # degrees, of the direction across a Gabor kernel's stripes


@dataclasses.dataclass(frozen=True)
class NamedKernel:
    """A kernel that has a name.

    Attributes:
        name: the term of the field, unique in a dictionary.
        family: what it is one of, e.g. "first difference"; claims are made for families.
        kernel: (s, s), s odd, float64.
    """

    name: str
    family: str
    kernel: np.ndarray


@functools.cache
def named_kernels() -> tuple[NamedKernel, ...]:
    """Returns the dictionary: numerical analysis first, then image processing, then scale space."""
    groups = (_differences, _laplacians, _transport, _smoothing, _sharpening, _gabor, _scale_space)
    return tuple(NamedKernel(name, family, kernel) for group in groups for name, family, kernel in group())


def published_kernels() -> tuple[NamedKernel, ...]:
    """Returns those that were named in the analysis of 2020, doi:10.1117/12.2548871."""
    names = {"identity", "laplacian_5", "laplacian_9", "laplacian_diagonal", "gaussian_blur", "local_mean", "sharpen"}
    return tuple(entry for entry in named_kernels() if entry.name in names or entry.name.startswith("sobel_"))


Entries = Iterator[tuple[str, str, np.ndarray]]


def _stencil(*names: str) -> np.ndarray:
    return stencil_kernel(names)[..., 0, :].astype(np.float64).sum(axis=-1)


IDENTITY = np.outer((0, 1, 0), (0, 1, 0)).astype(float)


def _row(stencil: str) -> np.ndarray:
    """Returns the coefficients along x, (3,), of a stencil along x."""
    return _stencil(stencil)[1]


def _smooth(a: float) -> np.ndarray:
    return np.array([a, 1 - 2 * a, a])


def _turned_45(kernel: np.ndarray) -> np.ndarray:
    """Returns a (3, 3) kernel whose eight outer coefficients have moved on by one place, clockwise."""
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    turned = kernel.copy()
    for here, there in zip(ring, ring[1:] + ring[:1], strict=True):
        turned[there] = kernel[here]
    return turned


def _differences() -> Entries:
    yield "identity", "identity", IDENTITY
    for name in one_sided_names(2) + gradient_names(2):
        yield name, "first difference", _stencil(name)
    for operator, a in (("sobel", SOBEL), ("scharr", SCHARR), ("prewitt", PREWITT)):
        along_x = np.outer(_smooth(a), _row("central_x"))
        yield f"{operator}_x", "first difference", along_x
        yield f"{operator}_y", "first difference", along_x.T
        yield f"{operator}_diagonal", "first difference", _turned_45(along_x)
        yield f"{operator}_antidiagonal", "first difference", np.flipud(_turned_45(along_x))
    for name in second_names(2) + mixed_names(2):
        yield name, "second difference", _stencil(name)


def _laplacians() -> Entries:
    five = _stencil(*second_names(2))
    diagonal = np.outer((1, 0, 1), (1, 0, 1)) / 2 - 2 * IDENTITY
    yield "laplacian_5", "Laplacian", five
    yield "laplacian_9", "Laplacian", (five + 2 * diagonal) / 3
    yield "laplacian_diagonal", "Laplacian", diagonal
    yield "laplacian_mehrstellen", "Laplacian", (2 * five + diagonal) / 3


def _transport() -> Entries:
    """Upwind transport along the diagonals, one step of it, and advection-diffusion a . grad u - nu Laplace u."""
    along = {
        axis: {"backward": _stencil(f"backward_{axis}"), "forward": -_stencil(f"forward_{axis}")} for axis in "xy"
    }  # the wind blows along the axis, or against it
    for x_side, y_side in itertools.product(("backward", "forward"), repeat=2):
        yield f"upwind_{x_side}_x_{y_side}_y", "upwind", along["x"][x_side] + along["y"][y_side]
    for name in one_sided_names(2):
        side, axis = name.split("_")
        yield f"upwind_step_{name}", "upwind", IDENTITY - COURANT * along[axis][side]
    for axis in "xy":
        for direction, wind in (("", 1), ("_reversed", -1)):
            for peclet in PECLET:
                kernel = wind * _stencil(f"central_{axis}") - _stencil(*second_names(2)) / peclet
                yield f"advection_diffusion_{axis}{direction}_peclet_{peclet:g}", "advection-diffusion", kernel


def _smoothing() -> Entries:
    yield "gaussian_blur", "blur", np.outer(_smooth(1 / 4), _smooth(1 / 4))
    yield "local_mean", "blur", np.outer(_smooth(1 / 3), _smooth(1 / 3))
    yield "motion_blur_x", "motion blur", np.outer((0, 1, 0), _smooth(1 / 3))
    yield "motion_blur_y", "motion blur", np.outer(_smooth(1 / 3), (0, 1, 0))
    yield "motion_blur_diagonal", "motion blur", np.eye(3) / 3
    yield "motion_blur_antidiagonal", "motion blur", np.fliplr(np.eye(3)) / 3


def _sharpening() -> Entries:
    five = _stencil(*second_names(2))
    y, x = np.mgrid[-1:2, -1:2]
    yield "sharpen", "sharpen", IDENTITY - five
    yield "sharpen_9", "sharpen", 10 * IDENTITY - np.outer((1, 1, 1), (1, 1, 1))
    yield "unsharp_mask", "sharpen", 2 * IDENTITY - np.outer(_smooth(1 / 4), _smooth(1 / 4))
    yield "emboss", "emboss", x + y + IDENTITY
    yield "emboss_reversed", "emboss", -(x + y) + IDENTITY
    for sigma in (0.5, 0.7):  # pixels; with wider ones the ring of sign changes lies outside of 3 x 3
        sampled = (x**2 + y**2 - 2 * sigma**2) * np.exp(-(x**2 + y**2) / (2 * sigma**2)) / sigma**4
        yield f"laplacian_of_gaussian_{sigma:g}", "Laplacian of Gaussian", sampled - sampled.mean()


def _gabor(sigma: float = 1.0, wavelength: float = 2.5) -> Entries:
    y, x = np.mgrid[-1:2, -1:2]
    envelope = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    for angle in ANGLES:
        phase = 2 * np.pi / wavelength * (np.cos(np.radians(angle)) * x + np.sin(np.radians(angle)) * y)
        even = envelope * np.cos(phase)
        yield f"gabor_even_{angle}", "Gabor", even - envelope * even.sum() / envelope.sum()
        yield f"gabor_odd_{angle}", "Gabor", envelope * np.sin(phase)


def _scale_space() -> Entries:
    """Discrete Gaussian derivatives: differences of exp(-t) I_n(t), cut to three pixels and scaled to sum 1.

    Reference: Lindeberg (1993), doi:10.1007/BF01469346.
    """
    for t in SCALES:
        weights = special.ive(np.array([1, 0, 1]), t)
        smooth = weights / weights.sum()
        first, second = (np.outer(smooth, _row(name)) for name in ("central_x", "second_xx"))
        yield f"gaussian_t_{t:g}", "scale space", np.outer(smooth, smooth)
        for order, kernel in (("x", first), ("xx", second)):
            yield f"gaussian_{order}_t_{t:g}", "scale space", kernel
            yield f"gaussian_{order.replace('x', 'y')}_t_{t:g}", "scale space", kernel.T
        yield f"gaussian_laplacian_t_{t:g}", "scale space", second + second.T
