"""The measures of CNN Filter DB, by which layers and networks are compared: Gavrikov & Keuper (2022),
doi:10.1109/CVPR52688.2022.01848. Their sparsity is the share of dead kernels, see `identification.dead`."""

from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.kernel_arrays import flat
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


def peak_scaled(kernels: np.ndarray) -> np.ndarray:
    """Returns kernels, (n, s, s), each at a largest weight of modulus 1: as CNN Filter DB compares distributions."""
    rows = flat(kernels)
    peaks = np.abs(rows).max(axis=1, initial=0)
    return (rows / np.where(peaks > 0, peaks, 1)[:, None]).reshape(kernels.shape)


def shift(kernels: np.ndarray, others: np.ndarray, axes: PrincipalComponents | None = None) -> float:
    """Returns the symmetric Kullback-Leibler divergence, in nats, of two sets' distributions along each component.

    sum over components of v (KL(P | Q) + KL(Q | P)), weighted by the component's share v of the variance, where P and Q
    are histograms of `BINS` bins over the range of both. It is 0 for equal sets, symmetric, and not negative. Of finite
    sets it is above 0 by chance, the more the smaller they are: see `filter_tests.shift_test`.

    Args:
        kernels: (n, s, s), each scaled as they are to be compared, e.g. by `peak_scaled`.
        others: (m, s, s).
        axes: components to compare along; by default those of both sets together.
    """
    axes = principal_components(np.concatenate([kernels, others])) if axes is None else axes
    first, second = _histograms((kernels, others), axes)
    return float(divergences(first, second) @ axes.explained)


def shifts(layers: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the shift between any two of several layers or networks, (l, l).

    Along the components of all of them together, with histograms over the range of all, so that one of a layer serves
    for every pair.
    """
    axes = principal_components(np.concatenate(list(layers)))
    counts = _histograms(layers, axes)
    return np.stack([divergences(counts, one) @ axes.explained for one in counts])


def binned(kernels: np.ndarray, axes: PrincipalComponents, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Returns the bin of each coefficient of kernels, (n, d), in [0, `BINS`), from low to high of each component."""
    width = np.where(high > low, high - low, 1)
    return np.clip((_coefficients(kernels, axes) - low) / width * BINS, 0, BINS - 1).astype(np.int32)


def ranges(sets: Sequence[np.ndarray], axes: PrincipalComponents) -> tuple[np.ndarray, np.ndarray]:
    """Returns the least and the largest coefficient of all sets of kernels along each component, (d,)."""
    ends = [np.stack([c.min(axis=0), c.max(axis=0)]) for c in (_coefficients(kernels, axes) for kernels in sets)]
    return np.min(ends, axis=0)[0], np.max(ends, axis=0)[1]


def divergences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the symmetric divergence, (..., d), of histograms along d components, counts of (..., d, `BINS`).

    Where all of both is in one bin, nothing is told apart: 0, also with the prior.
    """
    p, q = ((count + PRIOR / BINS) / (count.sum(axis=-1, keepdims=True) + PRIOR) for count in (first, second))
    together = first + second
    return np.where(together.max(axis=-1) < together.sum(axis=-1), np.sum((p - q) * np.log(p / q), axis=-1), 0.0)


def _coefficients(kernels: np.ndarray, axes: PrincipalComponents) -> np.ndarray:
    return axes.project(kernels, len(axes.mean))


def _histograms(sets: Sequence[np.ndarray], axes: PrincipalComponents) -> np.ndarray:
    """Returns the counts of each set along each component, (sets, d, `BINS`), over the range of all."""
    low, high = ranges(sets, axes)
    return np.stack(
        [
            np.stack([np.bincount(column, minlength=BINS) for column in binned(kernels, axes, low, high).T])
            for kernels in sets
        ]
    )
