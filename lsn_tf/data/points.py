"""A point that a user names, in mm or as a voxel of a file -> its place (slice, y, x) on the canonical grid."""

from collections.abc import Sequence

import numpy as np
from nibabel import orientations
from nibabel.affines import apply_affine, from_matvec

from lsn_tf.data.grids import Grid


def canonical_index(world_mm: Sequence[float], affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Finds a point of the patient on the canonical grid.

    Args:
        world_mm: (..., 3), mm to the right, front and head (RAS), as viewers of NIfTI show them.
        affine: `Scan.affine`. Where it is guessed, no viewer knows it: ask for a voxel instead.
        shape: (slices, height, width) of the scan.

    Returns:
        (..., 3), (slice, y, x), not rounded; whole numbers are the centres of voxels.

    Raises:
        ValueError: if the point lies in no voxel of the scan.
    """
    index = apply_affine(np.linalg.inv(affine), world_mm)[..., ::-1]
    _check_inside(index, affine, shape, f"{np.asarray(world_mm).tolist()} mm")
    return index


def canonical_index_of_voxel(voxel: Sequence[float], grid: Grid) -> np.ndarray:
    """Finds a voxel of a file on the canonical grid.

    Args:
        voxel: (..., 3), (i, j, k) along the axes of the file, counted from 0; fractions lie between centres.
        grid: `grid_of` the file.

    Returns:
        (..., 3), (slice, y, x), not rounded.

    Raises:
        ValueError: if there is no such voxel in the file.
    """
    canonical_of_stored = np.linalg.inv(orientations.inv_ornt_aff(grid.turn, grid.stored_shape))
    index = apply_affine(canonical_of_stored, voxel)[..., ::-1]
    _check_inside(index, grid.affine, grid.shape[::-1], f"voxel {np.asarray(voxel).tolist()} of {grid.stored_shape}")
    return index


def extent_mm(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Returns the box around a scan, (3, 2): the least and the greatest x to the right, y to the front, z to the head.

    Args:
        affine: `Scan.affine`.
        shape: (slices, height, width).
    """
    half = np.asarray(shape)[::-1] / 2
    corners = np.array(np.meshgrid(*zip(-half, half, strict=True))).reshape(3, -1)
    centred = affine @ from_matvec(np.eye(3), half - 0.5)
    world = apply_affine(centred, corners.T)
    return np.stack([world.min(axis=0), world.max(axis=0)], axis=-1)


def _check_inside(index: np.ndarray, affine: np.ndarray, shape: tuple[int, int, int], received: str) -> None:
    if ((index >= -0.5) & (index <= np.asarray(shape) - 0.5)).all():  # to the outer faces of the voxels; False for NaN
        return
    reach = zip("xyz", extent_mm(affine, shape), strict=True)
    extent = ", ".join(f"{axis} {low:.1f}..{high:.1f}" for axis, (low, high) in reach)
    raise ValueError(
        f"the point must lie in the scan, which reaches over {extent} mm to the right, front and head. "
        f"Received {received}, (slice, y, x) = {np.round(index, 2).tolist()} of {tuple(shape)}."
    )
