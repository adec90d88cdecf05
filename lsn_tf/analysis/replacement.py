"""What kernels are replaced by to see whether they are it: named kernels, cluster centres, finite differences.

Each replacement takes kernels, (n, s, s), to kernels of the same L2 norms: it changes what a kernel is, not how strong.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from lsn_tf.analysis import nulls
from lsn_tf.analysis.dictionary import NamedKernel
from lsn_tf.analysis.identification import finite_difference_basis, highest_order
from lsn_tf.analysis.kernel_arrays import chunks, flat, norms, single_threaded, unit
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.templates import Templates, make_templates

NOTHING = 1e-5  # of a kernel's norm: what a projection leaves below this is rounding
NULLS = ("permuted", "gaussian")

Replacement = Callable[[np.ndarray], np.ndarray]


@single_threaded
def nearest_named(kernels: np.ndarray, templates: Templates) -> np.ndarray:
    """Returns, for each of n kernels, the image of a named kernel at the smallest angle to it, (n, s, s) float32.

    Images are those under the templates' turns and mirrors, and under sign with the sign of the kernel.
    """
    rows = flat(kernels)
    images = np.empty_like(rows)
    for chunk in chunks(len(rows)):
        cosines = rows[chunk] @ templates.rows.T
        best = (np.abs(cosines) if templates.symmetries.sign else cosines).argmax(axis=1)
        sign = np.where(cosines[np.arange(len(best)), best] < 0, np.float32(-1), np.float32(1))
        images[chunk] = templates.rows[best] * (sign if templates.symmetries.sign else np.abs(sign))[:, None]
    return _at_norms_of(rows, images).reshape(kernels.shape)


def cluster_centre(kernels: np.ndarray, labels: np.ndarray, centres: np.ndarray, symmetries: Symmetries) -> np.ndarray:
    """Returns, for each of n kernels, the image of its cluster's centre at the smallest angle to it, (n, s, s).

    Args:
        kernels: (n, s, s).
        labels: (n,), the cluster of each; kernels with -1, which have none, stay as they are.
        centres: (k, d), of clusters of canonical kernels.
        symmetries: under which they are canonical.
    """
    result = np.array(kernels, np.float32)
    shape = result.shape[1:]
    for label, centre in enumerate(centres):
        members = labels == label
        named = NamedKernel("centre", "centre", centre.reshape(shape).astype(np.float64))
        result[members] = nearest_named(result[members], make_templates([named], symmetries, shape))
    return result


def finite_difference(kernels: np.ndarray, order: int) -> np.ndarray:
    """Returns the projection of n kernels on the finite differences of an order, (n, s, s) float32.

    That is the nearest kernel that annihilates all polynomials of degree below `order`, brought to the kernel's norm;
    0 where nothing is left of it.

    Raises:
        ValueError: if there are no finite differences of this order in kernels of this size.
    """
    rows = flat(kernels)
    basis = finite_difference_basis(np.shape(kernels)[1:], order)
    left = (rows @ basis) @ basis.T
    left[norms(left) <= NOTHING * norms(rows)] = 0
    return _at_norms_of(rows, left).reshape(kernels.shape)


def turned(replacement: Replacement, frame: np.ndarray) -> Replacement:
    """Returns the same replacement in another orthonormal frame of all kernels: the control that is matched to it.

    Named kernels, or subspaces, keep all angles among each other, but are no longer blurs and differences. What the
    replacement then costs is what any set of as many directions, or subspace of that dimension, would cost.

    Args:
        replacement: of kernels with d weights.
        frame: (d, d), orthogonal, e.g. as of `scipy.stats.ortho_group`.
    """

    def replace(kernels: np.ndarray) -> np.ndarray:
        inside = (flat(kernels) @ frame.astype(np.float32)).reshape(kernels.shape)
        return (flat(replacement(inside)) @ frame.T.astype(np.float32)).reshape(kernels.shape)

    return replace


def null_kernels(null: str, kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns kernels of a null model with the norms of n kernels, (n, s, s) float32.

    Args:
        null: "permuted", the weights of each kernel in random order, or "gaussian", i.i.d. normal ones.
        kernels: (n, s, s).
        rng: to draw with.

    Raises:
        ValueError: for another null.
    """
    if null not in NULLS:
        raise ValueError(f"null must be one of {NULLS}. Received {null!r}.")
    if null == "permuted":
        return nulls.permuted(kernels, rng)
    drawn = nulls.gaussian(len(kernels), kernels.shape[1:], rng)
    return _at_norms_of(flat(kernels), flat(drawn)).reshape(kernels.shape)


def cosines(kernels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the cosine of the angle between each of n kernels and its replacement, (n,); 0 where one is 0."""
    return np.einsum("nd,nd->n", unit(flat(kernels)), unit(flat(others)))


def make_replacement(name: str, templates: Templates, centre: Replacement) -> Replacement:
    """Returns the replacement of this name, see `replacement_names`.

    Args:
        name: "nearest", "centre" or "order_P".
        templates: the named kernels.
        centre: what "centre" is.

    Raises:
        ValueError: for another name.
    """
    names = replacement_names(templates.shape)
    if name not in names:
        raise ValueError(f"replacements must be of {', '.join(names)}. Received {name!r}.")
    if name == "centre":
        return centre
    if name == "nearest":
        return functools.partial(nearest_named, templates=templates)
    return functools.partial(finite_difference, order=int(name.removeprefix("order_")))


def replacement_names(size: int | Sequence[int] = 3) -> tuple[str, ...]:
    """Returns "nearest", "centre" and, for each order P of finite differences, "order_P"; of order 0 is any kernel."""
    return ("nearest", "centre", *(f"order_{order}" for order in range(highest_order(size) + 1)))


def _at_norms_of(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns flattened kernels, (n, d), brought to the norms of the first; those that are 0 stay 0."""
    return unit(others) * norms(rows)[:, None]
