"""Tests of a share against chance, and intervals for it: p-values that hold for any number of kernels.

Each test is one-sided: its p-value is small if the share is larger than the null explains.
"""

import numpy as np
from scipy import fft, stats

CONFIDENCE = 0.95
RESAMPLES = 1999
FLOOR = 1e-12  # of a p-value that comes from a Fourier transform: below it is rounding


def monte_carlo_p_value(observed: float, draws: np.ndarray) -> float:
    """Returns (b + 1) / (m + 1), where b of the m draws from the null are as large as the observed statistic.

    Valid for any statistic that is exchangeable with its draws. Reference: Phipson & Smyth (2010),
    doi:10.2202/1544-6115.1585.
    """
    return (int(np.sum(np.asarray(draws) >= observed)) + 1) / (len(draws) + 1)


def binomial_p_value(hits: int, kernels: int, chance: float) -> float:
    """Returns the p-value of so many hits among i.i.d. kernels that each have this chance, or one below it."""
    return float(stats.binom.sf(hits - 1, kernels, chance))


def two_sample_p_value(hits: int, kernels: int, null_hits: int, null_kernels: int) -> float:
    """Returns Fisher's exact p-value of so many hits against a sample of the null, whose chance need not be known.

    Under the null all kernels are i.i.d.: given the hits of both samples together, those of the first are
    hypergeometric.
    """
    return float(stats.hypergeom.sf(hits - 1, kernels + null_kernels, hits + null_hits, kernels))


def matched_p_value(hits: np.ndarray, copies_hit: np.ndarray, copies: int) -> float:
    """Returns an exact p-value where each kernel has its own copies of the null, e.g. its weights in random order.

    Under the null a kernel and its r copies are exchangeable: given that s of these r + 1 are hits, the kernel is one
    with chance s / (r + 1). The hits are a sum of independent trials with these chances (Poisson-binomial), whose
    distribution is the inverse Fourier transform of the product of theirs.

    Args:
        hits: (n,) bool, of the kernels.
        copies_hit: (n,) int, how many of the copies of each are hits.
        copies: r.
    """
    together = np.asarray(copies_hit) + np.asarray(hits)
    certain = int(np.sum(together == copies + 1))
    trials = np.bincount(together, minlength=copies + 2)[1 : copies + 1]
    total = int(trials.sum())
    length = fft.next_fast_len(total + 1, real=True)
    wave = np.exp(-2j * np.pi * np.arange(length // 2 + 1) / length)
    chances = np.arange(1, copies + 1) / (copies + 1)
    logarithm = sum(n * np.log(1 - p + p * wave) for n, p in zip(trials, chances, strict=True) if n)
    mass = fft.irfft(np.exp(logarithm), length)[: total + 1] if total else np.ones(1)
    return float(np.clip(mass[max(int(np.sum(hits)) - certain, 0) :].sum(), FLOOR, 1))


def bootstrap_interval(
    hits: np.ndarray, rng: np.random.Generator, groups: np.ndarray | None = None, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of the share of hits, (n,) bool; see `bootstrap_intervals`."""
    (interval,) = bootstrap_intervals(np.asarray(hits)[:, None], rng, groups, confidence)
    return interval


def bootstrap_intervals(
    hits: np.ndarray, rng: np.random.Generator, groups: np.ndarray | None = None, confidence: float = CONFIDENCE
) -> list[tuple[float, float]]:
    """Returns the percentile bootstrap interval of the share of hits in each of c columns.

    Where no kernel, or every one, is a hit, all resamples are alike: the interval is then Clopper and Pearson's.

    Args:
        hits: (n, c) bool.
        rng: to resample with.
        groups: (n,) int, not negative: kernels that are drawn together, e.g. those of one filter, the same for all
            columns; by default each alone.
        confidence: of the intervals.
    """
    n, found = len(hits), np.sum(hits, axis=0)
    sizes = np.ones(n, int) if groups is None else np.bincount(groups)
    if sizes.max(initial=0) <= 1:
        shares = rng.binomial(n, found / max(n, 1), (RESAMPLES, len(found))) / max(n, 1)
    else:
        totals = np.stack([*(np.bincount(groups, column) for column in np.transpose(hits)), sizes], axis=1)[sizes > 0]
        filters = len(totals)
        resampled = [_times_drawn(filters, rng) @ totals for _ in range(RESAMPLES)]
        shares = np.divide(*np.split(np.array(resampled), [-1], axis=1))
    ends = np.quantile(shares, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    alike = (found == 0) | (found == n)
    return [
        _exact_interval(int(hit), n, confidence) if same else (float(low), float(high))
        for hit, same, low, high in zip(found, alike, *ends, strict=True)
    ]


def _times_drawn(count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns how often each of `count` is among as many drawn with replacement, (count,)."""
    return np.bincount(rng.integers(count, size=count), minlength=count)


def _exact_interval(found: int, n: int, confidence: float) -> tuple[float, float]:
    low, high = stats.binomtest(found, n).proportion_ci(confidence) if n else (0.0, 1.0)
    return float(low), float(high)
