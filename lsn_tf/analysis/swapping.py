"""The causal test: how well a network still works when its kernels are replaced by what they are said to be.

Sets of kernels are replaced, and beside them by controls: the null, kernels of the same norms without structure, and,
for named kernels and finite differences, the same replacement in random frames (`analysis.replacement.turned`), which
is as gentle but means nothing. All controls replace the same sets.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.replacement import Replacement, null_kernels, turned

logger = logging.getLogger(__name__)
NETWORK, STAGE, LAYER, CLUSTER = "network", "stage", "layer", "cluster"
BEST_FIRST, RANDOM, ALL = "best first", "random", "all"
NULL, TURNED = "null", "turned"
UNTURNED = "centre"  # is of the kernels themselves: in another frame it would be the same


@dataclasses.dataclass(frozen=True, eq=False)
class HiddenKernels:
    """The kernels of a network's hidden convolutions, one after another.

    Attributes:
        layers: their layers.
        kernels: (n, s, s) float32.
    """

    layers: tuple[Layer, ...]
    kernels: np.ndarray

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> "HiddenKernels":
        """Returns those of these layers."""
        return cls(tuple(layers), np.concatenate([layer.kernels for layer in layers]))

    @property
    def layer_names(self) -> np.ndarray:
        """The name of each kernel's layer, (n,)."""
        return np.repeat([layer.name for layer in self.layers], [layer.count for layer in self.layers])

    @property
    def stages(self) -> np.ndarray:
        """The stage of each kernel's layer, (n,)."""
        return np.repeat([layer.stage for layer in self.layers], [layer.count for layer in self.layers])

    def by_layer(self, of_kernels: np.ndarray) -> dict[str, np.ndarray]:
        """Returns what there is of each kernel, (n, s, s), as weights by layer, (s, s, input, output)."""
        parts = np.split(of_kernels, np.cumsum([layer.count for layer in self.layers])[:-1])
        return {
            layer.name: np.moveaxis(part, 0, -1).reshape(layer.shape)
            for layer, part in zip(self.layers, parts, strict=True)
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A set of kernels that is replaced.

    Attributes:
        unit: "network", "stage", "layer" or "cluster".
        name: of stage, layer or cluster; "" for the network.
        order: "all", or in which order kernels are replaced up to a share: "best first" or "random".
        share: of the unit's kernels.
        chosen: (n,) bool.
    """

    unit: str
    name: str
    order: str
    share: float
    chosen: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Substitute:
    """What kernels are replaced by.

    Attributes:
        replacement: its name, or that of the null.
        control: "", "null", or "turned" for the replacement in a random frame.
        draw: which of the draws of a control.
        kernels: (n, s, s), one for each kernel of the network.
    """

    replacement: str
    control: str
    draw: int
    kernels: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Measurement:
    """What was replaced by what, and the Dice then.

    Attributes:
        unit, name, order, share: see `Part`.
        kernels: how many were replaced.
        replacement, control, draw: see `Substitute`; "" and 0 where nothing was.
        epochs: of fine-tuning of all else.
        dice: of each scan.
    """

    unit: str
    name: str
    order: str
    share: float
    kernels: int
    replacement: str
    control: str
    draw: int
    epochs: int
    dice: np.ndarray


def network_parts(similarity: np.ndarray, shares: Sequence[float], seed: int) -> list[Part]:
    """Returns growing sets of a network's kernels: the most similar to a named kernel first, and at random.

    Args:
        similarity: (n,), of each kernel to the nearest named one.
        shares: in [0, 1]; none is replaced at 0, so that is no part, and all are at 1, in no order.
        seed: of the random order.
    """
    count = len(similarity)
    orders = {
        BEST_FIRST: np.argsort(-similarity, kind="stable"),
        RANDOM: np.random.default_rng(seed).permutation(count),
    }
    partial = [share for share in shares if 0 < share < 1]
    parts = [
        Part(NETWORK, "", order, share, np.isin(np.arange(count), places[: round(share * count)]))
        for order, places in orders.items()
        for share in partial
    ]
    return parts + [Part(NETWORK, "", ALL, 1.0, np.ones(count, bool))] * (1 in shares)


def unit_parts(network: HiddenKernels, labels: np.ndarray) -> list[Part]:
    """Returns each stage, cluster and layer of a network as a set; labels, (n,), are of clusters, -1 of none."""
    columns = {STAGE: network.stages, CLUSTER: np.where(labels < 0, "", labels.astype(str)), LAYER: network.layer_names}
    return [
        Part(unit, name, ALL, 1.0, column == name)
        for unit, column in columns.items()
        for name in dict.fromkeys(column.tolist())
        if name
    ]


def substitutes(
    kernels: np.ndarray, replacements: Mapping[str, Replacement], null: str, draws: int, seed: int
) -> list[Substitute]:
    """Returns every replacement of all kernels, then the draws of the null, then those of the turned replacements."""
    rng = np.random.default_rng(seed)
    own = [Substitute(name, "", 0, replace(kernels)) for name, replace in replacements.items()]
    null_draws = [Substitute(null, NULL, draw, null_kernels(null, kernels, rng)) for draw in range(draws)]
    frames = stats.ortho_group.rvs(kernels[0].size, size=draws, random_state=rng).reshape(draws, *[kernels[0].size] * 2)
    turned_draws = [
        Substitute(name, TURNED, draw, turned(replace, frame)(kernels))
        for name, replace in replacements.items()
        if name != UNTURNED
        for draw, frame in enumerate(frames)
    ]
    return own + null_draws + turned_draws


def swapped(kernels: np.ndarray, part: Part, substitute: Substitute) -> np.ndarray:
    """Returns the kernels, (n, s, s), with those of the part replaced; all others are bit-equal."""
    return np.where(part.chosen[:, None, None], substitute.kernels, kernels)


def measure(
    network: HiddenKernels,
    parts: Sequence[Part],
    candidates: Sequence[Substitute],
    score: Callable[[Mapping[str, np.ndarray], Part], np.ndarray],
    epochs: int = 0,
) -> Iterator[Measurement]:
    """Yields the Dice for every part and every substitute.

    Args:
        network: its kernels.
        parts: what is replaced.
        candidates: by what.
        score: from the weights by layer, and the part that was replaced, to the Dice of each scan.
        epochs: of fine-tuning that `score` includes, for the record.
    """
    for part in parts:
        for candidate in candidates:
            dice = score(network.by_layer(swapped(network.kernels, part, candidate)), part)
            what = (candidate.replacement, candidate.control, candidate.draw)
            size = int(part.chosen.sum())
            yield Measurement(part.unit, part.name, part.order, part.share, size, *what, epochs, dice)
        logger.info("%s", " ".join(filter(None, [part.unit, part.name, part.order, f"{part.share:g}"])))


def original(dice: np.ndarray, epochs: int = 0) -> Measurement:
    """Returns the measurement of the network as it is, or fine-tuned with nothing held."""
    return Measurement(NETWORK, "", ALL, 0.0, 0, "", "", 0, epochs, dice)


def label(row: Mapping[str, Any]) -> str:
    """Returns what kernels were replaced by, in words."""
    name = row["replacement"]
    if name.startswith("order_"):
        name = f"finite differences of order {name.removeprefix('order_')}"
    words = {"nearest": "nearest named kernel", "centre": "cluster centre"}
    name = words.get(name, name)
    return {"": name, NULL: f"null: {name}", TURNED: f"{name}, turned"}[row["control"]]
