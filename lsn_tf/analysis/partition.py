"""The clusters of a whole network's kernels: k-means over all layers, on published and on canonical kernels."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lsn_tf.analysis.cluster_count import CANDIDATES, ClusterCount, choose_by_silhouette, count_clusters
from lsn_tf.analysis.clustering import Clusters, cluster, prepare
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.templates import Templates, nearest

PARTITIONED = {"cluster": "l1", "canonical_cluster": "canonical"}  # column of the kernel table: form, see `prepare`


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
        k: number of clusters; 0 for that of the largest silhouette.
        seed: of the starts.
        symmetries: of the canonical form.
    """
    labels = {layer.name: np.full(layer.count, -1, np.int16) for layer in layers}
    alive = sum(layer.count - layer.dead for layer in layers)
    if alive == 0:
        return Partition(form, None, labels)
    prepared = _prepared(layers, alive, form, symmetries)
    counts = ()
    if k == 0:
        candidates = [candidate for candidate in CANDIDATES if candidate < alive]
        counts = tuple(count_clusters(prepared, candidates, seed)) if candidates else ()
        k = choose_by_silhouette(counts)
    clusters = cluster(prepared, min(k, alive), seed)
    end = 0
    for layer in layers:
        start, end = end, end + layer.count - layer.dead
        labels[layer.name][layer.alive] = clusters.labels[start:end]
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


def _prepared(layers: Sequence[Layer], alive: int, form: str, symmetries: Symmetries) -> np.ndarray:
    """Returns the kernels that are alive, in this form: one array of them, filled layer by layer."""
    filled = np.empty((alive, *layers[0].kernels.shape[1:]), np.float32)
    end = 0
    for layer in layers:
        start, end = end, end + layer.count - layer.dead
        filled[start:end] = prepare(layer.living, form, symmetries)
    return filled
