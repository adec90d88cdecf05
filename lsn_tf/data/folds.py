"""The published five folds of LiTS, by volume number: the splits of the data set, followed by every training run."""

from collections.abc import Iterable

import numpy as np

NUM_FOLDS = 5
NUM_VOLUMES = 131  # LiTS 2017 training volumes, numbered 0..130
NO_FOLD = "none"  # where a training holds out nothing
MONITORING_FRACTION = 0.1  # of the training volumes

# scikit-learn's KFold(5), unshuffled, over 0..130: the first 131 % 5 = 1 fold is one volume larger.
_FOLD_STARTS = (0, 27, 53, 79, 105, NUM_VOLUMES)


def fold_of_volume(volume_id: int) -> int | None:
    """Returns the fold that holds out `volume_id`, or None for a number that the published folds do not cover.

    Raises:
        ValueError: if volume_id is negative.
    """
    if volume_id < 0:
        raise ValueError(f"volume_id must be 0 or more, a LiTS volume number. Received volume_id={volume_id}.")
    if volume_id >= NUM_VOLUMES:
        return None
    return int(np.searchsorted(_FOLD_STARTS, volume_id, side="right")) - 1


def held_out(fold: int) -> range:
    """Returns the volume numbers that `fold` holds out; no training run of this fold may see them.

    Raises:
        ValueError: if there is no such fold.
    """
    _check_fold(fold)
    return range(_FOLD_STARTS[fold], _FOLD_STARTS[fold + 1])


def training_folds(fold: int | str) -> tuple[int, ...]:
    """Returns the four folds that a run with `fold` held out trains on; all five if it is "none".

    Raises:
        ValueError: if there is no such fold.
    """
    if fold == NO_FOLD:
        return tuple(range(NUM_FOLDS))
    _check_fold(fold, f", or {NO_FOLD} to train on all of them")
    return tuple(other for other in range(NUM_FOLDS) if other != fold)


def parsed_fold(text: str) -> int | str:
    """Returns the number of a fold as a flag has it; a name, as "none", as it is."""
    return int(text) if text.isdecimal() else text


def monitoring_volumes(volume_ids: Iterable[int]) -> tuple[int, ...]:
    """Chooses which of the training volumes monitor the training, so that they may be held back from it.

    LiTS holds follow-up scans of one patient under neighbouring numbers. Single volumes drawn at random would put a
    patient on both sides, so the choice is one block: the highest numbers, which leaves a single seam to the rest.

    Args:
        volume_ids: Numbers of the volumes at hand for training; order and repetition do not matter.

    Returns:
        A tenth of the numbers, ascending; at least one, and at least one is left.

    Raises:
        ValueError: if a number is negative, or fewer than two volumes are given.
    """
    volumes = sorted({int(volume_id) for volume_id in volume_ids})
    if len(volumes) < 2:
        raise ValueError(
            f"volume_ids must hold at least two volumes, so that one can be held back. Received {volumes}."
        )
    if volumes[0] < 0:
        raise ValueError(f"volume_ids must be 0 or more. Received {volumes[0]}.")
    size = max(round(MONITORING_FRACTION * len(volumes)), 1)
    return tuple(volumes[-size:])


def _check_fold(fold: int | str, otherwise: str = "") -> None:
    if fold not in range(NUM_FOLDS):
        raise ValueError(
            f"fold must be in [0, {NUM_FOLDS}), one per split of the data set{otherwise}. Received fold={fold}."
        )
