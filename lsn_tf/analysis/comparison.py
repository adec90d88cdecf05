"""Two networks side by side: what their layers, stages and wholes differ in, and whether chance explains it.

Before and after training, fold against fold, one architecture against another. What is tested is these two networks:
another seed of the same training may differ as much. Networks of one seed begin with equal kernels where layers match,
and may be alike for no other reason.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.diversity import shifts
from lsn_tf.analysis.filter_tests import share_differences, shift_test
from lsn_tf.analysis.hits import THRESHOLD
from lsn_tf.analysis.matching import Place, places
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.parts import Part, joined, measure_names, measured, sampled
from lsn_tf.analysis.share_tests import controlled
from lsn_tf.analysis.templates import Templates

DIVERGENCE = "divergence"  # a measure of both sets together


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """What two networks differ in, at one place.

    Attributes:
        level: "layer", "stage" or "model".
        layer, other_layer: names of the two layers, of the stage, or "all".
        measure: see `parts.measure_names`; or "divergence", see `diversity.shift`.
        kernels, other_kernels: how many entered.
        value, other_value: shares of the kernels or means over them; None for a divergence, which is one of both.
        difference: value - other_value, or the divergence in nats.
        interval: bootstrap interval of it, 95 %, whole filters or pairs of them resampled; None for a divergence.
        chance_high: 95 % of permutations of the filters have at most this |difference|.
        p_value: of a |difference| as large, filters permuted, see `filter_tests`.
        q_value: p_value, adjusted for the false discovery rate over all differences that were tested.
    """

    level: str
    layer: str
    other_layer: str
    measure: str
    kernels: int
    other_kernels: int
    value: float | None
    other_value: float | None
    difference: float
    interval: tuple[float, float] | None
    chance_high: float
    p_value: float
    q_value: float = 1.0

    def sentence(self) -> str:
        """Returns the difference in words, whether it holds or not."""
        here = self.layer if self.layer == self.other_layer else f"{self.layer} and {self.other_layer}"
        chance = f"(p = {self.p_value:.2g}, q = {self.q_value:.2g})"
        if self.interval is None:
            return (
                f"{self.level} {here}: {self.measure} {self.difference:.3g}, by chance {self.chance_high:.3g} {chance}."
            )
        return (
            f"{self.level} {here}: {self.measure} {self.value:.3g} against {self.other_value:.3g}, difference "
            f"{self.difference:+.3g} from {self.interval[0]:+.3g} to {self.interval[1]:+.3g} {chance}."
        )


def compare(
    layers: Sequence[Layer],
    others: Sequence[Layer],
    templates: Templates,
    *,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> list[Difference]:
    """Compares two networks where their layers match, stage by stage where both show stages, and as wholes.

    Args:
        layers: of the one network, all of its convolutions in the order of the graph.
        others: of the other; see `matching.places` for which layers are compared.
        templates: the named kernels.
        threshold: least similarity of a hit, in (0, 1].
        seed: of permutations and bootstrap.
    """
    rng = np.random.default_rng(seed)
    parts, other_parts = (
        {layer.name: measured(layer, templates, threshold, rng) for layer in network if layer.count}
        for network in (layers, others)
    )
    differences = []
    for place in places(layers, others):
        first = joined([parts[layer.name] for layer in place.layers], place.name)
        second = joined([other_parts[layer.name] for layer in place.others], place.name)
        differences += _compared(place, first, second, measure_names(templates), rng)
    return controlled(differences)


def layer_divergences(layers: Sequence[Layer], seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Returns the names of the layers that have kernels which are not dead, and the shift between any two, (l, l)."""
    rng = np.random.default_rng(seed)
    samples = {layer.name: sampled(layer, rng)[0] for layer in layers if layer.alive.any()}
    if sum(map(len, samples.values())) < 2:
        return list(samples), np.zeros((len(samples),) * 2)
    return list(samples), shifts(list(samples.values()))


def _compared(place: Place, one: Part, other: Part, names: Sequence[str], rng: np.random.Generator) -> list[Difference]:
    """Returns the differences of all measures that both have kernels for."""
    both = joined([one, other], "")
    first = np.arange(len(both.sums)) < len(one.sums)
    found = share_differences(both.sums, both.sizes, first, rng, place.paired)
    kernels, other_kernels = one.sizes.sum(axis=0).astype(int), other.sizes.sum(axis=0).astype(int)
    where = {"level": place.level, "layer": one.name, "other_layer": other.name}
    differences = [
        Difference(
            **where,
            measure=name,
            kernels=int(kernels[column]),
            other_kernels=int(other_kernels[column]),
            value=float(found.values[column]),
            other_value=float(found.others[column]),
            difference=float(found.values[column] - found.others[column]),
            interval=(float(found.intervals[0, column]), float(found.intervals[1, column])),
            chance_high=float(found.chance_high[column]),
            p_value=float(found.p_values[column]),
        )
        for column, name in enumerate(names)
        if kernels[column] and other_kernels[column]
    ]
    if not (len(one.kernels) and len(other.kernels)):
        return differences
    divergence, high, p_value = shift_test(both.kernels, both.filters, first, rng, place.paired)
    return [
        *differences,
        Difference(
            **where,
            measure=DIVERGENCE,
            kernels=len(one.kernels),
            other_kernels=len(other.kernels),
            value=None,
            other_value=None,
            difference=divergence,
            interval=None,
            chance_high=high,
            p_value=p_value,
        ),
    ]
