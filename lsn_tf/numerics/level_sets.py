"""Level set functions on a grid: signed distances, initial contours, and which sign is inside.

This is the only module that knows the sign. phi is a distance in mm, negative inside.
"""

from collections.abc import Sequence

import numpy as np

INSIDE = -1.0  # the sign of phi inside the contour


def inside(phi: np.ndarray) -> np.ndarray:
    """Returns the mask, bool and shaped like phi, of the pixels inside the zero contour."""
    return phi * INSIDE > 0


def pixel_centres(shape: Sequence[int], spacing_mm: Sequence[float]) -> list[np.ndarray]:
    """Returns one array per axis, broadcastable to shape: the pixel centres in mm; the first pixel's is at 0."""
    return list(np.meshgrid(*(np.arange(n) * h for n, h in zip(shape, spacing_mm, strict=True)), indexing="ij"))


def ball(shape: Sequence[int], spacing_mm: Sequence[float], centre_mm: Sequence[float], radius_mm: float) -> np.ndarray:
    """Returns the signed distance, mm, to a circle or sphere of this centre and radius (in mm from the first pixel)."""
    axes = pixel_centres(shape, spacing_mm)
    distance = np.sqrt(sum((x - c) ** 2 for x, c in zip(axes, centre_mm, strict=True)))
    return -INSIDE * (distance - radius_mm)


def signed_distance(mask: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """Returns the signed distance to the border of a mask, by fast marching.

    Args:
        mask: bool, any dimension; True inside.
        spacing_mm: pixel size along each axis, mm.

    Returns:
        phi, shaped like mask, mm. Without a border (an empty or a full mask) every pixel is as far from it
        as the grid's diagonal.

    Raises:
        ImportError: if scikit-fmm is not installed: pip install 'lsn_tf[solver]'.

    Reference: Sethian (1996), doi:10.1073/pnas.93.4.1591, as implemented in scikit-fmm.
    """
    import skfmm  # has no wheels: those who only train need no compiler

    mask = np.ascontiguousarray(mask, dtype=bool)  # scikit-fmm misreads arrays in Fortran order
    side = np.where(mask, INSIDE, -INSIDE)
    if mask.all() or not mask.any():
        return side * float(np.linalg.norm(np.multiply(mask.shape, spacing_mm)))
    return np.asarray(skfmm.distance(side, dx=list(spacing_mm)))


def from_seed_points(
    shape: Sequence[int], spacing_mm: Sequence[float], seeds_mm: Sequence[Sequence[float]], radius_mm: float = 5.0
) -> np.ndarray:
    """Returns the signed distance, mm, to the union of balls around a user's seed points (mm from the first pixel)."""
    if not len(seeds_mm):
        raise ValueError("seeds_mm must hold at least one point inside the object. Received none.")
    return np.min([ball(shape, spacing_mm, seed, radius_mm) for seed in seeds_mm], axis=0)
