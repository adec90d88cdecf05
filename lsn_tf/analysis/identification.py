"""What numerical analysis says of a kernel: norm, moments, which derivative it is, how much of it is differences.

The numbers of a kernel table, one row a kernel. With a, b the offsets from the centre, in pixels, a moment is
m(qy, qx) = sum k[a, b] a**qy b**qx, and by Taylor's theorem k phi = sum of m(qy, qx) / (qy! qx!) d^q phi. Kernels in
space have three powers, that of z first.
"""

import functools
import itertools
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.kernel_arrays import chunks, flat, norms, shape_of, single_threaded
from lsn_tf.analysis.templates import Templates, nearest

DEAD = 0.01  # of the layer's largest weight: the sparsity threshold of CNN Filter DB, doi:10.1109/CVPR52688.2022.01848
VANISHES = 0.05  # relative size of a moment that counts as 0, see `operators`
HIGHEST_MOMENT = 2  # degree of those in the table


def describe(kernels: np.ndarray, templates: Templates, tolerance: float = VANISHES) -> dict[str, np.ndarray]:
    """Returns columns of the kernel table, each with one value a kernel.

    norm, dc_energy, m00 to m20 (see `moments`), operator (index into `operator_names`), accuracy, fd_share_1 to that of
    the highest order (see `finite_difference_shares`), nearest (index into templates.names) and similarity.

    Args:
        kernels: (n, *shape).
        templates: the named kernels, for this shape.
        tolerance: of the moments that count as 0, see `operators`.
    """
    shares = finite_difference_shares(kernels)
    operator, accuracy = operators(kernels, tolerance)
    index, similarity = nearest(kernels, templates)
    return {
        "norm": norms(flat(kernels)),
        "dc_energy": dc_energy(kernels),
        **{_moment_name(q): m for q, m in zip(moment_powers(kernels.ndim - 1), moments(kernels).T, strict=True)},
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


def moment_powers(ndim: int, degree: int = HIGHEST_MOMENT) -> list[tuple[int, ...]]:
    """Returns ([qz,] qy, qx) of all moments up to a degree, by degree: 00, 01, 10, 02, 11, 20."""
    powers = itertools.product(range(degree + 1), repeat=ndim)
    return sorted((q for q in powers if sum(q) <= degree), key=lambda q: (sum(q), q))


def moments(kernels: np.ndarray) -> np.ndarray:
    """Returns the moments to order 2 of n kernels: (n, 6) of squares, (n, 10) of cubes, see `moment_powers`."""
    shape = np.shape(kernels)[1:]
    columns = [_monomial(shape, q) for q in moment_powers(len(shape))]
    return flat(kernels) @ np.stack(columns, axis=1).astype(np.float32)


@single_threaded
def finite_difference_shares(kernels: np.ndarray) -> np.ndarray:
    """Returns the share of |k|**2 in the finite differences of each order, (n, p): 4 orders for 3 x 3.

    Kernels that annihilate all polynomials of degree below p are a subspace, the finite differences of order p, nested
    as p grows: of 3 x 3 kernels they are 8, 6, 3 and 1 of 9 dimensions, which are also the shares of white noise,
    times 9; of 3 x 3 x 3 ones 26, 23, 17, 10, 4 and 1 of 27. The share is that of the orthogonal projection on it; a
    kernel that is 0 has none.
    """
    rows = flat(kernels)
    basis, degrees = _graded_basis(np.shape(kernels)[1:])
    reached = (degrees[:, None] >= np.arange(1, degrees.max() + 1)).astype(np.float32)
    result = np.empty((len(rows), reached.shape[1]), np.float32)
    for chunk in chunks(len(rows)):
        energy = (rows[chunk] @ basis) ** 2
        total = energy.sum(axis=1)
        result[chunk] = (energy @ reached) / np.where(total > 0, total, 1)[:, None]
    return np.minimum(result, 1, out=result)


def finite_difference_dimension(size: int | Sequence[int], order: int) -> int:
    """Returns the dimension of the finite differences of an order among kernels of this width or shape."""
    _, degrees = _graded_basis(shape_of(size))
    return int(np.sum(degrees >= order))


def highest_order(size: int | Sequence[int]) -> int:
    """Returns the highest order of finite differences that kernels of this width or shape can have."""
    return sum(side - 1 for side in shape_of(size))


def finite_difference_basis(size: int | Sequence[int], order: int) -> np.ndarray:
    """Returns an orthonormal basis of the finite differences of an order, as columns, (d, m).

    Raises:
        ValueError: if there are none of this order.
    """
    basis, degrees = _graded_basis(shape_of(size))
    if not 0 <= order <= degrees.max():
        text = " x ".join(map(str, shape_of(size)))
        raise ValueError(f"order must be in [0, {degrees.max()}] for kernels of {text}. Received {order}.")
    return basis[:, degrees >= order]


def operator_names(size: int | Sequence[int] = 3) -> tuple[str, ...]:
    """Returns the operators that `operators` tells apart: "x" is d/dx, "xxy" d3/dx2dy, "mixed" a sum of several."""
    shape = shape_of(size)
    powers = [q for q in moment_powers(len(shape), highest_order(shape)) if max(q) < shape[0]]
    partial = ["".join(axis * n for axis, n in zip("xyz", q[::-1], strict=False)) for q in powers[1:]]
    return ("none", "identity", *partial, "laplacian", "mixed")


@single_threaded
def operators(kernels: np.ndarray, tolerance: float = VANISHES) -> tuple[np.ndarray, np.ndarray]:
    """Returns the derivative that each kernel approximates and its order of accuracy.

    The derivative is read off the moments of the lowest degree d that do not vanish, up to a factor: one moment is a
    partial derivative, equal ones along all axes the Laplacian, others a mixture. The next degree that does not
    vanish, less d, is the order of accuracy, at most s. A blur is thus the identity with accuracy 2.

    The moment with a monomial q of degree d is relative to |k r**d| |q|, where r is the distance from the centre in the
    maximum norm, at least 1, and |q| the norm on 3 points an axis. For s = 3 that is |k| |q|, the relative size a
    cosine. In wider kernels far weights thus do not drown near ones: a frame of zeros changes nothing.

    Args:
        kernels: (n, *shape), of width s.
        tolerance: largest relative size of a moment that counts as 0. By chance any one of a 3 x 3 kernel's moments is
            as small in 11 % of kernels at 0.05.

    Returns:
        operator: (n,) int16, index into `operator_names`; 0, "none", for kernels that are 0.
        accuracy: (n,) int16; 0 for those.
    """
    rows, shape = flat(kernels), np.shape(kernels)[1:]
    operator, accuracy = np.zeros((2, len(rows)), np.int16)
    for chunk in chunks(len(rows)):
        operator[chunk], accuracy[chunk] = _leading_moments(rows[chunk], shape, tolerance)
    return operator, accuracy


def _leading_moments(rows: np.ndarray, shape: tuple[int, ...], tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    monomials, degrees, codes = _monomials(shape)
    limit = tolerance * np.sqrt(rows**2 @ _squared_radii(shape))
    alive = np.abs(rows @ monomials) > limit[:, degrees]
    in_degree = (degrees[:, None] == np.arange(degrees.max() + 1)).astype(np.float32)
    seen = alive.astype(np.float32) @ in_degree > 0
    lowest = seen.argmax(axis=1)
    above = seen & (np.arange(seen.shape[1]) > lowest[:, None])
    following = np.where(above.any(axis=1), above.argmax(axis=1), lowest + shape[0])
    leading = alive & (degrees == lowest[:, None])
    mixed = len(operator_names(shape)) - 1
    operator = np.where(leading.sum(axis=1) == 1, codes[leading.argmax(axis=1)], mixed)
    operator[(lowest == 2) & _isotropic(rows, shape, leading, limit[:, 2])] = mixed - 1
    exists = seen.any(axis=1)
    return operator * exists, np.minimum(following - lowest, shape[0]) * exists


def _isotropic(rows: np.ndarray, shape: tuple[int, ...], leading: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Tells which kernels have equal moments of x**2, y**2 (and z**2), and no others, in degree 2."""
    powers = moment_powers(len(shape))
    found = np.all([leading[:, n] == (max(q) == 2) for n, q in enumerate(powers) if sum(q) == 2], axis=0)
    for first, second in itertools.combinations([q for q in powers if max(q) == 2], 2):
        difference, unit = (_monomial(grid, first) - _monomial(grid, second) for grid in (shape, (3,) * len(shape)))
        found &= np.abs(rows @ (difference / np.linalg.norm(unit)).astype(np.float32)) <= limit
    return found


def _monomial(shape: tuple[int, ...], powers: Sequence[int]) -> np.ndarray:
    """Returns the values of x**qx y**qy ... about the centre of a kernel, (d,) float64."""
    offsets = [np.arange(side) - side // 2.0 for side in shape]
    return functools.reduce(np.multiply.outer, [x**q for x, q in zip(offsets, powers, strict=True)]).ravel()


@functools.cache
def _monomials(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the monomials over their norms on 3 points an axis, (d, m), their degrees and operators, (m,).

    They go to the last degree that tells an accuracy below s. With a power of s or more a monomial is a sum of lower
    ones on the grid: it counts for accuracy only.
    """
    powers = moment_powers(len(shape), highest_order(shape) + shape[0] - 1)
    columns = [_monomial(shape, q) / np.linalg.norm(_monomial((3,) * len(shape), q)) for q in powers]
    names = operator_names(shape)
    plain = iter(range(1, len(names)))
    codes = [next(plain) if max(q) < shape[0] else len(names) - 1 for q in powers]
    return np.stack(columns, axis=1).astype(np.float32), np.array([sum(q) for q in powers]), np.array(codes)


@functools.cache
def _squared_radii(shape: tuple[int, ...]) -> np.ndarray:
    """Returns r**(2 d) of each weight, for every degree d of `_monomials`: (weights, degrees)."""
    radius = np.abs(np.indices(shape) - shape[0] // 2).max(axis=0).clip(1).ravel()
    return (radius.astype(np.float64)[:, None] ** (2 * np.arange(_monomials(shape)[1].max() + 1))).astype(np.float32)


@functools.cache
def _graded_basis(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Returns orthonormal polynomials as columns, (d, d), and the degree of each, (d,)."""
    powers = sorted(np.ndindex(shape), key=sum)
    basis, _ = np.linalg.qr(np.stack([_monomial(shape, q) for q in powers], axis=1))
    return basis.astype(np.float32), np.array([sum(q) for q in powers])


def _moment_name(powers: Sequence[int]) -> str:
    return "m" + "".join(map(str, powers))
