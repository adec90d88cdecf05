"""Scores of a segmentation, with every case of an empty mask decided."""

import numpy as np


def dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the Dice similarity coefficient 2 |A and B| / (|A| + |B|) of two masks of one shape.

    Two empty masks agree: 1. An empty and a non-empty one do not: 0.

    Raises:
        ValueError: if the shapes differ.
    """
    reference, prediction = np.asarray(reference, dtype=bool), np.asarray(prediction, dtype=bool)
    if reference.shape != prediction.shape:
        raise ValueError(
            f"masks must have one shape. Received reference {reference.shape}, prediction {prediction.shape}."
        )
    total = int(reference.sum()) + int(prediction.sum())
    return 2.0 * int((reference & prediction).sum()) / total if total else 1.0
