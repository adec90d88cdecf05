"""Tests of two sets of filters against each other, in which the kernels of one filter stay together.

Kernels of a filter are learned together, so they are no independent evidence: filters are. Under the null those of both
sets are exchangeable; a share, or a divergence, is compared with what it is when they change sets at random. Filters in
pairs, the first of each set and so on, change places within their pair. That is exact too, whether they correspond or
not, and finds more where they do, as before and after training; the least p-value is then 2 / 2**pairs.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from lsn_tf.analysis.diversity import BINS, binned, divergences, ranges
from lsn_tf.analysis.exact_tests import CONFIDENCE, monte_carlo_p_value
from lsn_tf.analysis.kernel_arrays import chunks
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
    sums: np.ndarray, sizes: np.ndarray, first: np.ndarray, rng: np.random.Generator, paired: bool = False
) -> ShareDifferences:
    """Compares shares, sum of a quantity over the kernels / their number, of two sets of filters.

    Args:
        sums: (f, m), of m quantities over the kernels of each filter of both sets.
        sizes: (f, m), how many kernels entered.
        first: (f,) bool, the filters of the first set, which come before those of the other if they are in pairs.
        rng: to permute and resample with.
        paired: whether the sets have as many filters each, in pairs.
    """
    values, others = _shares(np.stack([first, ~first]).astype(float), sums, sizes)
    drawn = [
        np.abs(_shares(chosen, sums, sizes) - _shares(1 - chosen, sums, sizes))
        for chosen in _permutations(first, PERMUTATIONS, rng, paired)
    ]
    drawn, seen = np.concatenate(drawn), np.abs(values - others) - ROUNDING
    return ShareDifferences(
        values=values,
        others=others,
        intervals=_intervals(sums, sizes, first, rng, paired),
        chance_high=np.quantile(drawn, CONFIDENCE, axis=0),
        p_values=np.array([monte_carlo_p_value(least, column) for least, column in zip(seen, drawn.T, strict=True)]),
    )


def shift_test(
    kernels: np.ndarray, filters: np.ndarray, first: np.ndarray, rng: np.random.Generator, paired: bool = False
) -> tuple[float, float, float]:
    """Returns the shift between two sets of filters, what 95 % of permutations have at most, and its p-value.

    Components, bins and their ranges are those of both sets together, so no permutation changes them.

    Args:
        kernels: (n, s, s) of both sets, scaled as for `diversity.shift`.
        filters: (n,) int, the filter of each, in [0, f).
        first, paired: as in `share_differences`.
        rng: to permute with.
    """
    if len(first) > MOST_FILTERS:
        kernels, filters, first = _drawn(kernels, filters, first, rng, paired)
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
    drawn = np.concatenate([shifts(chosen) for chosen in _permutations(first, SHIFT_PERMUTATIONS, rng, paired)])
    high = float(np.quantile(drawn, CONFIDENCE))
    return float(seen), high, monte_carlo_p_value(seen * (1 - ROUNDING), drawn)


def _shares(weights: np.ndarray, sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns the shares, (r, m), of filters with weights of (r, f); 0 where they have no kernel."""
    kernels = weights @ sizes
    return np.divide(weights @ sums, kernels, out=np.zeros_like(kernels), where=kernels > 0)


def _permutations(first: np.ndarray, count: int, rng: np.random.Generator, paired: bool) -> Iterator[np.ndarray]:
    """Yields (r, f) float64, 1 where a filter is in the first set of a permutation, some rows at a time."""
    for rows in _portions(count, len(first)):
        if paired:
            changed = rng.random((rows, len(first) // 2)) < 0.5
            yield np.concatenate([~changed, changed], axis=1).astype(float)
        else:
            tiled = np.tile(first.astype(float), (rows, 1))
            yield rng.permuted(tiled, axis=1, out=tiled)


def _intervals(
    sums: np.ndarray, sizes: np.ndarray, first: np.ndarray, rng: np.random.Generator, paired: bool
) -> np.ndarray:
    """Returns the interval of each difference when filters, or pairs of them, are drawn with replacement, (2, m)."""
    drawn = []
    for rows in _portions(RESAMPLES, len(first)):
        times = _times_drawn(int(first.sum()), rows, rng)
        other_times = times if paired else _times_drawn(int((~first).sum()), rows, rng)
        drawn.append(_shares(times, sums[first], sizes[first]) - _shares(other_times, sums[~first], sizes[~first]))
    return np.quantile(np.concatenate(drawn), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)


def _times_drawn(filters: int, rows: int, rng: np.random.Generator) -> np.ndarray:
    return rng.multinomial(filters, np.full(filters, 1 / filters), rows).astype(float)


def _portions(count: int, filters: int) -> Iterator[int]:
    """Yields how many of so many rows of filters are in memory at once."""
    return (chunk.stop - chunk.start for chunk in chunks(count, max(1, CELLS // filters)))


def _drawn(kernels, filters, first, rng, paired) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns `MOST_FILTERS` filters, or half as many pairs, with all their kernels."""
    if paired:
        pairs = np.sort(rng.choice(len(first) // 2, MOST_FILTERS // 2, replace=False))
        chosen = np.concatenate([pairs, pairs + len(first) // 2])
    else:
        chosen = np.sort(rng.choice(len(first), MOST_FILTERS, replace=False))
    place = np.full(len(first), -1)
    place[chosen] = np.arange(len(chosen))
    kept = place[filters] >= 0
    return kernels[kept], place[filters[kept]], first[chosen]


def _counts(bins: np.ndarray, filters: np.ndarray, count: int) -> np.ndarray:
    """Returns the histograms of each filter, (f, d * `BINS`) float32."""
    dimensions = bins.shape[1]
    cells = (filters[:, None] * dimensions + np.arange(dimensions)) * BINS + bins
    return np.bincount(cells.ravel(), minlength=count * dimensions * BINS).reshape(count, -1).astype(np.float32)
