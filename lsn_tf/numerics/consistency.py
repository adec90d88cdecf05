"""Consistency of a stencil: which derivative it approximates and how well, read off its moments.

By Taylor's theorem a stencil c approximates the derivative (py, px) with order p if and only if its moments
m(qy, qx) = sum c[a, b] (a - 1)**qy (b - 1)**qx vanish for every qy + qx < py + px + p, except m(py, px) = py! px!;
in space there are three powers. These are linear conditions A c = b, the form in which Bar-Sinai et al. (2019),
doi:10.1073/pnas.1814058116, keep a learned stencil a finite difference.
"""

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np

from lsn_tf.numerics.stencils import Stencil

OFFSETS = np.array([-1.0, 0.0, 1.0])


def moment_row(*powers: int) -> np.ndarray:
    """Returns the row of A, shape (9,) or (27,), whose product with a flattened stencil is its moment m(qy, qx)."""
    return functools.reduce(np.multiply.outer, [OFFSETS**q for q in powers]).ravel()


def moment(coefficients: np.ndarray, *powers: int) -> float:
    """Returns the moment m(qy, qx) of a stencil of shape (3, 3), or m(qz, qy, qx) of one of shape (3, 3, 3)."""
    return float(moment_row(*powers) @ np.asarray(coefficients, dtype=np.float64).ravel())


def moment_conditions(stencil: Stencil) -> tuple[np.ndarray, np.ndarray]:
    """Returns A, shape (n, 9) or (n, 27), and b, shape (n,): A c = b for every stencil as consistent as this one."""
    degree = sum(stencil.derivative) + stencil.order
    powers = [q for q in itertools.product(range(degree), repeat=len(stencil.derivative)) if sum(q) < degree]
    rows = np.array([moment_row(*q) for q in powers])
    own = math.prod(map(math.factorial, stencil.derivative))
    return rows, np.array([own * (q == stencil.derivative) for q in powers], float)


def consistent_projection(stencil: Stencil) -> tuple[np.ndarray, np.ndarray]:
    """Returns P, shape (9, 9), and q, shape (9,), such that P c + q is the consistent stencil nearest to c.

    In space the shapes are (27, 27) and (27,).
    """
    rows, target = moment_conditions(stencil)
    pseudo_inverse = np.linalg.pinv(rows)
    return np.eye(rows.shape[1]) - pseudo_inverse @ rows, pseudo_inverse @ target


def order_of_accuracy(coefficients: np.ndarray, derivative: Sequence[int], tolerance: float = 1e-6) -> int:
    """Returns the order p, at most 3, with which a stencil approximates this derivative; 0 if it does not."""
    order = 0
    while order < 3 and _satisfies(coefficients, Stencil("", coefficients, tuple(derivative), order + 1), tolerance):
        order += 1
    return order


def _satisfies(coefficients: np.ndarray, stencil: Stencil, tolerance: float) -> bool:
    rows, target = moment_conditions(stencil)
    return bool(np.abs(rows @ np.ravel(coefficients) - target).max() <= tolerance)


def observed_order(errors: list[float], spacings: list[float]) -> float:
    """Returns the slope of log(error) against log(spacing): the order of accuracy seen on these grids."""
    return float(np.polyfit(np.log(spacings), np.log(errors), 1)[0])
