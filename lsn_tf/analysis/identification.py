"""What numerical analysis says of a kernel: norm, moments, which derivative it is, how much of it is differences.

The numbers of a kernel table, one row a kernel. With a, b the offsets from the centre, in pixels, a moment is
m(qy, qx) = sum k[a, b] a**qy b**qx, and by Taylor's theorem k phi = sum of m(qy, qx) / (qy! qx!) d^q phi.
"""

import functools

import numpy as np

from lsn_tf.analysis.kernel_arrays import chunks, flat, norms, single_threaded, size_of
from lsn_tf.analysis.templates import Templates, nearest

DEAD = 0.01  # of the layer's largest weight: the sparsity threshold of CNN Filter DB, doi:10.1109/CVPR52688.2022.01848
VANISHES = 0.05  # |cosine| between a kernel and a monomial that counts as a moment of 0
MOMENTS = ((0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0))  # (qy, qx)
HIGHEST_ACCURACY = 3  # that is told from higher ones, as in numerics.consistency


def describe(kernels: np.ndarray, templates: Templates, tolerance: float = VANISHES) -> dict[str, np.ndarray]:
    """Returns columns of the kernel table, each with one value a kernel.

    norm, dc_energy, m00 to m20 (see `moments`), operator (index into `operator_names`), accuracy,
    fd_share_1 to fd_share_4 (see `finite_difference_shares`), nearest (index into templates.names) and similarity.

    Args:
        kernels: (n, s, s).
        templates: the named kernels, for this s.
        tolerance: of the moments that count as 0, see `operators`.
    """
    shares = finite_difference_shares(kernels)
    operator, accuracy = operators(kernels, tolerance)
    index, similarity = nearest(kernels, templates)
    return {
        "norm": norms(flat(kernels)),
        "dc_energy": dc_energy(kernels),
        **{f"m{qy}{qx}": column for (qy, qx), column in zip(MOMENTS, moments(kernels).T, strict=True)},
        "operator": operator,
        "accuracy": accuracy,
        **{f"fd_share_{order}": share for order, share in enumerate(shares.T, start=1)},
        "nearest": index,
        "similarity": similarity,
    }


def dead(kernels: np.ndarray, threshold: float = DEAD) -> np.ndarray:
    """Tells which of a layer's kernels have no weight above threshold times the layer's largest: (n,) bool."""
    rows = flat(kernels)
    largest = np.zeros(len(rows), np.float32)
    for column in rows.T:
        np.maximum(largest, np.abs(column), out=largest)
    return largest <= threshold * largest.max(initial=0)


def dc_energy(kernels: np.ndarray) -> np.ndarray:
    """Returns (sum k)**2 / (d |k|**2), (n,): 0 for a kernel of mean zero, 1 for a constant one, 1 / d by chance.

    A kernel that is 0 has none.
    """
    rows = flat(kernels)
    energy = np.einsum("nd,nd->n", rows, rows) * rows.shape[1]
    return (rows @ np.ones(rows.shape[1], np.float32)) ** 2 / np.where(energy > 0, energy, 1)


def moments(kernels: np.ndarray) -> np.ndarray:
    """Returns the moments to order 2 of n kernels, (n, 6): m00, m01, m10, m02, m11, m20, the power of y first."""
    rows = flat(kernels)
    return rows @ np.stack([_monomial(size_of(rows), *q) for q in MOMENTS], axis=1).astype(np.float32)


@single_threaded
def finite_difference_shares(kernels: np.ndarray) -> np.ndarray:
    """Returns the share of |k|**2 in the finite differences of each order, (n, 2 s - 2): 4 orders for 3 x 3.

    Kernels that annihilate all polynomials of degree below p are a subspace, the finite differences of order p, nested
    as p grows: of 3 x 3 kernels they are 8, 6, 3 and 1 of 9 dimensions, which are also the shares of white noise,
    times 9. The share is that of the orthogonal projection on it; a kernel that is 0 has none.
    """
    rows = flat(kernels)
    basis, degrees = _graded_basis(size_of(rows))
    reached = (degrees[:, None] >= np.arange(1, degrees.max() + 1)).astype(np.float32)
    result = np.empty((len(rows), reached.shape[1]), np.float32)
    for chunk in chunks(len(rows)):
        energy = (rows[chunk] @ basis) ** 2
        total = energy.sum(axis=1)
        result[chunk] = (energy @ reached) / np.where(total > 0, total, 1)[:, None]
    return np.minimum(result, 1, out=result)


def finite_difference_dimension(weights: int, order: int) -> int:
    """Returns the dimension of the finite differences of an order, in kernels of so many weights: 8, 6, 3, 1 of 9."""
    _, degrees = _graded_basis(round(weights**0.5))
    return int(np.sum(degrees >= order))


