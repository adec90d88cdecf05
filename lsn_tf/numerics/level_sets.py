"""Level set functions on a grid: signed distances, initial contours, and which sign is inside.

This is the only module that knows the sign. phi is a distance in mm, negative inside.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

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


def box(
    shape: Sequence[int], spacing_mm: Sequence[float], lower_mm: Sequence[float], upper_mm: Sequence[float]
) -> np.ndarray:
    """Returns the signed distance, mm, to the box between two corners (in mm from the first pixel).

    Raises:
        ValueError: if a side has no length.
    """
    if not np.all(np.less(lower_mm, upper_mm)):
        raise ValueError(f"lower_mm must be below upper_mm on every axis. Received {lower_mm} and {upper_mm}.")
    axes = pixel_centres(shape, spacing_mm)
    beyond = [np.maximum(low - x, x - high) for x, low, high in zip(axes, lower_mm, upper_mm, strict=True)]
    outside = np.sqrt(sum(np.maximum(x, 0) ** 2 for x in beyond))
    return -INSIDE * (outside + np.minimum(np.max(beyond, axis=0), 0))


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


def distance_to_pixels(mask: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """Returns the signed distance to the nearest pixel of the other side, less half the shortest side of a pixel.

    It is exact between pixel centres, and needs no scikit-fmm. Networks that improve given contours are trained on it.

    Args:
        mask: bool, any dimension; True inside.
        spacing_mm: pixel size along each axis, mm.

    Returns:
        phi, shaped like mask, float32, mm. Without a border every pixel is as far from it as the grid's diagonal.
    """
    mask = np.asarray(mask, dtype=bool)
    if mask.all() or not mask.any():
        distance = np.full(mask.shape, np.linalg.norm(np.multiply(mask.shape, spacing_mm)))
    else:
        within, beyond = (ndimage.distance_transform_edt(part, sampling=spacing_mm) for part in (mask, ~mask))
        distance = within + beyond - 0.5 * min(spacing_mm)
    return np.where(mask, INSIDE * distance, -INSIDE * distance).astype(np.float32)


def arrival_time(speed: np.ndarray, spacing_mm: Sequence[float], phi: np.ndarray, order: int = 2) -> np.ndarray:
    """Returns when a front that starts as the zero contour of phi arrives, F |grad T| = 1, by fast marching.

    Args:
        speed: F, any dimension, mm/s. Where it is 0 the front never arrives.
        spacing_mm: pixel size along each axis, mm.
        phi: shaped like speed, mm.
        order: of the differences, 1 or 2; the start at the contour is of first order for both.

    Returns:
        T, shaped like speed, s: 0 inside, inf where the front never arrives, which is all else if nothing is inside.

    Raises:
        ValueError: if the shapes differ, or speed is negative somewhere or not finite.
        ImportError: if scikit-fmm is not installed: pip install 'lsn_tf[solver]'.

    Reference: Sethian (1996), doi:10.1073/pnas.93.4.1591, as implemented in scikit-fmm.
    """
    speed, phi = np.ascontiguousarray(speed, dtype=float), np.ascontiguousarray(phi, dtype=float)
    if speed.shape != phi.shape:
        raise ValueError(f"speed and phi must have one shape. Received {speed.shape} and {phi.shape}.")
    if not (np.isfinite(speed).all() and speed.min() >= 0):
        raise ValueError(f"speed must be finite and at least 0. Received [{speed.min()}, {speed.max()}].")
    within = inside(phi)
    moving = within[speed > 0]
    if moving.all() or not moving.any():
        return np.where(within, 0.0, np.inf)
    import skfmm  # has no wheels: those who only train need no compiler

    time = skfmm.travel_time(phi, speed, dx=list(spacing_mm), order=order)
    return np.where(within, 0.0, np.ma.filled(time, np.inf))


def distance_to_front(phi: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """Returns the signed distance, mm, to the zero contour of a function, which stays between pixels; fast marching.

    Args:
        phi: any dimension, of the sign of a level set function; +-inf where the front is far.
        spacing_mm: pixel size along each axis, mm.

    Raises:
        ImportError: if scikit-fmm is not installed: pip install 'lsn_tf[solver]'.
    """
    import skfmm

    finite = np.abs(phi[np.isfinite(phi)])
    bounded = np.clip(phi, *(side * finite.max(initial=1.0) for side in (-1, 1)))
    if inside(bounded).all() or not inside(bounded).any():
        return signed_distance(inside(bounded), spacing_mm)
    return np.asarray(skfmm.distance(np.ascontiguousarray(bounded, dtype=np.float64), dx=list(spacing_mm)))


def from_seed_points(
    shape: Sequence[int], spacing_mm: Sequence[float], seeds_mm: Sequence[Sequence[float]], radius_mm: float = 5.0
) -> np.ndarray:
    """Returns the signed distance, mm, to the union of balls around a user's seed points (mm from the first pixel)."""
    if not len(seeds_mm):
        raise ValueError("seeds_mm must hold at least one point inside the object. Received none.")
    return np.min([ball(shape, spacing_mm, seed, radius_mm) for seed in seeds_mm], axis=0)


def connected_to(phi: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Returns phi without the parts of its inside that share no pixel with the inside of another level set function.

    A front may flow through a narrow passage that closes behind it; what it has left there is not connected any more.

    Args:
        phi: one level set function, mm.
        start: shaped like phi, mm, e.g. the initial contour.

    Returns:
        phi, with the sign of the outside in those parts; phi itself if no part shares a pixel with `start`.
    """
    parts, _ = ndimage.label(inside(phi))
    kept = np.unique(parts[inside(start) & (parts > 0)])
    if not kept.size:
        return phi
    return np.where(inside(phi) & ~np.isin(parts, kept), -INSIDE * np.abs(phi), phi)
