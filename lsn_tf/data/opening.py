"""The morphological opening of large masks: what no ball inside a mask reaches is left out, as thin bridges are.

Distances are taken slab by slab: some fifty bytes for each voxel of a slab, and three for each of the mask's box.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

SLAB = 16  # slices at a time, and as many on both sides as the ball reaches
ROUNDING = 1e-4  # of the radius: headers of scans are float32


def open_by_ball(mask: np.ndarray, spacing_mm: Sequence[float], radius_mm: float) -> int:
    """Keeps the union of all balls that lie inside a mask. Changes it in place.

    A ball is the voxels whose centres are at most `radius_mm` from that of its middle one: where slices are further
    apart, a disc in the plane. Beyond the frame of the array the mask goes on as at the frame, so that an organ that a
    scan cuts off is not rounded there.

    Args:
        mask: (slices, height, width) bool.
        spacing_mm: (dz, dy, dx).
        radius_mm: of the ball, not negative; below the smallest spacing nothing changes.

    Returns:
        How many voxels were removed.
    """
    if not mask.any():
        return 0
    before, radius = int(mask.sum()), radius_mm * (1 + ROUNDING)
    reach = [int(radius / size) for size in spacing_mm]
    (found,) = ndimage.find_objects(mask.view(np.uint8))
    sides = list(zip(found, mask.shape, reach, strict=True))
    box = mask[tuple(slice(max(one.start - 1, 0), one.stop + 1) for one in found)]
    beyond = [(far if one.start == 0 else 0, far if one.stop == size else 0) for one, size, far in sides]
    padded = np.pad(box, beyond, mode="edge")
    no_middle = _near_outside(padded, spacing_mm, radius, reach[0])
    reached = _near_outside(no_middle, spacing_mm, radius, reach[0])
    box &= reached[tuple(slice(low, low + size) for (low, _), size in zip(beyond, box.shape, strict=True))]
    return before - int(mask.sum())


def _near_outside(mask: np.ndarray, spacing_mm: Sequence[float], radius_mm: float, reach: int) -> np.ndarray:
    """Returns which voxels are at most a radius, of `reach` slices, away from one that is not set."""
    near = np.zeros_like(mask)
    for start in range(0, len(mask), SLAB):
        first = max(start - reach, 0)
        part = mask[first : start + SLAB + reach]
        if not part.all():
            distance = ndimage.distance_transform_edt(part, sampling=spacing_mm)
            near[start : start + SLAB] = distance[start - first :][:SLAB] <= radius_mm
    return near