def finite_difference_basis(size: int, order: int) -> np.ndarray:
    """Returns an orthonormal basis of the finite differences of an order, as columns, (size**2, m).

    Raises:
        ValueError: if there are none of this order.
    """
    basis, degrees = _graded_basis(size)
    if not 0 <= order <= degrees.max():
        raise ValueError(f"order must be in [0, {degrees.max()}] for kernels of {size} x {size}. Received {order}.")
    return basis[:, degrees >= order]


def operator_names(size: int = 3) -> tuple[str, ...]:
    """Returns the operators that `operators` tells apart: "x" is d/dx, "xxy" d3/dx2dy, "mixed" a sum of several."""
    powers = [q for q in _powers(size) if max(q) < size]
    return ("none", "identity", *("x" * qx + "y" * qy for qy, qx in powers[1:]), "laplacian", "mixed")


@single_threaded
def operators(kernels: np.ndarray, tolerance: float = VANISHES) -> tuple[np.ndarray, np.ndarray]:
    """Returns the derivative that each kernel approximates and its order of accuracy.

    The derivative is read off the moments of the lowest degree d that do not vanish, up to a factor: one moment is a
    partial derivative, equal ones of x**2 and y**2 the Laplacian, others a mixture. The next degree that does not
    vanish, less d, is the order of accuracy, at most 3. A blur is thus the identity with accuracy 2.

    Args:
        kernels: (n, s, s).
        tolerance: largest |cosine| between kernel and monomial for which that moment counts as 0. By chance any one of
            a 3 x 3 kernel's moments does so in 11 % of kernels at 0.05.

    Returns:
        operator: (n,) int8, index into `operator_names(s)`; 0, "none", for kernels that are 0.
        accuracy: (n,) int8; 0 for those.
    """
    rows = flat(kernels)
    size = size_of(rows)
    operator, accuracy = np.zeros((2, len(rows)), np.int8)
    for chunk in chunks(len(rows)):
        operator[chunk], accuracy[chunk] = _leading_moments(rows[chunk], size, tolerance)
    return operator, accuracy


def _leading_moments(rows: np.ndarray, size: int, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    monomials, degrees, codes = _monomials(size)
    limit = tolerance * norms(rows)
    alive = np.abs(rows @ monomials) > limit[:, None]
    in_degree = (degrees[:, None] == np.arange(degrees.max() + 1)).astype(np.float32)
    seen = alive.astype(np.float32) @ in_degree > 0
    lowest = seen.argmax(axis=1)
    above = seen & (np.arange(seen.shape[1]) > lowest[:, None])
    following = np.where(above.any(axis=1), above.argmax(axis=1), lowest + HIGHEST_ACCURACY)
    leading = alive & (degrees == lowest[:, None])
    operator = np.where(leading.sum(axis=1) == 1, codes[leading.argmax(axis=1)], len(operator_names(size)) - 1)
    difference = np.abs(rows @ _unit(_monomial(size, 0, 2) - _monomial(size, 2, 0)))
    isotropic = (lowest == 2) & leading[:, 3] & leading[:, 5] & ~leading[:, 4] & (difference <= limit)
    operator[isotropic] = len(operator_names(size)) - 2
    exists = seen.any(axis=1)
    return operator * exists, np.minimum(following - lowest, HIGHEST_ACCURACY) * exists


def _monomial(size: int, qy: int, qx: int) -> np.ndarray:
    offsets = np.arange(size) - size // 2
    return np.multiply.outer(offsets**qy, offsets**qx).ravel().astype(np.float64)


def _unit(row: np.ndarray) -> np.ndarray:
    return (row / np.linalg.norm(row)).astype(np.float32)


def _powers(size: int) -> list[tuple[int, int]]:
    """Returns (qy, qx) by degree, up to 2 beyond 2 (s - 1), the highest degree in which a kernel can begin."""
    return [(qy, degree - qy) for degree in range(2 * size + 1) for qy in range(degree + 1)]


@functools.cache
def _monomials(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the monomials at norm 1, (d, m), their degrees and the operators that they stand for alone, (m,).

    With a power of s or more a monomial is a sum of lower ones on the grid: it counts for accuracy only.
    """
    powers, names = _powers(size), operator_names(size)
    columns = np.stack([_unit(_monomial(size, *q)) for q in powers], axis=1)
    plain = iter(range(1, len(names)))
    codes = [next(plain) if max(q) < size else len(names) - 1 for q in powers]
    return columns, np.array([sum(q) for q in powers]), np.array(codes)


@functools.cache
def _graded_basis(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns orthonormal polynomials as columns, (d, d), and the degree of each, (d,)."""
    powers = sorted(((qy, qx) for qy in range(size) for qx in range(size)), key=sum)
    basis, _ = np.linalg.qr(np.stack([_monomial(size, *q) for q in powers], axis=1))
    return basis.astype(np.float32), np.array([sum(q) for q in powers])
