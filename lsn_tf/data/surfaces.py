"""The front of a level set function in space as a closed surface of triangles, and the mesh files that viewers read."""

import os
import pathlib
from typing import TYPE_CHECKING

import numpy as np
from nibabel.affines import apply_affine

from lsn_tf.numerics.level_sets import INSIDE, inside

if TYPE_CHECKING:
    import trimesh

SUFFIXES = (".stl", ".ply")
_SPACE = b"SPACE=RAS"  # how 3D Slicer marks the axes of a mesh; without it, it takes them to grow to the left and back


def front_surface(phi: np.ndarray, affine: np.ndarray) -> "trimesh.Trimesh | None":
    """Returns the zero contour of phi, found between voxels by marching cubes; None if nothing is inside.

    What touches the frame of the array is closed half a voxel beyond the outermost centres, at the faces of the voxels.

    Args:
        phi: (slices, height, width), negative inside; may be mapped from a file.
        affine: (4, 4), voxel (x, y, z) -> mm to the right, front and head.

    Returns:
        A mesh in mm to the right, front and head, whose normals point outwards.

    Raises:
        ImportError: if scikit-image or trimesh is not installed: pip install 'lsn_tf[predict]'.

    Reference: Lewiner et al. (2003), doi:10.1080/10867651.2003.10487582, as implemented in scikit-image.
    """
    try:
        import trimesh
        from skimage.measure import marching_cubes
    except ImportError as error:
        raise ImportError(f"surfaces need scikit-image and trimesh: pip install 'lsn_tf[predict]' ({error})") from error
    box = _box_around(phi)
    if box is None:
        return None
    corner = np.array([side.start for side in box]) - 1
    vertices, triangles, _, _ = marching_cubes(_closed(phi, box), 0.0, allow_degenerate=False)
    mesh = trimesh.Trimesh(apply_affine(affine, (vertices + corner)[:, ::-1]), triangles, process=False)
    if mesh.volume < 0:
        mesh.invert()
    return mesh


def write_surface(mesh: "trimesh.Trimesh", path: str | os.PathLike, suffix: str) -> None:
    """Writes a mesh, binary, with its axes named in the header.

    Args:
        mesh: in mm to the right, front and head.
        path: file to write.
        suffix: ".stl" or ".ply".
    """
    content = mesh.export(file_type=suffix.lstrip("."))
    if suffix == ".ply":
        content = content.replace(b"end_header", b"comment " + _SPACE + b"\nend_header", 1)
    else:
        content = _SPACE.ljust(80) + content[80:]
    pathlib.Path(path).write_bytes(content)


def _box_around(phi: np.ndarray) -> tuple[slice, ...] | None:
    """Returns the smallest box around the inside."""
    height, width = phi.shape[1:]
    occupied = np.zeros(len(phi), bool), np.zeros(height, bool), np.zeros(width, bool)
    for number, plane in enumerate(phi):
        mask = inside(plane)
        occupied[0][number] = mask.any()
        occupied[1][:] |= mask.any(axis=1)
        occupied[2][:] |= mask.any(axis=0)
    if not occupied[0].any():
        return None
    ends = [np.flatnonzero(axis)[[0, -1]] for axis in occupied]
    return tuple(slice(int(first), int(last) + 1) for first, last in ends)


def _closed(phi: np.ndarray, box: tuple[slice, ...]) -> np.ndarray:
    """Returns phi in the box and one voxel around it; what that lacks is mirrored to the outside."""
    before = [min(side.start, 1) for side in box]
    after = [min(size - side.stop, 1) for side, size in zip(box, phi.shape, strict=True)]
    wider = tuple(slice(s.start - b, s.stop + a) for s, b, a in zip(box, before, after, strict=True))
    lacking = [(1 - b, 1 - a) for b, a in zip(before, after, strict=True)]
    closed = np.pad(np.asarray(phi[wider], np.float32), lacking, mode="edge")
    for axis, (first, last) in enumerate(lacking):
        planes = np.moveaxis(closed, axis, 0)
        for number in [0] * first + [-1] * last:
            planes[number] = -INSIDE * np.abs(planes[number])
    return closed
