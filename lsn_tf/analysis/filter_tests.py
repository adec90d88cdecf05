"""Tests of two sets of filters against each other, in which the kernels of one filter stay together.

Kernels of a filter are learned together, so they are no independent evidence: filters are. Under the null those of both
sets are exchangeable; a share, or a divergence, is compared with what it is when they change sets at random. Where
filters of the two correspond, as before and after training, the p-values are larger than they need be.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from lsn_tf.analysis.diversity import BINS, binned, divergences, ranges
from lsn_tf.analysis.exact_tests import CONFIDENCE, monte_carlo_p_value
from lsn_tf.analysis.principal_components import principal_components

PERMUTATIONS = 9999  # of shares: the least p-value is 1 / (PERMUTATIONS + 1)
SHIFT_PERMUTATIONS = 999  # of the divergence, which takes histograms
RESAMPLES = 1999
MOST_FILTERS = 10_000  # of which the divergence is tested: of more as many are drawn, which leaves the test valid
ROUNDING = 1e-9  # of a difference of shares: the same sums in another order
CELLS = 1 << 22  # of filters times permutations, in memory at once


@dataclasses.dataclass(frozen=True)
class ShareDifferences:
    """What two sets of filters differ in, m shares, each (m,).

    Attributes:
        values, others: the shares of each set; 0 where it has no kernel.
        intervals: (2, m), bootstrap interval of values - others, 95 %, filters resampled.
        chance_high: 95 % of permutations have at most this |difference|.
        p_values: of a |difference| as large, filters permuted.
    """

    values: np.ndarray
    others: np.ndarray
    intervals: np.ndarray
    chance_high: np.ndarray
    p_values: np.ndarray


def share_differences(
    sums: np.ndarray, sizes: np.ndarray, first: np.ndarray, rng: np.random.Generator
) -> ShareDifferences:
    """Compares shares, sum of a quantity over the kernels / their number, of two sets of filters.

    Args:
        sums: (f, m), of m quantities over the kernels of each filter of both sets.
        sizes: (f, m), how many kernels entered.
        first: (f,) bool, the filters of the first set.
        rng: to permute and resample with.
    """
    values, others = _shares(np.stack([first, ~first]).astype(float), sums, sizes)
    drawn = [
        np.abs(_shares(chosen, sums, sizes) - _shares(1 - chosen, sums, sizes))
        for chosen in _permutations(first, PERMUTATIONS, rng)
    ]
    drawn, seen = np.concatenate(drawn), np.abs(values - others) - ROUNDING
    return ShareDifferences(
        values=values,
        others=others,
        intervals=_intervals(sums, sizes, first, rng),
        chance_high=np.quantile(drawn, CONFIDENCE, axis=0),
        p_values=np.array([monte_carlo_p_value(least, column) for least, column in zip(seen, drawn.T, strict=True)]),
    )


def shift_test(
    kernels: np.ndarray, filters: np.ndarray, first: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Returns the shift between two sets of filters, what 95 % of permutations have at most, and its p-value.

    Components, bins and their ranges are those of both sets together, so no permutation changes them.

    Args:
        kernels: (n, s, s) of both sets, scaled as for `diversity.shift`.
        filters: (n,) int, the filter of each, in [0, f).
        first: (f,) bool, the filters of the first set.
        rng: to permute with.
    """
    if len(first) > MOST_FILTERS:
        kernels, filters, first = _drawn(kernels, filters, first, rng)
    axes = principal_components(kernels)
    bins = binned(kernels, axes, *ranges([kernels], axes))
    counts = _counts(bins, filters, len(first))
    total = counts.sum(axis=0)
    dimensions = bins.shape[1]

    def shifts(chosen: np.ndarray) -> np.ndarray:
        ours = (chosen.astype(np.float32) @ counts).astype(float)
        both = (histogram.reshape(-1, dimensions, BINS) for histogram in (ours, total - ours))
        return divergences(*both) @ axes.explained

    (seen,) = shifts(first[None])
    drawn = np.concatenate([shifts(chosen) for chosen in _permutations(first, SHIFT_PERMUTATIONS, rng)])
    high = float(np.quantile(drawn, CONFIDENCE))
    return float(seen), high, monte_carlo_p_value(seen * (1 - ROUNDING), drawn)


def _shares(weights: np.ndarray, sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns the shares, (r, m), of filters with weights of (r, f); 0 where they have no kernel."""
    kernels = weights @ sizes
    return np.divide(weights @ sums, kernels, out=np.zeros_like(kernels), where=kernels > 0)


def _permutations(first: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields (r, f) float64, 1 where a filter is in the first set of a permutation, some rows at a time."""
    rows = max(1, CELLS // len(first))
    for start in range(0, count, rows):
        tiled = np.tile(first.astype(float), (min(rows, count - start), 1))
        yield rng.permuted(tiled, axis=1, out=tiled)


def _intervals(sums: np.ndarray, sizes: np.ndarray, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    drawn = [_resampled(sums[chosen], sizes[chosen], rng) for chosen in (first, ~first)]
    return np.quantile(drawn[0] - drawn[1], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)


def _resampled(sums: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns shares, (`RESAMPLES`, m), of filters drawn with replacement."""
    filters, rows = len(sums), max(1, CELLS // len(sums))
    drawn = []
    for start in range(0, RESAMPLES, rows):
        times = rng.multinomial(filters, np.full(filters, 1 / filters), min(rows, RESAMPLES - start))
        drawn.append(_shares(times.astype(float), sums, sizes))
    return np.concatenate(drawn)


def _drawn(kernels, filters, first, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chosen = np.sort(rng.choice(len(first), MOST_FILTERS, replace=False))
    place = np.full(len(first), -1)
    place[chosen] = np.arange(MOST_FILTERS)
    kept = place[filters] >= 0
    return kernels[kept], place[filters[kept]], first[chosen]


def _counts(bins: np.ndarray, filters: np.ndarray, count: int) -> np.ndarray:
    """Returns the histograms of each filter, (f, d * `BINS`) float32."""
    dimensions = bins.shape[1]
    cells = (filters[:, None] * dimensions + np.arange(dimensions)) * BINS + bins
    return np.bincount(cells.ravel(), minlength=count * dimensions * BINS).reshape(count, -1).astype(np.float32)
