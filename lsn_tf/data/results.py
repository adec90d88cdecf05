"""A mask or a phi on a scan's grid -> NIfTI, voxel on voxel with the scan's file: the door where results leave."""

import os
import pathlib

import nibabel
import numpy as np

from lsn_tf.artifacts import replaced
from lsn_tf.data.grids import Grid, grid_of
from lsn_tf.data.nifti import open_nifti

SUFFIXES = (".nii", ".nii.gz")


def write_like(array: np.ndarray, reference_path: str | os.PathLike, output_path: str | os.PathLike) -> None:
    """Writes an array on the canonical grid of a scan as NIfTI with the geometry of the scan's file, atomically.

    Axes, shape, sform, qform, units and version are those of the reference, and only its header is read. Its display
    window and its extensions, which may name the patient, are left out. Voxels are stored as they are, without scaling.

    Args:
        array: (slices, height, width) as `read_scan(reference_path).image`; its dtype becomes the file's, bool uint8.
        reference_path: NIfTI file of the scan.
        output_path: .nii or .nii.gz. A failing write leaves no file behind, and an old one as it was.

    Raises:
        ValueError: if output_path ends otherwise, or the array has another shape than the scan.
        VolumeError: if the reference is missing or no NIfTI file of one scan.
    """
    output_path = pathlib.Path(output_path)
    if not output_path.name.endswith(SUFFIXES):
        raise ValueError(f"output_path must end in .nii or .nii.gz. Received {output_path}.")
    reference = open_nifti(reference_path)
    grid = grid_of(reference, reference_path)
    with replaced(output_path) as temporary:
        write_voxels(array, reference, grid, temporary)


def write_voxels(array: np.ndarray, reference: nibabel.Nifti1Image, grid: Grid, path: str | os.PathLike) -> None:
    """Writes what `write_like` does, not atomically, with the header of an image.

    Args:
        array: (slices, height, width) on the grid; its dtype becomes the file's, bool uint8.
        reference: whose header describes the scan; its voxels are not read.
        grid: of the reference.
        path: .nii or .nii.gz.

    Raises:
        ValueError: if the array has another shape than the scan.
    """
    if array.shape != grid.shape[::-1]:
        raise ValueError(
            f"array must have the (slices, height, width) of the scan, {grid.shape[::-1]}. Received {array.shape}."
        )
    stored = grid.as_stored(array.view(np.uint8) if array.dtype == bool else array).reshape(reference.shape)
    header = reference.header.copy()
    header.extensions.clear()
    header["cal_min"] = header["cal_max"] = 0
    header.set_data_dtype(stored.dtype)
    # Without an affine of its own the image takes the header's, bit by bit.
    type(reference)(stored, None, header).to_filename(path)
