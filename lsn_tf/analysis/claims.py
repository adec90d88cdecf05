"""Claims that can fail: "18 % of layer 7 is a first difference: chance 3 %", with control over layers and families."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from lsn_tf.analysis import nulls
from lsn_tf.analysis.exact_tests import (
    binomial_p_value,
    bootstrap_intervals,
    matched_p_value,
    two_sample_p_value,
)
from lsn_tf.analysis.hits import THRESHOLD, claim_names, find_hits, known_chances
from lsn_tf.analysis.share_tests import ShareTest, against_chance, check_choices, controlled
from lsn_tf.analysis.templates import Templates

NULL_KERNELS = 100_000  # drawn once for all layers, permuted for each: chances are known to 1 / 600 at worst
COPIES = 19  # of each kernel, permuted, at most


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim(ShareTest):
    """How many kernels of a layer are of a family, against chance: share is hits / kernels.

    Attributes:
        family: of named kernels, or "finite difference of order p".
        hits: how many kernels are of the family.
    """

    family: str
    hits: int

    def sentence(self) -> str:
        """Returns the claim in words, whether it holds or not."""
        article = "an" if self.family[0].lower() in "aeiou" else "a"
        return (
            f"{100 * self.share:.1f} % of {self.layer} is {article} {self.family}: chance {100 * self.chance:.1f} % "
            f"(p = {self.p_value:.2g}, q = {self.q_value:.2g}, null: {self.null})."
        )


def make_claims(
    layers: Mapping[str, np.ndarray],
    templates: Templates,
    null: str = "gaussian",
    *,
    untrained: Mapping[str, np.ndarray] | None = None,
    filters: Mapping[str, np.ndarray] | None = None,
    threshold: float = THRESHOLD,
    control: str = "bh",
    seed: int = 0,
) -> list[Claim]:
    """Tests, for each layer and family, whether more kernels are of the family than the null explains.

    For i.i.d. nulls the test is the binomial one, or Fisher's against a sample of the null where the chance has no
    formula; for permuted weights it is the matched one: all three are exact. Of layers with more kernels than
    `NULL_KERNELS` the matched test takes as many at random, with one copy each; smaller ones have up to `COPIES` copies
    of each kernel.

    Args:
        layers: name: kernels, (n, *shape), without dead ones, see `network.Layer.living`.
        templates: the named kernels, for this s.
        null: one of `share_tests.NULLS`: "gaussian", "permuted" within each kernel, "untrained", or Keras' initialiser
            by name.
        untrained: for the null "untrained": the same layers of the network before training, without dead ones too.
        filters: name: (n,) int, the filter (output channel) of each kernel; intervals then resample whole filters.
        threshold: least similarity of a hit, in (0, 1].
        control: "bh" (Benjamini-Hochberg; families that overlap depend positively, which it allows) or "by"
            (Benjamini-Yekutieli, any dependence).
        seed: of the nulls and the bootstrap.

    Raises:
        ValueError: for another null or control, a threshold out of range, layers without an untrained one, or a null
            whose norms mean nothing where templates are compared at their own.
    """
    check_choices(layers, null, untrained, control)
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1], a similarity. Received {threshold}.")
    if not templates.symmetries.scale and null not in ("permuted", "untrained"):
        raise ValueError(f"null must be permuted or untrained where scale is no symmetry. Received {null!r}.")
    rng = np.random.default_rng(seed)
    sample = None if null in ("permuted", "untrained") else _sample(null, templates, threshold, rng)
    known = known_chances(null, templates, threshold)
    claims = []
    for layer, kernels in layers.items():
        hits = find_hits(kernels, templates, threshold)
        if null == "untrained":
            sample = find_hits(untrained[layer], templates, threshold)
        tested = (
            _matched(kernels, hits, templates, threshold, rng)
            if null == "permuted"
            else _independent(hits, sample, known)
        )
        intervals = bootstrap_intervals(hits, rng, filters[layer] if filters else None)
        columns = zip(claim_names(templates), hits.sum(axis=0).tolist(), intervals, tested, strict=True)
        claims += [_claim(layer, family, len(kernels), *found, null) for family, *found in columns]
    return controlled(claims, control)


def _sample(null: str, templates: Templates, threshold: float, rng: np.random.Generator) -> np.ndarray:
    """Returns the hits of kernels of an i.i.d. null, (m, c)."""
    kernels = nulls.independent(null, NULL_KERNELS, templates.shape, rng)
    return find_hits(kernels, templates, threshold)


def _independent(hits: np.ndarray, sample: np.ndarray, known: list[float]) -> list[tuple[float, float]]:
    """Returns p-value and chance of each column, kernels being i.i.d. under the null."""
    tested = []
    for found, expected, chance in zip(hits.sum(axis=0).tolist(), sample.sum(axis=0).tolist(), known, strict=True):
        if math.isnan(chance):
            p_value = two_sample_p_value(found, len(hits), expected, len(sample))
            tested.append((p_value, expected / max(len(sample), 1)))
        else:
            tested.append((binomial_p_value(found, len(hits), chance), chance))
    return tested


def _matched(kernels, hits, templates, threshold, rng) -> list[tuple[float, float]]:
    """Returns p-value and chance of each column, from at most `NULL_KERNELS` copies of kernels."""
    n = min(len(kernels), NULL_KERNELS)
    if n < len(kernels):
        drawn = rng.choice(len(kernels), n, replace=False)
        kernels, hits = kernels[drawn], hits[drawn]
    copies = min(COPIES, NULL_KERNELS // max(n, 1))
    copies_hit = np.zeros(hits.shape, np.int16)
    for _ in range(copies):
        copies_hit += find_hits(nulls.permuted(kernels, rng), templates, threshold)
    chances = copies_hit.sum(axis=0, dtype=np.int64) / max(n * copies, 1)
    columns = zip(hits.T, copies_hit.T, chances.tolist(), strict=True)
    return [(matched_p_value(hit, copy, copies), chance) for hit, copy, chance in columns]


def _claim(layer, family, kernels, hits, interval, tested, null) -> Claim:
    p_value, chance = tested
    counted = against_chance(kernels, hits, chance)
    return Claim(layer=layer, family=family, **counted, interval=interval, null=null, p_value=p_value)
