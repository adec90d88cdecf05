"""Whether an exported format is the model: phi and masks of both on the same slices."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lsn_tf.metrics import dice
from lsn_tf.numerics.level_sets import inside

TOLERANCE_MM = 1e-3  # of phi, some 100 mm in float32 after some 100 steps


def parity(expected: np.ndarray, given: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Returns how well the outputs of a format agree with the model.

    Args:
        expected: phi of the model, mm.
        given: "phi" and "mask" of the format, shaped like it.

    Returns:
        The largest difference of phi, mm; Dice of the masks, and pixels in which they differ; and whether these agree:
        phi within TOLERANCE_MM, and the mask wherever phi of the model is further than that from 0.
    """
    difference = np.abs(np.asarray(given["phi"], np.float64) - expected)
    reference, mask = inside(expected), np.asarray(given["mask"]) > 0
    differing = reference != mask
    agree = bool((difference <= TOLERANCE_MM).all() and not differing[np.abs(expected) > TOLERANCE_MM].any())
    return {
        "largest_difference_mm": float(difference.max()),  # NaN if there is one
        "dice": dice(reference, mask),
        "differing_pixels": int(differing.sum()),
        "pixels": int(differing.size),
        "agree": agree,
    }
