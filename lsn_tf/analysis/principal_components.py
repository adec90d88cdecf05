"""Principal components of kernels, from their covariance: the plane in which learned and known kernels are drawn."""

import dataclasses

import numpy as np

from lsn_tf.analysis.kernel_arrays import CHUNK, chunks, flat, single_threaded


@dataclasses.dataclass(frozen=True)
class PrincipalComponents:
    """Mean, directions and variances of a set of kernels.

    Attributes:
        mean: (d,), of the kernels that the components were made of.
        components: (d, d), orthonormal rows, by falling variance; the largest weight of each is positive.
        variances: (d,), with divisor n - 1.
    """

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray

    @property
    def explained(self) -> np.ndarray:
        """The share of the variance in each component, (d,); zeros where all kernels are equal."""
        total = self.variances.sum()
        return self.variances / total if total > 0 else np.zeros_like(self.variances)

    def project(self, kernels: np.ndarray, count: int = 2) -> np.ndarray:
        """Returns the first coefficients of kernels, (n, count) float32, learned and known ones alike.

        The mean that is subtracted is always that of the kernels which the components were made of: so a known kernel
        and an equal one among the learned have one place.
        """
        directions = self.components[:count].T.astype(np.float32)
        return flat(kernels) @ directions - (self.mean @ self.components[:count].T).astype(np.float32)


@single_threaded
def principal_components(kernels: np.ndarray) -> PrincipalComponents:
    """Returns the principal components of kernels, (n, s, s), n >= 2, from the (d, d) covariance.

    Sums are by chunks, about the mean of a few kernels that is found first: so little cancels. They are float64 where
    one chunk holds all, and else, for speed, float32 within a chunk.

    Raises:
        ValueError: for fewer than two kernels.
    """
    rows = flat(kernels)
    if len(rows) < 2:
        raise ValueError(f"principal components need two kernels at least. Received {len(rows)}.")
    precision = np.float32 if len(rows) > CHUNK else np.float64
    middle = rows[:: -(-len(rows) // CHUNK)].mean(axis=0, dtype=np.float64).astype(precision)
    total, scatter = np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2)
    for chunk in chunks(len(rows)):
        centred = rows[chunk].astype(precision, copy=False) - middle
        total += np.ones(len(centred), precision) @ centred  # faster than sum(axis=0)
        scatter += centred.T @ centred
    offset = total / len(rows)
    scatter -= np.outer(total, offset)
    mean = middle + offset
    variances, vectors = np.linalg.eigh(scatter / (len(rows) - 1))
    components = vectors.T[::-1]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return PrincipalComponents(mean, components * np.sign(largest), np.maximum(variances[::-1], 0))
