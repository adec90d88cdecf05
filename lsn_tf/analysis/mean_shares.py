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
COPIES = 19  # of each kernel, permuted
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
    found, independent = [], {}  # the draws of i.i.d. nulls, by the number of kernels
    for layer, kernels in layers.items():
        kernels = _some(kernels, rng)
        if not len(kernels):
            continue
        shares = finite_difference_shares(kernels)
        if null == "untrained":
            drawn = _two_samples(shares, finite_difference_shares(_some(untrained[layer], rng)), rng)
        elif null == "permuted":
            drawn = _matched(kernels, shares, rng)
        else:
            if len(kernels) not in independent:
                independent[len(kernels)] = _independent(null, kernels.shape, rng)
            drawn = independent[len(kernels)]
        found += _tests(layer, shares, null, *drawn, rng)
    return controlled(found, control)


def _some(kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return kernels if len(kernels) <= KERNELS else kernels[rng.choice(len(kernels), KERNELS, replace=False)]


def _tests(layer, shares, null, draws, by_chance, rng) -> list[MeanShare]:
    """Returns the tests of all orders, given means under the null, those to rank among and those of chance, (m, o)."""
    n, means = len(shares), shares.mean(axis=0)
    resampled = [np.bincount(rng.integers(n, size=n), minlength=n) @ shares / n for _ in range(RESAMPLES)]
    low, high = np.quantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return [
        MeanShare(
            layer=layer,
            order=column + 1,
            kernels=n,
            share=float(means[column]),
            interval=(float(low[column]), float(high[column])),
            null=null,
            chance=float(by_chance[:, column].mean()),
            chance_high=float(np.quantile(by_chance[:, column], CONFIDENCE)),
            p_value=monte_carlo_p_value(means[column] - ROUNDING, draws[:, column]),
        )
        for column in range(len(means))
    ]


def _independent(null, shape, rng) -> tuple[np.ndarray, np.ndarray]:
    """Returns the means of layers of an i.i.d. null, (DRAWS, o), twice."""
    drawn = (nulls.independent(null, shape[0], shape[1:], rng) for _ in range(DRAWS))
    means = np.array([finite_difference_shares(kernels).mean(axis=0) for kernels in drawn])
    return means, means


def _matched(kernels, shares, rng) -> tuple[np.ndarray, np.ndarray]:
    """Returns means in which each kernel is itself or one of its copies at random, (DRAWS, o), or a copy always.

    Under the null a kernel and its copies are exchangeable, so that the layer's mean ranks among the former.
    """
    copies = [finite_difference_shares(nulls.permuted(kernels, rng)) for _ in range(COPIES)]
    versions, n = np.stack([shares, *copies]).astype(np.float64), len(shares)
    every, weights = np.arange(n), np.full(n, 1 / n)

    def means(first: int) -> np.ndarray:
        chosen = (rng.integers(first, len(versions), n) for _ in range(DRAWS))
        return np.array([weights @ versions[version, every] for version in chosen])

    return means(0), means(1)


def _two_samples(shares, others, rng) -> tuple[np.ndarray, np.ndarray]:
    """Returns means of as many kernels of both samples, shuffled, (DRAWS, o), and of the other one, resampled."""
    both, n = np.concatenate([shares, others]), len(shares)
    shuffled = np.array([both[rng.permutation(len(both))[:n]].mean(axis=0) for _ in range(DRAWS)])
    if not len(others):
        return shuffled, np.zeros_like(shuffled)
    return shuffled, np.array([others[rng.integers(len(others), size=n)].mean(axis=0) for _ in range(DRAWS)])
