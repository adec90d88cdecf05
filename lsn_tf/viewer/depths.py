"""phi as one byte a voxel, near the front: what pictures, sliders and the way to the browser need of it.

A depth is a whole number of sixteenths of a mm that a voxel lies inside the contour, rounded up, and cut where it is
far: above 0 inside, 0 or less outside. So the mask is exact and the front moves by 1/16 mm at most.
"""

import numpy as np

from lsn_tf.numerics.level_sets import INSIDE, distance_to_pixels

UNIT_MM = 1 / 16
DEEPEST = 127  # 1 - depth is a depth too
FARTHEST = 1 - DEEPEST


def from_phi(phi: np.ndarray) -> np.ndarray:
    """Returns depths, int8 and shaped like phi, mm."""
    return np.clip(np.ceil(phi * (INSIDE / UNIT_MM)), FARTHEST, DEEPEST).astype(np.int8)


def to_phi(depth: np.ndarray) -> np.ndarray:
    """Returns phi, float32, mm: within 1/32 mm where it was not cut, and of the right sign everywhere."""
    return ((depth - np.float32(0.5)) * np.float32(INSIDE * UNIT_MM)).astype(np.float32)


def of_mask(mask: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """Returns the depths of a mask, (slices, height, width) bool, slice by slice; pixels are (dy, dx) in mm."""
    return np.stack([from_phi(distance_to_pixels(plane, spacing_mm)) for plane in mask])


def is_inside(depth: np.ndarray) -> np.ndarray:
    """Returns the mask."""
    return depth > 0


def united(depth: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the depths of what lies in one or the other."""
    return np.maximum(depth, other)


def without(depth: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the depths of what lies in the first and not in the other."""
    return np.minimum(depth, np.int8(1) - other)
