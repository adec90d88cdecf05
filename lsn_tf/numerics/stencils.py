"""The catalogue of 3x3 finite difference stencils: it initialises the solver and names learned kernels.

A stencil is an array c of shape (3, 3), applied as a correlation:
(c * phi)[i, j] = sum over a, b of c[a, b] phi[i + a - 1, j + b - 1].
The first axis is y (downwards), the second x; coefficients are those for a pixel size of one.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Stencil:
    """A finite difference approximation of one partial derivative on a 3x3 neighbourhood.

    Attributes:
        name: The term used in numerical analysis, e.g. "backward_x".
        coefficients: (3, 3), for unit pixel size; divide by hy**py * hx**px for another.
        derivative: (py, px), how often the stencil differentiates along y and x.
        order: Order of accuracy p: the truncation error is O(h**p).
    """

    name: str
    coefficients: np.ndarray
    derivative: tuple[int, int]
    order: int


def _along_x(name: str, row: Sequence[float], px: int, order: int) -> Stencil:
    coefficients = np.zeros((3, 3))
    coefficients[1] = row
    return Stencil(name, coefficients, (0, px), order)


def _transposed(stencil: Stencil, name: str) -> Stencil:
    return Stencil(name, stencil.coefficients.T.copy(), stencil.derivative[::-1], stencil.order)


def _catalogue() -> dict[str, Stencil]:
    along_x = [
        _along_x("backward_x", (-1, 1, 0), 1, 1),
        _along_x("forward_x", (0, -1, 1), 1, 1),
        _along_x("central_x", (-0.5, 0, 0.5), 1, 2),
        _along_x("second_xx", (1, -2, 1), 2, 2),
    ]
    along_y = [_transposed(s, s.name.replace("x", "y")) for s in along_x]
    mixed = Stencil("mixed_xy", np.outer([-0.5, 0, 0.5], [-0.5, 0, 0.5]), (1, 1), 2)
    return {s.name: s for s in (*along_x, *along_y, mixed)}


STENCILS: dict[str, Stencil] = _catalogue()


def get_stencil(name: str) -> Stencil:
    """Returns the stencil of this name. Raises ValueError, with the names there are, for another."""
    if name not in STENCILS:
        raise ValueError(f"stencil must be one of {sorted(STENCILS)}. Received {name!r}.")
    return STENCILS[name]


def stencil_kernel(names: Sequence[str]) -> np.ndarray:
    """Returns the stencils as one convolution kernel of shape (3, 3, 1, len(names)), float32."""
    return np.stack([get_stencil(n).coefficients for n in names], axis=-1)[:, :, None, :].astype(np.float32)
