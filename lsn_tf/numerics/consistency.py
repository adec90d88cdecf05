"""Consistency of a stencil: which derivative it approximates and how well, read off its moments.

By Taylor's theorem a stencil c approximates the derivative (py, px) with order p if and only if its moments
m(qy, qx) = sum c[a, b] (a - 1)**qy (b - 1)**qx vanish for every qy + qx < py + px + p, except m(py, px) = py! px!.
These are linear conditions A c = b, the form in which Bar-Sinai et al. (2019), doi:10.1073/pnas.1814058116,
keep a learned stencil a finite difference.
"""

import itertools
import math

import numpy as np

from lsn_tf.numerics.stencils import Stencil

OFFSETS = np.array([-1.0, 0.0, 1.0])


def moment_row(qy: int, qx: int) -> np.ndarray:
    """Returns the row of A, shape (9,), whose product with a flattened stencil is its moment m(qy, qx)."""
    return np.outer(OFFSETS**qy, OFFSETS**qx).ravel()


def moment(coefficients: np.ndarray, qy: int, qx: int) -> float:
    """Returns the moment m(qy, qx) of a (3, 3) stencil."""
    return float(moment_row(qy, qx) @ np.asarray(coefficients, dtype=np.float64).ravel())


def moment_conditions(stencil: Stencil) -> tuple[np.ndarray, np.ndarray]:
    """Returns A, shape (n, 9), and b, shape (n,), with A c = b for every stencil as consistent as this one."""
    degree = sum(stencil.derivative) + stencil.order
    powers = [q for q in itertools.product(range(degree), repeat=2) if sum(q) < degree]
    rows = np.array([moment_row(*q) for q in powers])
    py, px = stencil.derivative
    target = np.array([math.factorial(py) * math.factorial(px) * (q == stencil.derivative) for q in powers], float)
    return rows, target


def consistent_projection(stencil: Stencil) -> tuple[np.ndarray, np.ndarray]:
    """Returns P, shape (9, 9), and q, shape (9,), such that P c + q is the consistent stencil nearest to c."""
    rows, target = moment_conditions(stencil)
    pseudo_inverse = np.linalg.pinv(rows)
    return np.eye(9) - pseudo_inverse @ rows, pseudo_inverse @ target


def order_of_accuracy(coefficients: np.ndarray, derivative: tuple[int, int], tolerance: float = 1e-6) -> int:
    """Returns the order p with which a (3, 3) stencil approximates this derivative; 0 if it does not."""
    order = 0
    while order < 3 and _satisfies(coefficients, Stencil("", coefficients, derivative, order + 1), tolerance):
        order += 1
    return order


def _satisfies(coefficients: np.ndarray, stencil: Stencil, tolerance: float) -> bool:
    rows, target = moment_conditions(stencil)
    return bool(np.abs(rows @ np.ravel(coefficients) - target).max() <= tolerance)


def observed_order(errors: list[float], spacings: list[float]) -> float:
    """Returns the slope of log(error) against log(spacing): the order of accuracy seen on these grids."""
    return float(np.polyfit(np.log(spacings), np.log(errors), 1)[0])
