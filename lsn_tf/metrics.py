"""Scores of a segmentation by its voxels, with every case of an empty mask decided; `surface_distances` has the others.

Shared by all: the reference comes first, the prediction second, both masks of one shape and of any dimension.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage


def masks_of_one_shape(reference: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns both masks as bool. Raises ValueError if their shapes differ."""
    reference, prediction = np.asarray(reference, dtype=bool), np.asarray(prediction, dtype=bool)
    if reference.shape != prediction.shape:
        raise ValueError(
            f"masks must have one shape. Received reference {reference.shape}, prediction {prediction.shape}."
        )
    return reference, prediction


def dice(reference: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the Dice similarity coefficient 2 |A and B| / (|A| + |B|) of two masks of one shape.

    Two empty masks agree: 1. An empty and a non-empty one do not: 0.

    Raises:
        ValueError: if the shapes differ.
    """
    reference, prediction = masks_of_one_shape(reference, prediction)
    total = int(reference.sum()) + int(prediction.sum())
    return 2.0 * int((reference & prediction).sum()) / total if total else 1.0


def volume_error(reference: np.ndarray, prediction: np.ndarray) -> float:
    """Returns the relative error of the volume, (|B| - |A|) / |A|: negative where too little is predicted.

    Two empty masks agree: 0. An empty prediction has -1; a prediction where there is no reference, which has no
    relative error, counts as its mirror image: 1.

    Raises:
        ValueError: if the shapes differ.
    """
    sizes = [int(mask.sum()) for mask in masks_of_one_shape(reference, prediction)]
    if not sizes[0]:
        return float(sizes[1] > 0)
    return (sizes[1] - sizes[0]) / sizes[0]


def volume_difference_mm3(reference: np.ndarray, prediction: np.ndarray, spacing_mm: Sequence[float]) -> float:
    """Returns |B| - |A| in mm³ (mm² in the plane), for voxels of this size: negative where too little is predicted.

    Raises:
        ValueError: if the shapes differ.
    """
    reference, prediction = masks_of_one_shape(reference, prediction)
    return (int(prediction.sum()) - int(reference.sum())) * float(np.prod(spacing_mm))


def false_positive_slices(reference: np.ndarray, prediction: np.ndarray) -> int:
    """Returns how many slices (axis 0) have something predicted and nothing in the reference.

    With the arguments exchanged: how many slices of the reference were missed altogether.

    Raises:
        ValueError: if the shapes differ.
    """
    has_reference, has_prediction = (
        mask.reshape(len(mask), -1).any(axis=1) for mask in masks_of_one_shape(reference, prediction)
    )
    return int((has_prediction & ~has_reference).sum())


def largest_component(mask: np.ndarray) -> np.ndarray:
    """Returns the connected component with the most voxels, bool; voxels are connected through their faces.

    Of several of one size the first in the order of the array is kept. An empty mask stays empty.
    """
    mask = np.asarray(mask, dtype=bool)
    labels, found = ndimage.label(mask)
    if found < 2:
        return mask
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
