"""Which layers of two networks are compared with which: by order and shape, by stage, and all with all."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from lsn_tf.analysis.network import Layer


class Place(NamedTuple):
    """Layers of the one network and those of the other that they are compared with.

    Attributes:
        level: "model", "stage" or "layer".
        layers, others: with kernels, one at least on either side.
        name: common to both sides; "" for a layer, which has its own.
    """

    level: str
    layers: list[Layer]
    others: list[Layer]
    name: str

    @property
    def paired(self) -> bool:
        """Whether filters are in pairs: as many kernels of as many filters, layer by layer."""
        return [layer.shape for layer in self.layers] == [other.shape for other in self.others]


def matching(layers: Sequence[Layer], others: Sequence[Layer]) -> list[tuple[Layer, Layer]]:
    """Returns the layers that correspond: in order, where the shapes of the kernels agree.

    Two networks of one architecture correspond wholly, whatever their names. Otherwise the longest runs of layers of
    equal shapes are taken first, and what lies before and after them likewise.
    """
    shapes, other_shapes = ([layer.shape for layer in network] for network in (layers, others))
    blocks = difflib.SequenceMatcher(None, shapes, other_shapes, autojunk=False).get_matching_blocks()
    pairs = [(layers[block.a + i], others[block.b + i]) for block in blocks for i in range(block.size)]
    return [pair for pair in pairs if pair[0].count]


def places(layers: Sequence[Layer], others: Sequence[Layer]) -> list[Place]:
    """Returns what is compared with what: the wholes, each stage that both networks show, the layers that match."""
    networks = [[layer for layer in network if layer.count] for network in (layers, others)]
    found = [Place("model", *networks, "all")]
    for stage in dict.fromkeys(layer.stage for layer in networks[0] if layer.stage):
        sides = [[layer for layer in network if layer.stage == stage] for network in networks]
        if all(sides):
            found.append(Place("stage", *sides, stage))
    return found + [Place("layer", [layer], [other], "") for layer, other in matching(layers, others)]
