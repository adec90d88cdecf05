"""Two models on the same scans: by how much they differ, and whether that is more than chance."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 9999
BLOCK = 5  # neighbouring volume numbers, which may be one patient
DIGITS = 9  # of a difference; dice.csv has six, what is beyond nine comes of averaging


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """Scores of a model minus those of a reference on the same scans.

    Attributes:
        scans: how many.
        mean: of the differences.
        interval: 95 % bootstrap interval (BCa) of the mean, scans resampled; None for a single scan.
        block_interval: the same with blocks of `BLOCK` neighbouring volume numbers resampled as a whole, since these
            may be one patient; None for a single block.
        p_value: of the Wilcoxon signed-rank test, two-sided, differences of zero ranked (Pratt); 1 if all are zero.
        wins, ties, losses: scans with a higher, equal, lower score than the reference.
    """

    scans: int
    mean: float
    interval: tuple[float, float] | None
    block_interval: tuple[float, float] | None
    p_value: float
    wins: int
    ties: int
    losses: int


def paired_difference(
    scores: Mapping[int, float], reference: Mapping[int, float], seed: int = 0, resamples: int = RESAMPLES
) -> PairedDifference:
    """Compares scores with those of a reference, scan by scan.

    Args:
        scores: of a model, by volume number.
        reference: of the other one, for the same scans.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        ValueError: if the scans are not the same, there are none, or a score is not finite.
    """
    if scores.keys() != reference.keys() or not scores:
        alone = sorted(scores.keys() ^ reference.keys())
        raise ValueError(
            f"paired scores must be of the same scans, one at least. Received {len(scores)} and {len(reference)}, "
            f"unpaired: {alone[:10]}."
        )
    volumes = np.array(sorted(scores))
    difference = np.round([scores[volume] - reference[volume] for volume in volumes.tolist()], DIGITS)
    if not np.isfinite(difference).all():
        raise ValueError(f"scores must be finite. Received others for {volumes[~np.isfinite(difference)].tolist()}.")
    return PairedDifference(
        scans=len(volumes),
        mean=float(difference.mean()),
        interval=_interval(difference, np.arange(len(volumes)), seed, resamples),
        block_interval=_interval(difference, volumes // BLOCK, seed, resamples),
        p_value=wilcoxon(difference),
        wins=int(np.sum(difference > 0)),
        ties=int(np.sum(difference == 0)),
        losses=int(np.sum(difference < 0)),
    )


def wilcoxon(difference: np.ndarray) -> float:
    """Returns the two-sided p-value of the signed-rank test; 1 where no difference is other than zero."""
    if not difference.any():
        return 1.0
    return float(stats.wilcoxon(difference, zero_method="pratt").pvalue)


def _interval(values: np.ndarray, blocks: np.ndarray, seed: int, resamples: int) -> tuple[float, float] | None:
    """Returns the bootstrap interval of the mean of values, where those of a block are drawn together."""
    _, block = np.unique(blocks, return_inverse=True)
    totals, sizes = np.bincount(block, values), np.bincount(block)
    if len(sizes) < 2:
        return None
    if np.ptp(np.round(totals / sizes, DIGITS)) == 0:  # whatever is drawn, the mean is the same
        return (float(values.mean()),) * 2
    found = stats.bootstrap(
        (totals, sizes),
        lambda total, size, axis=-1: total.sum(axis) / size.sum(axis),
        paired=True,
        vectorized=True,
        confidence_level=CONFIDENCE,
        n_resamples=resamples,
        method="BCa",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)
