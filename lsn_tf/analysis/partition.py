"""The clusters of a whole network's kernels: k-means over all layers, on published and on canonical kernels."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lsn_tf.analysis.cluster_count import CANDIDATES, ClusterCount, choose_by_silhouette, count_clusters
from lsn_tf.analysis.clustering import SAMPLE, Clusters, cluster, nearest_centres, prepare, sorted_by_size
from lsn_tf.analysis.kernel_arrays import chunks, flat
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.templates import Templates, nearest

PARTITIONED = {"cluster": "l1", "canonical_cluster": "canonical"}  # column of the kernel table: form, see `prepare`
ROWS = 1 << 17  # kernels that are in that form in memory at once


@dataclasses.dataclass(frozen=True)
class Partition:
    """The clusters of the kernels that are not dead.

    Attributes:
        form: in which they were clustered, see `clustering.prepare`.
        clusters: of all layers together; None where no kernel is alive.
        labels: of each layer, by name, (n,) int16; -1 for dead kernels.
        counts: what speaks for each k, where k was chosen.
    """

    form: str
    clusters: Clusters | None
    labels: dict[str, np.ndarray]
    counts: tuple[ClusterCount, ...] = ()


def partition(layers: Sequence[Layer], form: str, k: int, seed: int, symmetries: Symmetries) -> Partition:
    """Returns k clusters of a network's kernels, fewer where fewer are alive.

    Args:
        layers: of the network, all of one size.
        form: "l1", as published, or "canonical", see `clustering.prepare`.
        k: number of clusters; 0 for that of the largest silhouette on a sample, see `count_clusters`.
        seed: of sample and starts.
        symmetries: of the canonical form.
    """
    labels = {layer.name: np.full(layer.count, -1, np.int16) for layer in layers}
    alive = int(_ends(layers)[-1])
    if alive == 0:
        return Partition(form, None, labels)
    sample = prepare(_sample(layers, np.random.default_rng(seed)), form, symmetries)
    counts = ()
    if k == 0:
        candidates = [candidate for candidate in CANDIDATES if candidate < alive]
        counts = tuple(count_clusters(sample, candidates, seed)) if candidates else ()
        k = choose_by_silhouette(counts)
    centres = cluster(sample, min(k, alive), seed).centres
    parts = [
        nearest_centres(flat(prepare(living[rows], form, symmetries)), centres)
        for living in (layer.living for layer in layers)
        for rows in chunks(len(living), ROWS)
    ]
    everything = np.concatenate([part.labels for part in parts])
    clusters = sorted_by_size(Clusters(centres, everything, sum(part.inertia for part in parts)))
    for layer, of_layer in zip(layers, np.split(clusters.labels, _ends(layers)[:-1]), strict=True):
        labels[layer.name][layer.alive] = of_layer
    return Partition(form, clusters, labels, counts)


def cluster_rows(found: Partition, templates: Templates) -> list[dict[str, Any]]:
    """Returns the rows of the table of clusters: size, share, the named kernel nearest to the centre, the centre.

    Args:
        found: the clusters.
        templates: the named kernels, under scale: a mean of kernels of one norm has a norm of no meaning.
    """
    if found.clusters is None:
        return []
    centres = found.clusters.centres.reshape(-1, *templates.shape)
    total = found.clusters.sizes.sum()
    index, similarity = nearest(centres, templates)
    return [
        {
            "form": found.form,
            "cluster": number,
            "kernels": int(found.clusters.sizes[number]),
            "share": found.clusters.sizes[number] / total,
            "nearest": templates.names[index[number]] if similarity[number] > 0 else "",
            "similarity": similarity[number],
            **{"w" + "".join(map(str, place)): centre[place] for place in np.ndindex(templates.shape)},
        }
        for number, centre in enumerate(centres)
    ]


def _ends(layers: Sequence[Layer]) -> np.ndarray:
    """Returns how many kernels are alive in the first 1, 2, ... layers."""
    return np.cumsum([layer.count - layer.dead for layer in layers])


def _sample(layers: Sequence[Layer], rng: np.random.Generator) -> np.ndarray:
    """Returns at most `SAMPLE` of the kernels that are alive, drawn from all layers alike, in their order."""
    ends = _ends(layers)
    alive = int(ends[-1])
    drawn = np.arange(alive) if alive <= SAMPLE else np.sort(rng.choice(alive, SAMPLE, replace=False))
    parts = zip(layers, [0, *ends[:-1]], np.split(drawn, np.searchsorted(drawn, ends[:-1])), strict=True)
    return np.concatenate([layer.living[of_layer - start] for layer, start, of_layer in parts])
