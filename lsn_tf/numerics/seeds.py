"""A point inside the liver for the first contour: found in the image, or, for experiments, in the label."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

SOFT_TISSUE_HU = (0.0, 255.0)  # clipped to it, so that fat, lung and air are the same background, and bone is finite
BODY_HU = 20.0  # organs and muscle are above
BODY_SHARE = 0.98  # of the pixels above that lie in the body's extent along an axis: the ends may be arms and table
LIVER_HU = (60.0, 160.0)  # with contrast agent, smoothed; measured on LiTS, mostly in the portal venous phase
RIGHT_PART = 0.4  # of the body's width: the liver without its left lobe, and no spine
FRONT_PART = 0.75  # of the body's depth: no kidney, no muscles of the back


def inscribed_centre(mask: np.ndarray, spacing_mm: Sequence[float]) -> tuple[float, ...]:
    """Returns the centre of the largest circle or ball inside a mask; it stands in for a user's click.

    Args:
        mask: bool, ([slices,] height, width). Beyond the frame all is outside; an axis of one pixel does not count.
        spacing_mm: pixel size along each axis, mm.

    Returns:
        The position along each axis, mm from the first pixel; of several that are as good, the first.

    Raises:
        ValueError: if the mask is empty.
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.any():
        raise ValueError("mask must have a pixel inside to have a centre. Received an empty mask.")
    frame = [(1, 1) if pixels > 1 else (0, 0) for pixels in mask.shape]
    depth = ndimage.distance_transform_edt(np.pad(mask, frame), sampling=spacing_mm)
    deepest = np.unravel_index(depth.argmax(), depth.shape)
    return tuple(float((n - before) * h) for n, (before, _), h in zip(deepest, frame, spacing_mm, strict=True))


def automatic_seed(image: np.ndarray, spacing_mm: Sequence[float], sigma_mm: float = 2.0) -> tuple[float, ...]:
    """Returns a point that is likely inside the liver, without a user: the middle of the thickest part of what is
    as bright as the liver, in the right front of the body.

    Args:
        image: ([slices,] height, width), HU, oriented as in `data.volumes`: the patient's right is at the left.
        spacing_mm: pixel size along each axis, mm.
        sigma_mm: standard deviation of the smoothing that comes first.

    Returns:
        The position along each axis, mm from the first pixel.

    Raises:
        ValueError: if nothing where the liver should be is as bright as it.
    """
    soft = np.clip(np.asarray(image, dtype=np.float32), *SOFT_TISSUE_HU)
    soft = ndimage.gaussian_filter(soft, [sigma_mm / h for h in spacing_mm])
    candidates = (LIVER_HU[0] < soft) & (soft < LIVER_HU[1])
    *_, y, x = np.indices(soft.shape, sparse=True)
    for position, share in [(y, FRONT_PART), (x, RIGHT_PART)]:
        first, last = _extent(position, soft > BODY_HU)
        candidates &= (first <= position) & (position <= first + share * (last - first))
    if not candidates.any():
        raise ValueError(
            f"image must show tissue of {LIVER_HU[0]:.0f} to {LIVER_HU[1]:.0f} HU, the liver's, in the right front of "
            f"a body. Received HU from {np.min(image)} to {np.max(image)} without it. Give a seed point by hand."
        )
    return inscribed_centre(candidates, spacing_mm)


def _extent(position: np.ndarray, body: np.ndarray) -> tuple[float, float]:
    """Returns the ends of a body along an axis, in pixels; of an empty body 0 and 0."""
    occupied = np.broadcast_to(position, body.shape)[body]
    tail = (1 - BODY_SHARE) / 2
    return tuple(np.quantile(occupied, [tail, 1 - tail])) if occupied.size else (0.0, 0.0)
