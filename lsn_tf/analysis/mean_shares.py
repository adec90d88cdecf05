"""How much of a layer is finite differences, kernels weighed alike: mean shares against chance, by Monte-Carlo tests.

The share of order 1 is 1 - the DC energy: kernels of mean zero, the hypothesis itself, without a threshold.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from lsn_tf.analysis import nulls
from lsn_tf.analysis.exact_tests import CONFIDENCE, monte_carlo_p_value
from lsn_tf.analysis.identification import finite_difference_shares
from lsn_tf.analysis.share_tests import ShareTest, check_choices, controlled

DRAWS = 199  # layers of the null; the least p-value is 1 / (DRAWS + 1)
KERNELS = 10_000  # of a layer; of larger ones as many are drawn, which leaves the test valid
RESAMPLES = 999
ROUNDING = 1e-6  # of a mean share: the one of order 1 is the same whatever the places of the weights


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeanShare(ShareTest):
    """The mean share of finite differences of one order in a layer's kernels, against chance.

    Attributes:
        order: of the finite differences, see `identification.finite_difference_shares`.
    """

    order: int


def mean_shares(
    layers: Mapping[str, np.ndarray],
    null: str = "gaussian",
    *,
    untrained: Mapping[str, np.ndarray] | None = None,
    control: str = "bh",
    seed: int = 0,
) -> list[MeanShare]:
    """Tests, for each layer and order, whether kernels are more of finite differences than the null explains.

    Args:
        layers: name: kernels, (n, *shape), without dead ones, see `network.Layer.living`; layers that have none are
            left out.
        null: one of `share_tests.NULLS`. "untrained" is a permutation test of the two samples; "permuted" weights keep
            their sum, so of order 1, mean zero, that null knows nothing: p is 1.
        untrained: for the null "untrained": the same layers before training, without dead ones too.
        control: "bh" or "by", see `claims.make_claims`.
        seed: of nulls and bootstrap.

    Raises:
        ValueError: as `claims.make_claims`.
    """
    check_choices(layers, null, untrained, control)
    rng = np.random.default_rng(seed)
    found = []
    for layer, kernels in layers.items():
        kernels = _some(kernels, rng)
        if len(kernels):
            other = _some(untrained[layer], rng) if null == "untrained" else None
            found += _test(layer, kernels, null, other, rng)
    return controlled(found, control)


def _some(kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return kernels if len(kernels) <= KERNELS else kernels[rng.choice(len(kernels), KERNELS, replace=False)]


def _test(layer, kernels, null, untrained, rng) -> list[MeanShare]:
    shares = finite_difference_shares(kernels)
    n = len(shares)
    if null == "untrained":
        others = finite_difference_shares(untrained)
        statistic, draws = _two_samples(shares, others, rng)
        by_chance = others.mean(axis=0) if len(others) else np.zeros(shares.shape[1])
    else:
        statistic = shares.mean(axis=0)
        draws = np.array([finite_difference_shares(_draw(null, kernels, rng)).mean(axis=0) for _ in range(DRAWS)])
        by_chance = draws.mean(axis=0)
    resampled = [shares[rng.integers(n, size=n)].mean(axis=0) for _ in range(RESAMPLES)]
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return [
        MeanShare(
            layer=layer,
            order=column + 1,
            kernels=n,
            share=float(shares[:, column].mean()),
            interval=(float(low[column]), float(high[column])),
            null=null,
            chance=float(by_chance[column]),
            chance_high=float(np.quantile(draws[:, column], CONFIDENCE)),
            p_value=monte_carlo_p_value(statistic[column] - ROUNDING, draws[:, column]),
        )
        for column in range(shares.shape[1])
    ]


def _draw(null: str, kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if null == "permuted":
        return nulls.permuted(kernels, rng)
    return nulls.independent(null, len(kernels), kernels.shape[1:], rng)


def _two_samples(shares, others, rng) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean of the first sample, (o,), and its means when both are shuffled, (DRAWS, o)."""
    both, n = np.concatenate([shares, others]), len(shares)
    return shares.mean(axis=0), np.array([both[rng.permutation(len(both))[:n]].mean(axis=0) for _ in range(DRAWS)])
