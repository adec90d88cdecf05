"""What the causal test replaces by what: the choices that it has, and the sets and substitutes that they make."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.clustering import PUBLISHED_K
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.dictionary_file import read_dictionary
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.partition import partition
from lsn_tf.analysis.replacement import NULLS, cluster_centre, make_replacement, replacement_names
from lsn_tf.analysis.swapping import (
    BEST_FIRST,
    HiddenKernels,
    Part,
    Substitute,
    network_parts,
    substitutes,
    unit_parts,
)
from lsn_tf.analysis.symmetries import EVERY_SYMMETRY, Symmetries
from lsn_tf.analysis.templates import make_templates, nearest

SIZE = 3  # of the kernels of all hidden convolutions
REPLACEMENTS = ("nearest", "centre", "order_1", "order_2", "order_3")
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
TUNED_SHARES = (0.5, 1.0)


@dataclasses.dataclass(frozen=True)
class Config:
    """What to replace, and how.

    Attributes:
        model: the folder of a training run, or the model.keras in it.
        output_dir: folder for table, summary and figure.
        replacements: of `replacement_names()`.
        shares: of the network's kernels, in (0, 1].
        null: "permuted", the weights of each kernel in random order, or "gaussian", of the same norm.
        draws: of the null, and of the random frames.
        units: whether each stage, cluster and layer is replaced alone, too.
        fine_tuning_epochs: 0 for no fine-tuning.
        fine_tuning_shares: at which all else is fine-tuned, replaced in random order.
        fine_tuning_draws: of the controls that are fine-tuned.
        dictionary: file of named kernels that are added to the built-in ones.
        symmetries: under which kernels are named and clustered; scale always is one.
        clusters: k of k-means; 0 for that of the largest silhouette.
        data_dir, arrays: see `open_source`; None for those of the training.
        batch_size: slices at a time, of the scores.
        seed: of random order, controls, clusters and fine-tuning.
    """

    model: str
    output_dir: str
    replacements: Sequence[str] = REPLACEMENTS
    shares: Sequence[float] = SHARES
    null: str = NULLS[0]
    draws: int = 3
    units: bool = True
    fine_tuning_epochs: int = 3
    fine_tuning_shares: Sequence[float] = TUNED_SHARES
    fine_tuning_draws: int = 1
    dictionary: str | None = None
    symmetries: Symmetries = EVERY_SYMMETRY
    clusters: int = PUBLISHED_K
    data_dir: str | None = None
    arrays: str | None = None
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self):
        names = replacement_names(SIZE)
        if not self.replacements or len(set(self.replacements)) < len(self.replacements):
            raise ValueError(f"replacements must be some of {', '.join(names)}, once. Received {self.replacements}.")
        if unknown := [name for name in self.replacements if name not in names]:
            raise ValueError(f"replacements must be of {', '.join(names)}. Received {', '.join(unknown)}.")
        for name in ("shares", "fine_tuning_shares"):
            if not getattr(self, name) or not all(0 < share <= 1 for share in getattr(self, name)):
                raise ValueError(f"{name} must be in (0, 1], of the kernels. Received {list(getattr(self, name))}.")
        if self.null not in NULLS:
            raise ValueError(f"null must be one of {', '.join(NULLS)}. Received {self.null!r}.")
        if min(self.draws, self.batch_size) < 1 or min(self.fine_tuning_epochs, self.fine_tuning_draws) < 0:
            raise ValueError(
                "draws and batch_size must be positive, fine_tuning_epochs and fine_tuning_draws not negative. "
                f"Received {self.draws}, {self.batch_size}, {self.fine_tuning_epochs}, {self.fine_tuning_draws}."
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """What will be replaced by what.

    Attributes:
        network: its hidden kernels.
        candidates: replacements and controls.
        of_network: growing sets of kernels.
        of_units: stages, clusters and layers.
        fine_tuned: the sets after whose replacement all else is fine-tuned.
    """

    network: HiddenKernels
    candidates: Sequence[Substitute]
    of_network: Sequence[Part]
    of_units: Sequence[Part]
    fine_tuned: Sequence[Part]


def make_plan(layers: Sequence[Layer], config: Config) -> Plan:
    """Returns what will be replaced in these layers."""
    network = HiddenKernels.of(layers)
    dictionary = (*named_kernels(), *(read_dictionary(config.dictionary) if config.dictionary else ()))
    templates = make_templates(dictionary, dataclasses.replace(config.symmetries, scale=True), SIZE)
    found = partition(layers, "canonical", config.clusters, config.seed, config.symmetries)
    labels = np.concatenate([found.labels[layer.name] for layer in layers])
    centres = found.clusters.centres if found.clusters else np.zeros((0, SIZE**2), np.float32)

    def centre(kernels: np.ndarray) -> np.ndarray:
        return cluster_centre(kernels, labels, centres, config.symmetries)

    replacements = {name: make_replacement(name, templates, centre) for name in config.replacements}
    similarity = nearest(network.kernels, templates)[1]
    tuned = network_parts(similarity, config.fine_tuning_shares, config.seed) if config.fine_tuning_epochs else ()
    return Plan(
        network=network,
        candidates=substitutes(network.kernels, replacements, config.null, config.draws, config.seed),
        of_network=network_parts(similarity, config.shares, config.seed),
        of_units=unit_parts(network, labels) if config.units else (),
        fine_tuned=[part for part in tuned if part.order != BEST_FIRST],
    )
