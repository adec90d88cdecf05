"""The morphological opening of masks that are large: slab by slab, with memory for one slab beside two masks.

What no ball inside the mask reaches is left out, as bridges thinner than the ball are. Beyond the frame of the array
the mask goes on as at the frame: an organ that a scan cuts off is not rounded there.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

SLAB = 16  # slices at a time


def open_by_ball(mask: np.ndarray, spacing_mm: Sequence[float], radius_mm: float) -> int:
    """Keeps the union of all balls that lie inside a mask. Changes it in place.

    A ball is the voxels whose centres are at most `radius_mm` from that of its middle one.

    Args:
        mask: (slices, height, width) bool.
        spacing_mm: (dz, dy, dx).
        radius_mm: of the ball, not negative; below the smallest spacing nothing changes.

    Returns:
        How many voxels were removed.
    """
    if not mask.any():
        return 0
    before, box = int(mask.sum()), mask[_box(mask)]
    radius = radius_mm * (1 + 1e-9)  # distances are rounded
    middles = _by_slabs(box, spacing_mm, radius_mm, lambda part: _distance_to_false(part, spacing_mm) > radius)
    reached = _by_slabs(~middles, spacing_mm, radius_mm, lambda part: _distance_to_false(part, spacing_mm) <= radius)
    box &= reached
    return before - int(mask.sum())


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """Returns what holds the mask, and one voxel more on each side where there is one."""
    (found,) = ndimage.find_objects(mask.view(np.uint8))
    return tuple(slice(max(one.start - 1, 0), one.stop + 1) for one in found)


def _by_slabs(mask: np.ndarray, spacing_mm, radius_mm, decide: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Returns what `decide` says of each slice, given those of the mask that are at most a radius away."""
    reach = int(np.ceil(radius_mm / spacing_mm[0])) + 1
    decided = np.empty_like(mask)
    for start in range(0, len(mask), SLAB):
        first = max(start - reach, 0)
        part = decide(mask[first : start + SLAB + reach])
        decided[start : start + SLAB] = part[start - first :][:SLAB]
    return decided


def _distance_to_false(part: np.ndarray, spacing_mm) -> np.ndarray:
    """Returns the distance of each voxel to the nearest one that is not set, mm; infinity where there is none."""
    if part.all():
        return np.full(part.shape, np.inf)
    return ndimage.distance_transform_edt(part, sampling=spacing_mm)
