"""How often a claim is made of kernels of the null itself: at p < 0.05 in at most 5 % of tests, if p-values hold."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis import nulls
from lsn_tf.analysis.claims import make_claims
from lsn_tf.analysis.mean_shares import mean_shares
from lsn_tf.analysis.templates import Templates

LEVEL = 0.05
TAILS = 3  # degrees of freedom of Student's t: weights far from Gaussian


@dataclasses.dataclass(frozen=True)
class FalseClaims:
    """Tests of kernels of a null against that null.

    Attributes:
        null: its name.
        test: "claims" of families, or "mean shares" of finite differences.
        tests: how many.
        false: by family or order, in how many layers p < `LEVEL`.
        layers: how many layers there were.
    """

    null: str
    test: str
    tests: int
    false: dict[str, int]
    layers: int

    @property
    def rate(self) -> float:
        """The share of tests with p < `LEVEL`."""
        return sum(self.false.values()) / self.tests

    @property
    def error(self) -> float:
        """The standard error of a rate of `LEVEL`, the tests of a layer, which depend on each other, counted as one."""
        return float(np.sqrt(LEVEL * (1 - LEVEL) / self.layers))

    @property
    def worst(self) -> tuple[str, float]:
        """The family or order that is claimed most often, and in which share of the layers."""
        name = max(self.false, key=self.false.get)
        return name, self.false[name] / self.layers


def false_claims(
    null: str, templates: Templates, *, rounds: int, layers: int, kernels: int, seed: int | Sequence[int] = 0
) -> tuple[FalseClaims, FalseClaims]:
    """Returns the false claims of families and of mean shares, over rounds with samples of the null of their own.

    Args:
        null: one of `share_tests.NULLS`.
        templates: the named kernels.
        rounds: how many.
        layers: of a round.
        kernels: of a layer.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    counts: dict[str, dict[str, int]] = {"claims": {}, "mean shares": {}}
    for _ in range(rounds):
        drawn, untrained = draw_layers(null, templates.shape, layers, kernels, rng)
        options = {"untrained": untrained, "seed": int(rng.integers(2**31))}
        found = [("claims", claim.family, claim.p_value) for claim in make_claims(drawn, templates, null, **options)]
        found += [
            ("mean shares", f"order {share.order}", share.p_value) for share in mean_shares(drawn, null, **options)
        ]
        for test, name, p_value in found:
            counts[test][name] = counts[test].get(name, 0) + (p_value < LEVEL)
    total = rounds * layers
    first, second = (FalseClaims(null, test, total * len(false), false, total) for test, false in counts.items())
    return first, second


def draw_layers(
    null: str, shape: tuple[int, ...], layers: int, kernels: int, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray] | None]:
    """Returns layers for which the null is true, and for "untrained" as many of the same law.

    For "permuted" the weights of a kernel are exchangeable, but neither Gaussian nor of mean zero; for "untrained" they
    are correlated, differently in each layer.
    """
    names = [f"layer {n}" for n in range(layers)]
    if null == "permuted":
        offsets = rng.standard_normal((layers, kernels, *[1] * len(shape)))
        drawn = rng.standard_t(TAILS, (layers, kernels, *shape)) + 3 * offsets
        return dict(zip(names, drawn.astype(np.float32), strict=True)), None
    if null == "untrained":
        weights = int(np.prod(shape))
        mixing = dict(zip(names, rng.standard_normal((layers, weights, weights)), strict=True))
        both = [
            {name: _mixed(nulls.gaussian(kernels, shape, rng), mixing[name]) for name in names}
            for _ in ("after", "before")
        ]
        return both[0], both[1]
    return {name: rng.uniform(0.1, 10) * nulls.independent(null, kernels, shape, rng) for name in names}, None


def _mixed(kernels: np.ndarray, mixing: np.ndarray) -> np.ndarray:
    return (kernels.reshape(len(kernels), -1) @ mixing).astype(np.float32).reshape(kernels.shape)
