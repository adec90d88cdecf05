"""Distances between the borders of two masks in mm, exact on anisotropic grids, and the scores made of them.

The border of a mask are its voxels with a face neighbour outside the mask; beyond the frame of the array everything is
outside, except along an axis of a single voxel, which has no neighbours. A distance goes from the centre of a border
voxel to the centre of the nearest border voxel of the other mask. Every border voxel counts alike, as in Metrics
Reloaded, not by the area that it stands for.

References: Maier-Hein et al. (2024), doi:10.1038/s41592-023-02151-z (HD95, ASSD); Nikolov et al. (2021),
doi:10.2196/26151 (surface Dice, there with elements of area).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from lsn_tf.metrics import masks_of_one_shape

NEAR_VOXELS = 5.0  # a tree finds what is nearer within a microsecond
PAIRS_PER_VOXEL = 100.0  # pairs of far points that a tree compares while a transform passes a voxel: 1 ns, 100 ns


@dataclasses.dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """How far each border voxel of two masks is from the border of the other.

    Attributes:
        of_reference: (border voxels of the reference,), mm; inf where the prediction is empty.
        of_prediction: (border voxels of the prediction,), mm; inf where the reference is empty.
        worst_mm: the diagonal of the field of view, which stands for inf in the scores in mm.
    """

    of_reference: np.ndarray
    of_prediction: np.ndarray
    worst_mm: float


def surface_distances(reference: np.ndarray, prediction: np.ndarray, spacing_mm: Sequence[float]) -> SurfaceDistances:
    """Returns the distances between the borders of two masks.

    Near points are looked up in a k-d tree. Those that are left, noise far from everything, would take it long:
    if they are many, a distance transform of the masks' bounding box measures them. Both are exact.

    Args:
        reference, prediction: of one shape, any dimension; inside where not zero.
        spacing_mm: voxel size along each axis, mm.

    Raises:
        ValueError: if the shapes differ, or spacing_mm is not one positive number an axis.
    """
    reference, prediction = masks_of_one_shape(reference, prediction)
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    if spacing.shape != (reference.ndim,) or not (spacing > 0).all():
        raise ValueError(f"spacing_mm must be {reference.ndim} positive sizes, one an axis. Received {spacing_mm}.")
    box = _bounding_box(reference | prediction)
    borders = border(reference[box]), border(prediction[box])
    worst_mm = float(np.linalg.norm(reference.shape * spacing))
    return SurfaceDistances(_to_nearest(*borders, spacing), _to_nearest(*borders[::-1], spacing), worst_mm)


def surface_distances_in_plane(
    reference: np.ndarray, prediction: np.ndarray, spacing_mm: Sequence[float]
) -> SurfaceDistances:
    """Returns the distances between the borders in each slice, pooled over the slices (axis 0).

    For stacks whose slices are apart by unknown gaps. What is in a slice whose other mask is empty has no distance:
    inf, in the scores the diagonal of the slice.

    Args:
        reference, prediction: (slices, height, width); inside where not zero.
        spacing_mm: (dy, dx), pixel size, mm.

    Raises:
        ValueError: if the shapes differ, there is no slice, or spacing_mm is not one positive number an axis.
    """
    reference, prediction = masks_of_one_shape(reference, prediction)
    if not len(reference):
        raise ValueError(f"masks must have at least one slice. Received shape {reference.shape}.")
    slices = [surface_distances(*pair, spacing_mm) for pair in zip(reference, prediction, strict=True)]
    pooled = (np.concatenate([getattr(one, name) for one in slices]) for name in ("of_reference", "of_prediction"))
    return SurfaceDistances(*pooled, slices[0].worst_mm)


def hausdorff_mm(distances: SurfaceDistances, percentile: float = 100.0) -> float:
    """Returns the Hausdorff distance, mm, or with `percentile=95` the robust HD95.

    The larger of the percentiles of both directions, interpolated linearly between points. Two empty masks: 0.
    One empty mask: the diagonal of the field of view.

    Raises:
        ValueError: if percentile is outside [0, 100].
    """
    directions = [side for side in _finite(distances) if side.size]
    return max((float(np.percentile(side, percentile)) for side in directions), default=0.0)


def assd_mm(distances: SurfaceDistances) -> float:
    """Returns the average symmetric surface distance, mm: the mean over the border voxels of both masks.

    Two empty masks: 0. One empty mask: the diagonal of the field of view.
    """
    both = np.concatenate(_finite(distances))
    return float(both.mean()) if both.size else 0.0


def surface_dice(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Returns the share of the border voxels of both masks that are within the tolerance, mm, of the other border.

    Two empty masks: 1. One empty mask: 0, whatever the tolerance.

    Raises:
        ValueError: if tolerance_mm is negative.
    """
    if not tolerance_mm >= 0:
        raise ValueError(f"tolerance_mm must be 0 or more. Received {tolerance_mm}.")
    both = np.concatenate([distances.of_reference, distances.of_prediction])
    within = (both <= tolerance_mm * (1 + 1e-9)) & np.isfinite(both)  # a distance of the tolerance, but for rounding
    return float(within.mean()) if both.size else 1.0


def border(mask: np.ndarray) -> np.ndarray:
    """Returns the border of a mask, bool and shaped like it: see the head of this module."""
    inner = mask.copy()
    axes = [axis for axis, length in enumerate(mask.shape) if length > 1] or range(mask.ndim)
    for axis in axes:
        along, kept = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        kept[1:] &= along[:-1]
        kept[:-1] &= along[1:]
        kept[:1] = kept[-1:] = False
    return mask & ~inner


def _bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """Returns the smallest box around a mask, and a voxel more on each side as far as the array goes."""
    box = []
    for axis in range(mask.ndim):
        within = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append(slice(max(within[0] - 1, 0), within[-1] + 2) if within.size else slice(0, 0))
    return tuple(box)


def _to_nearest(border_from: np.ndarray, border_to: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Returns the distance from each voxel of a border to the nearest of another, mm; inf if that is empty."""
    points, targets = np.argwhere(border_from), np.argwhere(border_to)
    if not (len(points) and len(targets)):
        return np.full(len(points), np.inf)
    tree, near = KDTree(targets * spacing), NEAR_VOXELS * np.prod(spacing) ** (1 / len(spacing))
    distances, _ = tree.query(points * spacing, distance_upper_bound=near, workers=-1)
    far = np.isinf(distances)
    if np.count_nonzero(far) * len(targets) <= PAIRS_PER_VOXEL * border_to.size:
        distances[far], _ = tree.query(points[far] * spacing, workers=-1)
    else:
        distances[far] = _by_transform(points[far], border_to, spacing)
    return distances


def _by_transform(points: np.ndarray, border_to: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    nearest = ndimage.distance_transform_edt(~border_to, sampling=spacing, return_distances=False, return_indices=True)
    return np.linalg.norm((nearest[(slice(None), *points.T)].T - points) * spacing, axis=1)


def _finite(distances: SurfaceDistances) -> list[np.ndarray]:
    return [np.minimum(side, distances.worst_mm) for side in (distances.of_reference, distances.of_prediction)]
