"""k-means of kernels, by the millions: several runs on a sample, then every kernel joins the nearest centre.

On raw kernels of one norm, as published in 2020 (doi:10.1117/12.2548871, k = 3), or on canonical forms.
"""

import dataclasses

import numpy as np

from lsn_tf.analysis.kernel_arrays import chunks, flat, norms, single_threaded, unit
from lsn_tf.analysis.symmetries import EVERY_SYMMETRY, Symmetries, canonical

PUBLISHED_K = 3
FORMS = ("l1", "l2", "canonical")
SAMPLE = 50_000  # kernels of which centres are made; with as few all are
STARTS = 4
PASSES = 100
SETTLED = 1e-4  # of the inertia, gained by a pass: less ends it
TOLERANCE = 0.01  # of the inertia: at most this much above the best of scikit-learn's KMeans with as many starts


@dataclasses.dataclass(frozen=True)
class Clusters:
    """A partition of kernels.

    Attributes:
        centres: (k, d) float32, from the largest cluster to the smallest.
        labels: (n,) int16.
        inertia: sum of squared distances of the kernels to their centres.
    """

    centres: np.ndarray
    labels: np.ndarray
    inertia: float

    @property
    def sizes(self) -> np.ndarray:
        """How many kernels each cluster has, (k,)."""
        return np.bincount(self.labels, minlength=len(self.centres))


def prepare(kernels: np.ndarray, form: str = "l1", symmetries: Symmetries = EVERY_SYMMETRY) -> np.ndarray:
    """Returns kernels in the form in which they are clustered, (n, s, s) float32.

    Args:
        kernels: (n, s, s); those that are 0 stay 0, drop dead ones first.
        form: "l1" or "l2", scaled to that norm 1, otherwise raw; or "canonical" under the symmetries.
        symmetries: of the canonical forms.

    Raises:
        ValueError: for another form.
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {FORMS}. Received {form!r}.")
    if form == "canonical":
        return canonical(kernels, symmetries)
    rows = flat(kernels)
    if form == "l2":
        return unit(rows).reshape(kernels.shape)
    lengths = np.abs(rows) @ np.ones(rows.shape[1], np.float32)
    return (rows / np.where(lengths > 0, lengths, 1)[:, None]).reshape(kernels.shape)


@single_threaded
def cluster(kernels: np.ndarray, k: int = PUBLISHED_K, seed: int = 0) -> Clusters:
    """Returns k clusters of kernels, by k-means.

    Several starts by k-means++ run on a sample of `SAMPLE` kernels; the centres of the best are those of all kernels.
    The inertia is within `TOLERANCE` of scikit-learn's on all of them.

    Args:
        kernels: (n, s, s), in the form to cluster, see `prepare`.
        k: number of clusters.
        seed: of sample and starts.

    Raises:
        ValueError: if k is not in [1, n].
    """
    rows = flat(kernels)
    if not 1 <= k <= len(rows):
        raise ValueError(f"k must be in [1, {len(rows)}], the number of kernels. Received k={k}.")
    rng = np.random.default_rng(seed)
    sample = rows if len(rows) <= SAMPLE else rows[np.sort(rng.choice(len(rows), SAMPLE, replace=False))]
    runs = [lloyd(sample, _spread_out(sample, k, rng), PASSES) for _ in range(STARTS if k > 1 else 1)]
    best = min(runs, key=lambda run: run.inertia)
    return sorted_by_size(best if sample is rows else nearest_centres(rows, best.centres))


def lloyd(rows: np.ndarray, centres: np.ndarray, passes: int) -> Clusters:
    """Returns the clusters after at most so many passes of Lloyd's algorithm over flattened kernels, (n, d).

    An empty cluster takes the kernel that is farthest from its centre.
    """
    inertia = np.inf
    for _ in range(passes):
        clusters, sums, farthest = _assign(rows, centres)
        settled = inertia - clusters.inertia <= SETTLED * clusters.inertia
        inertia = clusters.inertia
        if settled:
            break
        sizes = clusters.sizes
        centres = (sums / np.maximum(sizes, 1)[:, None]).astype(np.float32)
        centres[sizes == 0] = rows[farthest]
    return _assign(rows, centres)[0]


@single_threaded
def nearest_centres(rows: np.ndarray, centres: np.ndarray) -> Clusters:
    """Returns the clusters of flattened kernels, (n, d), each with the centre nearest to it."""
    return _assign(rows, centres)[0]


def _assign(rows: np.ndarray, centres: np.ndarray) -> tuple[Clusters, np.ndarray, int]:
    """Returns the clusters about these centres, the sum of the kernels in each, (k, d), and the farthest kernel."""
    k = len(centres)
    labels, sums = np.empty(len(rows), np.int16), np.zeros((k, rows.shape[1]))
    half = (centres**2).sum(axis=1)[:, None] / 2
    inertia, farthest, distance = 0.0, 0, -1.0
    for chunk in chunks(len(rows)):
        part = rows[chunk]
        gains = centres @ part.T - half  # |x - c|**2 = |x|**2 - 2 gain
        labels[chunk] = gains.argmax(axis=0)
        nearest = gains.max(axis=0)
        squared = np.einsum("nd,nd->n", part, part) - 2 * nearest
        inertia += float(squared.sum(dtype=np.float64))
        members = (labels[chunk] == np.arange(k)[:, None]).astype(np.float32)
        sums += members @ part
        if squared.max() > distance:
            farthest, distance = chunk.start + int(squared.argmax()), float(squared.max())
    return Clusters(centres, labels, max(inertia, 0.0)), sums, farthest


def _spread_out(rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Returns k of the rows as first centres, by k-means++ (Arthur & Vassilvitskii 2007): far ones are likelier."""
    centres = [rows[rng.integers(len(rows))]]
    squared = norms(rows - centres[0]) ** 2
    while len(centres) < k:
        total = np.cumsum(squared, dtype=np.float64)
        index = np.searchsorted(total, rng.uniform(0, total[-1])) if total[-1] > 0 else rng.integers(len(rows))
        centres.append(rows[min(index, len(rows) - 1)])
        np.minimum(squared, norms(rows - centres[-1]) ** 2, out=squared)
    return np.array(centres)


def sorted_by_size(clusters: Clusters) -> Clusters:
    """Returns the same clusters from the largest to the smallest."""
    order = np.argsort(-clusters.sizes, kind="stable")
    place = np.empty(len(order), np.int16)
    place[order] = np.arange(len(order))
    return Clusters(clusters.centres[order], place[clusters.labels], clusters.inertia)
