"""The measures of CNN Filter DB, by which layers and networks are compared: Gavrikov & Keuper (2022),
doi:10.1109/CVPR52688.2022.01848. Their sparsity is the share of dead kernels, see `identification.dead`."""

from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.principal_components import PrincipalComponents, principal_components

BINS = 70  # of a histogram of coefficients
PRIOR = 1.0  # kernels, spread over the bins of each histogram, so that an empty bin does not make shifts infinite


def variance_entropy(kernels: np.ndarray) -> float:
    """Returns -sum v log10 v over the shares v of variance in the principal components of kernels, (n, s, s).

    0 if all kernels are multiples along one line, log10 9 = 0.954 if 3 x 3 kernels spread alike in all directions. For
    few kernels see `largest_entropy`.
    """
    shares = principal_components(kernels).explained
    shares = shares[shares > 0]
    return float(abs(np.sum(shares * np.log10(shares))))


def explained_variance(kernels: np.ndarray) -> np.ndarray:
    """Returns the share of variance in the first 1, 2, ... d principal components of kernels, (d,), up to 1."""
    return np.cumsum(principal_components(kernels).explained)


def orthogonality(filters: np.ndarray) -> float:
    """Returns 1 - the mean |cosine| between two different filters: 1 if all are orthogonal, 0 if all are parallel.

    Args:
        filters: (filters, ...), at least two: of a Keras kernel (s, s, in, out) the transpose (out, in, s, s). Those
            that are 0 count as orthogonal to all.
    """
    rows = np.asarray(filters, np.float64).reshape(len(filters), -1)
    if len(rows) < 2:
        raise ValueError(f"orthogonality needs two filters at least. Received {len(rows)}.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1)
    cosines = np.abs(rows @ rows.T)
    return float(1 - (cosines.sum() - np.trace(cosines)) / (len(rows) * (len(rows) - 1)))


def shift(kernels: np.ndarray, others: np.ndarray, axes: PrincipalComponents | None = None) -> float:
    """Returns the symmetric Kullback-Leibler divergence, in nats, of two sets' distributions along each component.

    sum over components of v (KL(P | Q) + KL(Q | P)), weighted by the component's share v of the variance, where P and Q
    are histograms of `BINS` bins over the range of both. It is 0 for equal sets, symmetric, and not negative.

    Args:
        kernels: (n, s, s), each scaled as they are to be compared, e.g. by `clustering.prepare`.
        others: (m, s, s).
        axes: components to compare along; by default those of both sets together.
    """
    axes = principal_components(np.concatenate([kernels, others])) if axes is None else axes
    dimensions = len(axes.mean)
    columns = zip(axes.project(kernels, dimensions).T, axes.project(others, dimensions).T, strict=True)
    return float(sum(v * _divergence(p, q) for v, (p, q) in zip(axes.explained, columns, strict=True)))


def shifts(layers: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the shift between any two of several layers or networks, (l, l), along the components of all of them."""
    axes = principal_components(np.concatenate(list(layers)))
    result = np.zeros((len(layers), len(layers)))
    for i in range(len(layers)):
        for j in range(i):
            result[i, j] = result[j, i] = shift(layers[i], layers[j], axes)
    return result


def _divergence(first: np.ndarray, second: np.ndarray) -> float:
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    if low == high:
        return 0.0
    counts = [np.histogram(values, BINS, (low, high))[0] + PRIOR / BINS for values in (first, second)]
    p, q = (count / count.sum() for count in counts)
    return float(np.sum((p - q) * np.log(p / q)))
