"""How many clusters there are, if any: silhouette, gap statistic and stability, beside the published k = 3."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial import distance

from lsn_tf.analysis.clustering import cluster, nearest_centres
from lsn_tf.analysis.kernel_arrays import flat
from lsn_tf.analysis.principal_components import principal_components

SAMPLE = 2000  # kernels: silhouettes need all their distances
REFERENCES = 10  # sets without clusters, of the gap statistic
BOOTSTRAPS = 10
CANDIDATES = tuple(range(1, 9))


@dataclasses.dataclass(frozen=True)
class ClusterCount:
    """What speaks for a number of clusters.

    Attributes:
        k: number of clusters.
        silhouette: mean over kernels of (b - a) / max(a, b), where a is the mean distance within the own cluster and b
            that to the next; NaN for k = 1. Rousseeuw (1987), doi:10.1016/0377-0427(87)90125-7.
        gap: log inertia of data without clusters less that of these. Tibshirani et al. (2001),
            doi:10.1111/1467-9868.00293.
        gap_error: its standard error, simulation included.
        stability: mean adjusted Rand index between the partitions that pairs of bootstrap samples lead to; 1 for k = 1.
    """

    k: int
    silhouette: float
    gap: float
    gap_error: float
    stability: float


def count_clusters(kernels: np.ndarray, candidates: Sequence[int] = CANDIDATES, seed: int = 0) -> list[ClusterCount]:
    """Returns the evidence for each candidate k, on a sample of at most `SAMPLE` kernels.

    Args:
        kernels: (n, s, s), in the form to cluster, see `clustering.prepare`.
        candidates: numbers of clusters, each less than n.
        seed: of sample, references and bootstraps.

    Raises:
        ValueError: if a candidate is not in [1, n).
    """
    rng = np.random.default_rng(seed)
    kernels = kernels[np.sort(rng.permutation(len(kernels))[:SAMPLE])]
    if not candidates or min(candidates) < 1 or max(candidates) >= len(kernels):
        raise ValueError(f"candidates must be in [1, {len(kernels)}), fewer than kernels. Received {list(candidates)}.")
    references = [_without_clusters(kernels, rng) for _ in range(REFERENCES)]
    pairwise = distance.squareform(distance.pdist(flat(kernels)))
    return [_evidence(kernels, references, pairwise, k, rng) for k in candidates]


def choose_by_silhouette(counts: Sequence[ClusterCount]) -> int:
    """Returns the k of the largest silhouette; 1 if there is none."""
    scored = [count for count in counts if not np.isnan(count.silhouette)]
    return max(scored, key=lambda count: count.silhouette).k if scored else 1


def choose_by_gap(counts: Sequence[ClusterCount]) -> int:
    """Returns the smallest k whose gap is not less than that of the next, less its error; it can be 1: no clusters."""
    for here, after in zip(counts, counts[1:], strict=False):
        if here.gap >= after.gap - after.gap_error:
            return here.k
    return counts[-1].k


def silhouette(pairwise: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean silhouette of n kernels, from their distances, (n, n); a kernel alone in its cluster has 0."""
    kinds, labels = np.unique(labels, return_inverse=True)
    if not 2 <= len(kinds) < len(labels):
        return float("nan")
    members = (labels[:, None] == np.arange(len(kinds))).astype(float)
    sizes = members.sum(axis=0)
    totals, own = pairwise @ members, np.arange(len(labels))
    within = totals[own, labels] / np.maximum(sizes[labels] - 1, 1)
    others = totals / sizes
    others[own, labels] = np.inf
    between = others.min(axis=1)
    scores = (between - within) / np.maximum(np.maximum(between, within), np.finfo(float).tiny)
    return float(np.where(sizes[labels] > 1, scores, 0).mean())


def adjusted_rand(labels: np.ndarray, others: np.ndarray) -> float:
    """Returns the adjusted Rand index of two partitions: 1 if they are the same, 0 on average by chance.

    Reference: Hubert & Arabie (1985), doi:10.1007/BF01908075.
    """
    table = np.zeros((int(labels.max()) + 1, int(others.max()) + 1))
    np.add.at(table, (labels, others), 1)
    together, rows, columns = (np.sum(n * (n - 1) / 2) for n in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = rows * columns / max(len(labels) * (len(labels) - 1) / 2, 1)
    largest = (rows + columns) / 2
    return float((together - expected) / (largest - expected)) if largest > expected else 1.0


def stability(kernels: np.ndarray, k: int, rng: np.random.Generator) -> float:
    """Returns the mean adjusted Rand index of pairs of bootstrap samples' clusters, each extended to all kernels."""
    rows, n = flat(kernels), len(kernels)
    labels = []
    for _ in range(BOOTSTRAPS):
        drawn = cluster(kernels[rng.integers(n, size=n)], k, seed=int(rng.integers(2**31)))
        labels.append(nearest_centres(rows, drawn.centres).labels)
    pairs = zip(labels[::2], labels[1::2], strict=True)
    return float(np.mean([adjusted_rand(first, second) for first, second in pairs]))


def _evidence(kernels, references, pairwise, k, rng) -> ClusterCount:
    clusters = cluster(kernels, k, seed=int(rng.integers(2**31)))
    tiny = np.finfo(float).tiny
    logs = np.log([max(cluster(other, k, seed=int(rng.integers(2**31))).inertia, tiny) for other in references])
    return ClusterCount(
        k=k,
        silhouette=silhouette(pairwise, clusters.labels),
        gap=float(logs.mean() - np.log(max(clusters.inertia, tiny))),
        gap_error=float(logs.std() * np.sqrt(1 + 1 / len(logs))),
        stability=stability(kernels, k, rng),
    )


def _without_clusters(kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns as many kernels, uniform in the box along the principal components that holds them."""
    axes = principal_components(kernels)
    coefficients = axes.project(kernels, len(axes.mean))
    drawn = rng.uniform(coefficients.min(axis=0), coefficients.max(axis=0), coefficients.shape)
    return (drawn @ axes.components + axes.mean).astype(np.float32).reshape(kernels.shape)
