"""What NiiVue is given: the scan as NIfTI on its own grid, a coarse one for the view in space, and surfaces as MZ3.

Slices are shown as they lie in the file's canonical grid, so the pictures have axes of their own: x to the left, y to
the back, z to the head, in mm from the middle of the scan. An oblique or sheared grid is shown straight.
"""

import struct
from collections.abc import Sequence

import nibabel
import numpy as np

from lsn_tf.data.surfaces import front_surface
from lsn_tf.viewer import depths

COARSE_VOXELS = 128  # along the longest axis
MZ3_MAGIC, MZ3_FACES_AND_VERTICES = 23117, 3


def picture_affine(shape: Sequence[int], spacing_mm: Sequence[float], step: Sequence[int] = (1, 1, 1)) -> np.ndarray:
    """Returns (4, 4), voxel (x, y, z) of every step-th voxel -> mm to the right, front and head of a picture.

    Args:
        shape: (slices, height, width) of the scan.
        spacing_mm: (dz, dy, dx).
        step: of the voxels shown, along (z, y, x).
    """
    to_ras = np.array([-1.0, -1.0, 1.0])
    size = to_ras * spacing_mm[::-1]
    origin = -size * (np.array(shape[::-1]) - 1) / 2
    return nibabel.affines.from_matvec(np.diag(size * step[::-1]), origin)


def scan_nifti(image: np.ndarray, spacing_mm: Sequence[float], coarse: bool = False) -> bytes:
    """Returns a scan, (slices, height, width) int16, HU, as a NIfTI file; coarse for the view in space."""
    step = coarse_step(image.shape, spacing_mm) if coarse else (1, 1, 1)
    shown = image[tuple(slice(None, None, n) for n in step)].transpose(2, 1, 0)
    nifti = nibabel.Nifti1Image(shown, picture_affine(image.shape, spacing_mm, step))
    nifti.header.set_xyzt_units("mm")
    return nifti.to_bytes()


def coarse_step(shape: Sequence[int], spacing_mm: Sequence[float]) -> tuple[int, ...]:
    """Returns the step along (z, y, x) that makes voxels of about one size, `COARSE_VOXELS` along the longest axis."""
    finest_mm = max(n * h for n, h in zip(shape, spacing_mm, strict=True)) / COARSE_VOXELS
    return tuple(max(round(finest_mm / h), 1) for h in spacing_mm)


def surface_mz3(depth: np.ndarray, spacing_mm: Sequence[float]) -> bytes | None:
    """Returns the front as a mesh in the axes of the pictures, an MZ3 file; None if nothing is inside."""
    step = coarse_step(depth.shape, spacing_mm)
    coarse = depths.to_phi(depth[tuple(slice(None, None, n) for n in step)])
    mesh = front_surface(coarse, picture_affine(depth.shape, spacing_mm, step))
    if mesh is None:
        return None
    header = struct.pack("<HHIII", MZ3_MAGIC, MZ3_FACES_AND_VERTICES, len(mesh.faces), len(mesh.vertices), 0)
    return header + mesh.faces.astype("<i4").tobytes() + mesh.vertices.astype("<f4").tobytes()
