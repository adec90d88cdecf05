"""Claims that can fail: "18 % of layer 7 is a first difference: chance 3 %", with p-values and control over all layers.

A kernel is one of a family if its similarity to the nearest member reaches a threshold; it is a finite difference of
order p if the cosine of its angle to that subspace does.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import stats

from lsn_tf.analysis import nulls
from lsn_tf.analysis.exact_tests import CONFIDENCE, bootstrap_interval, matched_p_value, two_sample_p_value
from lsn_tf.analysis.identification import dead, finite_difference_shares
from lsn_tf.analysis.kernel_arrays import chunks
from lsn_tf.analysis.templates import Templates, family_similarities

THRESHOLD = 0.9
"""Least similarity: the named kernel is then 81 % of the kernel's energy. Noise of 30 % of its norm leaves 0.96, and a
random 3 x 3 kernel comes so near to one given stencil with chance 0.0004, so a family of 20 images stays below 1 %."""
NULL_KERNELS = 100_000  # drawn once for all layers: chances are known to 1 / 1000 at worst
COPIES = 19  # of each kernel, permuted
NULLS = ("gaussian", "permuted", "untrained", *nulls.INITIALIZER_NAMES)
CONTROLS = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}


@dataclasses.dataclass(frozen=True)
class Claim:
    """How many kernels of a layer are of a family, against chance.

    Attributes:
        layer: its name.
        family: of named kernels, or "finite difference of order p".
        kernels: those of the layer that are not dead.
        hits: how many of them are of the family.
        share: hits / kernels; 0 if there are none.
        interval: bootstrap interval of the share, 95 %.
        null: the null model.
        chance: the share under the null.
        chance_high: 95 % of layers of the null have at most this share: the null band of a figure.
        p_value: of a share as large, under the null.
        q_value: p_value, adjusted for the false discovery rate over all layers and families.
    """

    layer: str
    family: str
    kernels: int
    hits: int
    share: float
    interval: tuple[float, float]
    null: str
    chance: float
    chance_high: float
    p_value: float
    q_value: float

    def sentence(self) -> str:
        """Returns the claim in words, whether it holds or not."""
        return (
            f"{self.share:.1%} of {self.layer} is {self.family}: chance {self.chance:.1%} "
            f"(p = {self.p_value:.2g}, q = {self.q_value:.2g}, null: {self.null})"
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

    For i.i.d. nulls the test is Fisher's exact one against a sample of the null, for permuted weights the exact matched
    one. Dead kernels, see `identification.dead`, neither count nor are counted.

    Args:
        layers: name: kernels, (n, s, s).
        templates: the named kernels, for this s.
        null: one of `NULLS`: "gaussian", "permuted" within each kernel, "untrained", or Keras' initialiser by name.
        untrained: for the null "untrained": the same layers of the network before training.
        filters: name: (n,) int, the filter (output channel) of each kernel; intervals then resample whole filters.
        threshold: least similarity of a hit, in (0, 1].
        control: "bh" (Benjamini-Hochberg; families that overlap depend positively, which it allows) or "by"
            (Benjamini-Yekutieli, any dependence).
        seed: of the nulls and the bootstrap.

    Raises:
        ValueError: for another null or control, a threshold out of range, or layers without an untrained one.
    """
    _check(layers, null, untrained, threshold, control)
    rng = np.random.default_rng(seed)
    size = next(iter(layers.values())).shape[1] if layers else 0
    sample = None if null in ("permuted", "untrained") else _sample(null, size, templates, threshold, rng)
    claims = []
    for layer, kernels in layers.items():
        alive = ~dead(kernels)
        kernels = kernels[alive]
        hits = find_hits(kernels, templates, threshold)
        if null == "untrained":
            sample = find_hits(untrained[layer][~dead(untrained[layer])], templates, threshold)
        tested = _matched(kernels, hits, templates, threshold, rng) if null == "permuted" else _fisher(hits, sample)
        group = filters[layer][alive] if filters else None
        for column, (family, (p_value, chance)) in enumerate(zip(claim_names(templates), tested, strict=True)):
            claims.append(_claim(layer, family, hits[:, column], group, null, chance, p_value, rng))
    return _controlled(claims, control)


def claim_names(templates: Templates) -> tuple[str, ...]:
    """Returns the families, then the finite differences of each order: the columns of `find_hits`."""
    orders = 2 * round(templates.rows.shape[1] ** 0.5) - 2
    return (*templates.families, *(f"finite difference of order {order}" for order in range(1, orders + 1)))


def find_hits(kernels: np.ndarray, templates: Templates, threshold: float = THRESHOLD) -> np.ndarray:
    """Tells which of n kernels are of which family, and finite differences of which order: (n, c) bool."""
    near = family_similarities(kernels, templates) >= threshold
    return np.concatenate([near, finite_difference_shares(kernels) >= threshold**2], axis=1)


def _check(layers, null, untrained, threshold, control) -> None:
    if null not in NULLS:
        raise ValueError(f"null must be one of {NULLS}. Received {null!r}.")
    if control not in CONTROLS:
        raise ValueError(f"control must be one of {tuple(CONTROLS)}. Received {control!r}.")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1], a similarity. Received {threshold}.")
    if null == "untrained" and (missing := sorted(layers.keys() - (untrained or {}).keys())):
        raise ValueError(f"untrained must have the kernels of every layer. Received none for {missing}.")


def _sample(null: str, size: int, templates: Templates, threshold: float, rng: np.random.Generator) -> np.ndarray:
    """Returns the hits of kernels of an i.i.d. null, (m, c)."""
    draw = nulls.gaussian if null == "gaussian" else lambda *a: nulls.initial(null, *a)
    return find_hits(draw(NULL_KERNELS, size, rng), templates, threshold)


def _fisher(hits: np.ndarray, sample: np.ndarray) -> list[tuple[float, float]]:
    """Returns p-value and chance of each column."""
    found, expected = hits.sum(axis=0).tolist(), sample.sum(axis=0).tolist()
    return [
        (two_sample_p_value(c, len(hits), e, len(sample)), e / max(len(sample), 1))
        for c, e in zip(found, expected, strict=True)
    ]


def _matched(kernels, hits, templates, threshold, rng) -> list[tuple[float, float]]:
    copies_hit = np.zeros(hits.shape, np.int16)
    for chunk in chunks(len(kernels), 1 << 17):
        for _ in range(COPIES):
            copies_hit[chunk] += find_hits(nulls.permuted(kernels[chunk], rng), templates, threshold)
    chances = copies_hit.sum(axis=0, dtype=np.int64) / max(len(kernels) * COPIES, 1)
    columns = zip(hits.T, copies_hit.T, chances.tolist(), strict=True)
    return [(matched_p_value(hit, copy, COPIES), chance) for hit, copy, chance in columns]


def _claim(layer, family, hits, group, null, chance, p_value, rng) -> Claim:
    kernels = len(hits)
    return Claim(
        layer=layer,
        family=family,
        kernels=kernels,
        hits=int(hits.sum()),
        share=float(hits.mean()) if kernels else 0.0,
        interval=bootstrap_interval(hits, rng, group),
        null=null,
        chance=chance,
        chance_high=float(stats.binom.ppf(CONFIDENCE, kernels, chance)) / kernels if kernels else 0.0,
        p_value=p_value,
        q_value=1.0,
    )


def _controlled(claims: list[Claim], control: str) -> list[Claim]:
    if not claims:
        return []
    adjusted = stats.false_discovery_control([claim.p_value for claim in claims], method=control)
    return [dataclasses.replace(claim, q_value=float(q)) for claim, q in zip(claims, adjusted, strict=True)]
