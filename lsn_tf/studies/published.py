"""The published table of Dice for each fold, to stand beside ours.

Source: J. Actor, "Identification of Kernels in a Convolutional Neural Network", talk, Rice University, 14 October 2019.
"""

from collections.abc import Container

from lsn_tf.data.folds import NUM_FOLDS

DICE = {  # of folds 0 to 4
    "LSE": (0.736, 0.600, 0.483, 0.730, 0.643),
    "LSN, test": (0.837, 0.847, 0.116, 0.827, 0.831),
    "LSN, validation": (0.619, 0.729, 0.005, 0.606, 0.596),
    "U-Net": (0.912, 0.919, 0.874, 0.895, 0.915),
}
PRINTED_AVERAGES = {  # of all folds, and without fold 2, as the talk prints them
    "LSE": (0.604, 0.640),
    "LSN, test": (0.692, 0.837),
    "LSN, validation": (0.511, 0.638),
    "U-Net": (0.903, 0.911),
}
COLLAPSED_FOLD = 2  # of the published LSN; the talk gives averages without it too


def average(column: str, folds: Container[int] = range(NUM_FOLDS)) -> float:
    """Returns the mean of a column over folds, from its rows: the printed averages of the LSE do not follow from them.

    Raises:
        ValueError: for another column, or where none of the folds is there.
    """
    if column not in DICE:
        raise ValueError(f"column must be one of {sorted(DICE)}. Received {column!r}.")
    rows = [score for fold, score in enumerate(DICE[column]) if fold in folds]
    if not rows:
        raise ValueError(f"folds must hold one of 0 to {NUM_FOLDS - 1} at least. Received {folds}.")
    return sum(rows) / len(rows)
