"""CT scans on disk <-> arrays in one orientation with their geometry: the door through which every volume comes in.

A scan is (slices, height, width): slices grow to the head, y to the back (down in the picture), x to the patient's
left, so that the liver lies at the left of the picture and the spine at the bottom, as radiologists look at it.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable

import nibabel
import numpy as np

from lsn_tf.data.grids import GUESSED_NOTE, Grid, grid_of, turn_of_label
from lsn_tf.data.nifti import VolumeError, open_nifti, read_nifti
from lsn_tf.data.resampling import resize_image, resize_label

__all__ = [
    "Scan",
    "VolumeError",
    "read_mask",
    "read_scan",
    "read_shape",
    "resize_image",
    "resize_label",
    "volume_number",
    "write_scan",
]

LABELS = (0, 1, 2)  # background, liver, tumour


@dataclasses.dataclass(frozen=True, eq=False)
class Scan:
    """One CT volume in canonical orientation.

    Attributes:
        volume_id: Number in the file's name, None if there is none.
        image: (slices, height, width) int16, HU.
        label: (slices, height, width) uint8, 0 background, 1 liver, 2 tumour; None for a scan without labels.
        spacing_mm: (dz, dy, dx).
        spacing_guessed: True if the header knew no geometry, so that spacing and orientation are only typical.
        affine: (4, 4), voxel (x, y, z) -> mm to the right, front and head (RAS), as in NIfTI.
    """

    volume_id: int | None
    image: np.ndarray
    label: np.ndarray | None
    spacing_mm: tuple[float, float, float]
    spacing_guessed: bool
    affine: np.ndarray


def read_scan(image_path: str | os.PathLike, label_path: str | os.PathLike | None = None) -> Scan:
    """Reads a NIfTI image, and its label if there is one, into canonical orientation.

    The image's header decides where both lie; see `grids.turn_of_label`. Floats are rounded to whole HU.

    Raises:
        VolumeError: if a file is missing, damaged, no NIfTI, not three-dimensional or empty; if intensities are not
            finite or do not fit int16; if labels are not 0, 1, 2 or do not have the image's shape.
    """
    image = read_nifti(image_path)
    grid = grid_of(image, image_path)
    hounsfield = _converted(image, grid.turn, np.int16, check_hounsfield, image_path)
    del image  # half of the memory
    label = None
    if label_path is not None:
        label_image = read_nifti(label_path)
        turn = _turn_of_label(grid_of(label_image, label_path), grid, label_path, image_path)
        label = _converted(label_image, turn, np.uint8, _check_labels, label_path)
    return Scan(volume_number(image_path), hounsfield, label, grid.spacing_mm, grid.guessed, grid.affine)


def read_mask(path: str | os.PathLike, image_path: str | os.PathLike, grid: Grid | None = None) -> np.ndarray:
    """Reads a mask that belongs to an image, whose header decides where both lie; see `grids.turn_of_label`.

    Args:
        path: NIfTI file of the mask.
        image_path: NIfTI file of the image; of a DICOM series its folder.
        grid: of the image; None to read it from the NIfTI file.

    Returns:
        (slices, height, width) bool on the grid of `read_scan(image_path)`; True where the file is not zero.

    Raises:
        VolumeError: if a file is missing, damaged or no NIfTI; if the mask is not finite or does not fit the image.
    """
    grid = grid or grid_of(open_nifti(image_path), image_path)
    mask = read_nifti(path)
    return _converted(mask, _turn_of_label(grid_of(mask, path), grid, path, image_path), np.bool_, _check_finite, path)


def read_shape(image_path: str | os.PathLike, label_path: str | os.PathLike | None = None) -> tuple[int, int, int]:
    """Returns a scan's (slices, height, width) from the headers alone, checking as much as headers tell.

    Raises:
        VolumeError: if a header is unreadable or announces what `read_scan` would refuse.
    """
    grid = grid_of(open_nifti(image_path), image_path)
    if label_path is not None:
        _turn_of_label(grid_of(open_nifti(label_path), label_path), grid, label_path, image_path)
    return grid.shape[::-1]


def write_scan(scan: Scan, folder: str | os.PathLike) -> list[pathlib.Path]:
    """Writes `volume-N.nii.gz` and, if there is a label, `segmentation-N.nii.gz`: the layout of LiTS.

    Returns:
        The files written.

    Raises:
        ValueError: if the scan has no number.
    """
    if scan.volume_id is None:
        raise ValueError("scan.volume_id must be a number, it becomes part of the file's name. Received None.")
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"volume": scan.image} if scan.label is None else {"volume": scan.image, "segmentation": scan.label}
    paths = [folder / f"{name}-{scan.volume_id}.nii.gz" for name in arrays]
    for path, array in zip(paths, arrays.values(), strict=True):
        image = nibabel.Nifti1Image(array.transpose(2, 1, 0), scan.affine)
        image.header.set_xyzt_units("mm")
        if scan.spacing_guessed:
            image.header["descrip"] = GUESSED_NOTE
        nibabel.save(image, path)
    return paths


def volume_number(path: str | os.PathLike) -> int | None:
    """Returns N of `volume-N.nii.gz` or `liver_N.nii`: the number that ends a file's name, None without one."""
    found = re.search(r"(\d+)\.nii(\.gz)?$", os.path.basename(path))
    return int(found.group(1)) if found else None


