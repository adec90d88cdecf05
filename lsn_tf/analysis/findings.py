"""What the analysis of a network has found, gathered once for those who draw it: its figures and its page."""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.analysis.claims import Claim
from lsn_tf.analysis.comparison import Difference
from lsn_tf.analysis.dictionary import NamedKernel
from lsn_tf.analysis.mean_shares import MeanShare
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.partition import Partition
from lsn_tf.analysis.published_rule import PublishedName
from lsn_tf.analysis.tables import Columns

MOST_OF_A_LAYER = 5_000  # kernels that are shown one by one
MOST_WEIGHTS = 180_000  # of those of all layers: 20,000 kernels of 3 x 3


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """The kernels of a layer that are shown one by one: all of them, or some drawn at random.

    Attributes:
        index: (m,) int, their places among the layer's kernels, ascending.
        columns: their rows of the kernel table, each (m,).
    """

    index: np.ndarray
    columns: Columns


@dataclasses.dataclass(frozen=True, eq=False)
class Findings:
    """What figures and page show.

    Attributes:
        network: its convolutions, those of other sizes included, by depth.
        claims, shares: all that were tested.
        partitions: by column of the kernel table.
        layer_rows: rows of the table of layers.
        cluster_rows: rows of the table of clusters.
        summary: as in summary.json.
        dictionary: the named kernels, each at most as wide as those of the network.
        samples: by layer, the kernels that are shown one by one.
        published: names by the published rule, all that were tested; none but of kernels of 3 x 3.
        differences: from another network, all that were tested; none where there is no other.
        divergence: names of layers, and the divergence between any two of them, (l, l).
    """

    network: Sequence[Layer]
    claims: Sequence[Claim]
    shares: Sequence[MeanShare]
    partitions: Mapping[str, Partition]
    layer_rows: Sequence[Mapping[str, Any]]
    cluster_rows: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]
    dictionary: Sequence[NamedKernel]
    samples: Mapping[str, Sample]
    published: Sequence[PublishedName] = ()
    differences: Sequence[Difference] = ()
    divergence: tuple[Sequence[str], np.ndarray] = ((), np.zeros((0, 0)))

    @property
    def layers(self) -> list[Layer]:
        """The layers that have kernels of the size that was analysed."""
        return [layer for layer in self.network if layer.count]

    @property
    def size(self) -> int:
        """The width s of the kernels, pixels."""
        return self.layers[0].kernels.shape[1]

    @property
    def is_planar(self) -> bool:
        """Whether the kernels lie in the plane, and not in space."""
        return self.layers[0].kernels.ndim == 3

    def named(self, names: Sequence[str] | None = None) -> tuple[list[str], np.ndarray]:
        """Returns the names of named kernels, by default of all, and the kernels, (e, s, s), in frames of zeros."""
        entries = [entry for entry in self.dictionary if names is None or entry.name in names]
        return [entry.name for entry in entries], framed(entries, self.size)


def framed(entries: Sequence[NamedKernel], size: int) -> np.ndarray:
    """Returns named kernels, each at most s wide, in frames of zeros: (e, s, s) float64."""
    return np.array([np.pad(entry.kernel, (size - len(entry.kernel)) // 2) for entry in entries])


def sample_indices(
    counts: Sequence[int], weights: int, seed: int, most: int = MOST_OF_A_LAYER, most_weights: int = MOST_WEIGHTS
) -> list[np.ndarray]:
    """Returns which kernels of each layer are shown one by one: ascending, all where they are few.

    Large layers give way to small ones: each shows as many as it has, up to one bound for all.

    Args:
        counts: kernels of each layer.
        weights: of one kernel.
        seed: of the choice.
        most: of a layer's kernels.
        most_weights: of all kernels shown.
    """
    bounds = range(most + 1)
    bound = bisect.bisect_right(bounds, most_weights // weights, key=lambda b: sum(min(n, b) for n in counts)) - 1
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(n, min(n, bound), replace=False)) for n in counts]
