"""The named kernels: finite differences from the solver's own catalogue of stencils, and those of image processing.

Each is a correlation of shape (3, 3), y downwards, or (3, 3, 3), z first, at a pixel size of one, scaled as its name is
usually written.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import special

from lsn_tf.numerics.stencils import (
    axis_names,
    gradient_names,
    mixed_names,
    one_sided_names,
    second_names,
    stencil_kernel,
)

SOBEL, SCHARR, PREWITT = 1 / 4, 3 / 16, 1 / 3  # a of the smoothing (a, 1 - 2a, a) across the derivative
SCALES = (0.25, 1.0, 4.0)  # t, variance in pixels**2, of the discrete Gaussians
PECLET = (1.0, 4.0)  # |a| h / nu of advection-diffusion: central differences oscillate above 2
COURANT = 0.5  # |a| dt / h of a step of upwind transport
ANGLES = (0, 45, 90, 135)  # degrees, of the direction across a Gabor kernel's stripes in the plane
LAPLACIANS = {  # by dimension: the share of each shell of neighbours, of those that differ along 1, 2 and 3 axes
    2: {
        "laplacian_5": (1, 0),
        "laplacian_9": (1 / 3, 2 / 3),  # all neighbours alike
        "laplacian_diagonal": (0, 1),
        "laplacian_mehrstellen": (2 / 3, 1 / 3),
    },
    3: {
        "laplacian_7": (1, 0, 0),
        "laplacian_27": (1 / 9, 4 / 9, 4 / 9),  # all neighbours alike
        "laplacian_edges": (0, 1, 0),
        "laplacian_corners": (0, 0, 1),
        "laplacian_19_mehrstellen": (1 / 3, 2 / 3, 0),
        "laplacian_27_mehrstellen": (7 / 15, 2 / 5, 2 / 15),  # Spotz & Carey (1996)
    },
}


@dataclasses.dataclass(frozen=True)
class NamedKernel:
    """A kernel that has a name.

    Attributes:
        name: the term of the field, unique in a dictionary.
        family: what it is one of, e.g. "first difference"; claims are made for families.
        kernel: (s, s) or (s, s, s), s odd, float64.
    """

    name: str
    family: str
    kernel: np.ndarray


@functools.cache
def named_kernels(ndim: int = 2) -> tuple[NamedKernel, ...]:
    """Returns the dictionary in the plane or in space: numerical analysis first, image processing, then scale space."""
    groups = (_differences, _laplacians, _transport, _smoothing, _sharpening, _gabor, _scale_space)
    return tuple(NamedKernel(name, family, kernel) for group in groups for name, family, kernel in group(ndim))


def published_kernels() -> tuple[NamedKernel, ...]:
    """Returns those that were named in the analysis of 2020, doi:10.1117/12.2548871."""
    names = {"identity", "laplacian_5", "laplacian_9", "laplacian_diagonal", "gaussian_blur", "local_mean", "sharpen"}
    return tuple(entry for entry in named_kernels() if entry.name in names or entry.name.startswith("sobel_"))


Entries = Iterator[tuple[str, str, np.ndarray]]
POINT = np.array([0.0, 1.0, 0.0])


def _stencil(*names: str, ndim: int) -> np.ndarray:
    return stencil_kernel(names, ndim)[..., 0, :].astype(np.float64).sum(axis=-1)


def _row(stencil: str) -> np.ndarray:
    """Returns the coefficients along x, (3,), of a stencil along x."""
    return _stencil(stencil, ndim=2)[1]


def _smooth(a: float) -> np.ndarray:
    return np.array([a, 1 - 2 * a, a])


def _product(ndim: int, others: np.ndarray, rows: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
    """Returns the product of rows of 3 coefficients along the axes that they are given for, and others elsewhere."""
    return functools.reduce(np.multiply.outer, [(rows or {}).get(axis, others) for axis in axis_names(ndim)])


def _identity(ndim: int) -> np.ndarray:
    return _product(ndim, POINT)


def _offsets(ndim: int) -> np.ndarray:
    """Returns the offsets of the neighbours, ([z,] y, x), (ndim, 3, ...)."""
    return np.indices((3,) * ndim) - 1.0


def _turned_45(kernel: np.ndarray) -> np.ndarray:
    """Returns a (3, 3) kernel whose eight outer coefficients have moved on by one place, clockwise."""
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    turned = kernel.copy()
    for here, there in zip(ring, ring[1:] + ring[:1], strict=True):
        turned[there] = kernel[here]
    return turned


def _differences(ndim: int) -> Entries:
    yield "identity", "identity", _identity(ndim)
    for name in one_sided_names(ndim) + gradient_names(ndim):
        yield name, "first difference", _stencil(name, ndim=ndim)
    for operator, a in (("sobel", SOBEL), ("scharr", SCHARR), ("prewitt", PREWITT)):
        along = {axis: _product(ndim, _smooth(a), {axis: _row("central_x")}) for axis in "xyz"[:ndim]}
        for axis, kernel in along.items():
            yield f"{operator}_{axis}", "first difference", kernel
        if ndim == 2:
            yield f"{operator}_diagonal", "first difference", _turned_45(along["x"])
            yield f"{operator}_antidiagonal", "first difference", np.flipud(_turned_45(along["x"]))
    for name in second_names(ndim) + mixed_names(ndim):
        yield name, "second difference", _stencil(name, ndim=ndim)


def _laplacians(ndim: int) -> Entries:
    shells = [_shell(axes, ndim) for axes in range(1, ndim + 1)]
    for name, shares in LAPLACIANS[ndim].items():
        yield name, "Laplacian", sum(share * shell for share, shell in zip(shares, shells, strict=True))


def _shell(axes: int, ndim: int) -> np.ndarray:
    """Returns the Laplacian on the neighbours that differ along so many axes, all alike: its moments of x**2 are 2."""
    offsets = _offsets(ndim)
    neighbours = (np.abs(offsets).sum(axis=0) == axes).astype(float)
    neighbours *= 2 / np.sum(neighbours * offsets[0] ** 2)
    return neighbours - neighbours.sum() * _identity(ndim)


def _transport(ndim: int) -> Entries:
    """Upwind transport along the diagonals, one step of it, and advection-diffusion a . grad u - nu Laplace u."""
    along = {
        axis: {
            "backward": _stencil(f"backward_{axis}", ndim=ndim),
            "forward": -_stencil(f"forward_{axis}", ndim=ndim),
        }
        for axis in "xyz"[:ndim]
    }  # the wind blows along the axis, or against it
    for count in range(2, ndim + 1):
        for axes in itertools.combinations(along, count):
            for sides in itertools.product(("backward", "forward"), repeat=count):
                winds = list(zip(sides, axes, strict=True))
                name = "_".join(f"{side}_{axis}" for side, axis in winds)
                yield f"upwind_{name}", "upwind", sum(along[axis][side] for side, axis in winds)
    for name in one_sided_names(ndim):
        side, axis = name.split("_")
        yield f"upwind_step_{name}", "upwind", _identity(ndim) - COURANT * along[axis][side]
    for axis in along:
        for direction, wind in (("", 1), ("_reversed", -1)):
            for peclet in PECLET:
                advection, diffusion = _stencil(f"central_{axis}", ndim=ndim), _shell(1, ndim) / peclet
                name = f"advection_diffusion_{axis}{direction}_peclet_{peclet:g}"
                yield name, "advection-diffusion", wind * advection - diffusion


def _smoothing(ndim: int) -> Entries:
    yield "gaussian_blur", "blur", _product(ndim, _smooth(1 / 4))
    yield "local_mean", "blur", _product(ndim, _smooth(1 / 3))
    for name, direction in _directions(ndim).items():
        yield f"motion_blur_{name}", "motion blur", _line(direction) / 3


def _directions(ndim: int) -> dict[str, tuple[int, ...]]:
    """Returns the lines through a pixel and two neighbours, as offsets (x, y[, z]): along axes, then diagonals."""
    steps = [d for d in itertools.product((1, 0, -1), repeat=ndim) if d > (0,) * ndim]
    steps.sort(key=lambda d: (sum(map(abs, d)), [-n for n in d]))
    if ndim == 2:
        return dict(zip(("x", "y", "diagonal", "antidiagonal"), steps, strict=True))
    signs = {1: "", -1: "-", 0: None}
    return {"".join(signs[n] + axis for n, axis in zip(d, "xyz", strict=True) if n): d for d in steps}


def _line(direction: Sequence[int]) -> np.ndarray:
    """Returns ones at a pixel and its two neighbours along a direction, given as (x, y[, z])."""
    line = np.zeros((3,) * len(direction))
    for step in (-1, 0, 1):
        line[tuple(1 + step * n for n in reversed(direction))] = 1
    return line


def _sharpening(ndim: int) -> Entries:
    offsets, identity = _offsets(ndim), _identity(ndim)
    slope, squared = offsets.sum(axis=0), (offsets**2).sum(axis=0)
    yield "sharpen", "sharpen", identity - _shell(1, ndim)
    yield f"sharpen_{3**ndim}", "sharpen", (3**ndim + 1) * identity - np.ones((3,) * ndim)
    yield "unsharp_mask", "sharpen", 2 * identity - _product(ndim, _smooth(1 / 4))
    yield "emboss", "emboss", slope + identity
    yield "emboss_reversed", "emboss", -slope + identity
    for sigma in (0.5, 0.7):  # pixels; with wider ones the ring of sign changes lies outside of 3 x 3
        sampled = (squared - ndim * sigma**2) * np.exp(-squared / (2 * sigma**2)) / sigma**4
        yield f"laplacian_of_gaussian_{sigma:g}", "Laplacian of Gaussian", sampled - sampled.mean()


def _gabor(ndim: int, sigma: float = 1.0, wavelength: float = 2.5) -> Entries:
    offsets = _offsets(ndim)
    envelope = np.exp(-(offsets**2).sum(axis=0) / (2 * sigma**2))
    if ndim == 2:
        across = {f"{angle}": (np.cos(np.radians(angle)), np.sin(np.radians(angle))) for angle in ANGLES}
    else:
        across = {name: np.array(d) / np.linalg.norm(d) for name, d in _directions(ndim).items()}
    for name, direction in across.items():
        phase = 2 * np.pi / wavelength * np.tensordot(direction[::-1], offsets, axes=1)
        even = envelope * np.cos(phase)
        yield f"gabor_even_{name}", "Gabor", even - envelope * even.sum() / envelope.sum()
        yield f"gabor_odd_{name}", "Gabor", envelope * np.sin(phase)


def _scale_space(ndim: int) -> Entries:
    """Discrete Gaussian derivatives: differences of exp(-t) I_n(t), cut to three pixels and scaled to sum 1.

    Reference: Lindeberg (1993), doi:10.1007/BF01469346.
    """
    for t in SCALES:
        weights = special.ive(np.array([1, 0, 1]), t)
        smooth = weights / weights.sum()
        yield f"gaussian_t_{t:g}", "scale space", _product(ndim, smooth)
        second = {axis: _product(ndim, smooth, {axis: _row("second_xx")}) for axis in "xyz"[:ndim]}
        for axis in second:
            yield f"gaussian_{axis}_t_{t:g}", "scale space", _product(ndim, smooth, {axis: _row("central_x")})
        for axis, kernel in second.items():
            yield f"gaussian_{axis * 2}_t_{t:g}", "scale space", kernel
        yield f"gaussian_laplacian_t_{t:g}", "scale space", sum(second.values())