def _turn_of_label(
    label: Grid, image: Grid, label_path: str | os.PathLike, image_path: str | os.PathLike
) -> np.ndarray:
    turn = turn_of_label(label, image)
    if turn is None:
        raise VolumeError(
            f"{label_path}: expected the shape of its image {image_path}, {image.stored_shape}. "
            f"Received {label.stored_shape}. Pair the files by their numbers, or fetch both again."
        )
    return turn


def _converted(
    image: nibabel.Nifti1Image,
    turn: np.ndarray,
    dtype: type,
    check: Callable[[np.ndarray, str | os.PathLike], None],
    path: str | os.PathLike,
) -> np.ndarray:
    """Returns the voxels as (slices, height, width) of dtype; floats only ever take one slice of memory more."""
    scaling = image.dataobj.slope, image.dataobj.inter
    stored = image.dataobj.get_unscaled().reshape(image.shape[:3], order="F")
    stored = nibabel.orientations.apply_orientation(stored, turn).transpose(2, 1, 0)
    converted = np.empty(stored.shape, dtype)
    for plane, values in zip(converted, stored, strict=True):
        values = values if scaling == (1, 0) else values * scaling[0] + scaling[1]
        check(values, path)
        plane[:] = np.rint(values) if values.dtype.kind == "f" and dtype is not np.bool_ else values
    return converted


def check_hounsfield(values: np.ndarray, path: str | os.PathLike) -> None:
    """Raises VolumeError unless all intensities are finite and fit int16."""
    limits = np.iinfo(np.int16)
    lowest, highest = values.min(), values.max()
    if not (limits.min <= lowest and highest <= limits.max):  # also for NaN
        raise VolumeError(
            f"{path}: expected finite intensities in HU, within [{limits.min}, {limits.max}]. "
            f"Received [{lowest}, {highest}]. Convert the scan to HU."
        )


def _check_finite(values: np.ndarray, path: str | os.PathLike) -> None:
    if not np.isfinite(values).all():
        raise VolumeError(f"{path}: expected a mask of finite numbers. Received NaN or infinity. Mend the mask.")


def _check_labels(values: np.ndarray, path: str | os.PathLike) -> None:
    if values.dtype.kind != "f" and LABELS[0] <= values.min() and values.max() <= LABELS[-1]:
        return  # the usual case, much faster
    wrong = values[~np.isin(values, LABELS)]
    if wrong.size:
        raise VolumeError(
            f"{path}: expected labels 0 background, 1 liver, 2 tumour. Received {wrong[0]}. "
            "Check that this file is the label and not the image."
        )
