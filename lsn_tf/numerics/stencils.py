"""The catalogue of finite difference stencils: it initialises the solver and names learned kernels.

A stencil is an array c of shape (3, 3), or (3, 3, 3) in space, applied as a correlation:
(c * phi)[i, j] = sum over a, b of c[a, b] phi[i + a - 1, j + b - 1].
The last axis is x, the one before it y (downwards), the first of three z; coefficients are for a pixel size of one.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

AXES = "zyx"
_ROWS = {  # name: coefficients, how often it differentiates, order of accuracy
    "backward": ((-1, 1, 0), 1, 1),
    "forward": ((0, -1, 1), 1, 1),
    "central": ((-0.5, 0, 0.5), 1, 2),
    "second": ((1, -2, 1), 2, 2),
}


@dataclasses.dataclass(frozen=True)
class Stencil:
    """A finite difference approximation of one partial derivative on a neighbourhood of 3 pixels along each axis.

    Attributes:
        name: The term used in numerical analysis, e.g. "backward_x".
        coefficients: (3, 3) or (3, 3, 3), for unit pixel size; divide by hy**py * hx**px for another.
        derivative: (py, px) or (pz, py, px), how often the stencil differentiates along each axis.
        order: Order of accuracy p: the truncation error is O(h**p).
    """

    name: str
    coefficients: np.ndarray
    derivative: tuple[int, ...]
    order: int


def axis_names(ndim: int) -> str:
    """Returns the names of the axes of an image of this dimension: "yx" or "zyx"."""
    if ndim not in (2, 3):
        raise ValueError(f"ndim must be 2 or 3, a plane or space. Received ndim={ndim}.")
    return AXES[-ndim:]


def one_sided_names(ndim: int) -> tuple[str, ...]:
    """Returns backward and forward of each axis, the differences of upwind schemes."""
    return tuple(f"{side}_{axis}" for axis in axis_names(ndim) for side in ("backward", "forward"))


def gradient_names(ndim: int) -> tuple[str, ...]:
    """Returns the central differences that make up the gradient."""
    return tuple(f"central_{axis}" for axis in axis_names(ndim))


def second_names(ndim: int) -> tuple[str, ...]:
    """Returns the unmixed second differences, the diagonal of the Hessian."""
    return tuple(f"second_{axis * 2}" for axis in axis_names(ndim))


def mixed_names(ndim: int) -> tuple[str, ...]:
    """Returns the mixed second differences, one for each pair of axes."""
    return tuple(f"mixed_{b}{a}" for a, b in itertools.combinations(axis_names(ndim), 2))


@functools.cache
def catalogue(ndim: int) -> Mapping[str, Stencil]:
    """Returns the stencils in this dimension by name."""
    names = [name for axis in axis_names(ndim)[::-1] for name in _along(axis)] + list(mixed_names(ndim))
    return {name: _stencil(name, ndim) for name in names}


def _along(axis: str) -> list[str]:
    return [f"{kind}_{axis * row[1]}" if kind == "second" else f"{kind}_{axis}" for kind, row in _ROWS.items()]


def _stencil(name: str, ndim: int) -> Stencil:
    """Returns the product of differences along the axes that its name mentions; along the others it looks straight."""
    kind, _, mentioned = name.partition("_")
    row, times, order = _ROWS["central" if kind == "mixed" else kind]
    coefficients = functools.reduce(np.multiply.outer, (row if a in mentioned else (0, 1, 0) for a in axis_names(ndim)))
    derivative = tuple(times if axis in mentioned else 0 for axis in axis_names(ndim))
    return Stencil(name, np.asarray(coefficients, float), derivative, order)


STENCILS: Mapping[str, Stencil] = catalogue(2)


def get_stencil(name: str, ndim: int = 2) -> Stencil:
    """Returns the stencil of this name. Raises ValueError, with the names there are, for another."""
    if name not in catalogue(ndim):
        raise ValueError(f"stencil must be one of {sorted(catalogue(ndim))}. Received {name!r}.")
    return catalogue(ndim)[name]


def stencil_kernel(names: Sequence[str], ndim: int = 2) -> np.ndarray:
    """Returns the stencils as one convolution kernel of shape (3, 3, 1, len(names)), or with three 3s; float32."""
    return np.stack([get_stencil(n, ndim).coefficients for n in names], axis=-1)[..., None, :].astype(np.float32)
