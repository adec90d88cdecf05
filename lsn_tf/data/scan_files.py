"""A CT scan, NIfTI or DICOM, whose slices are read a few at a time: its voxels stay on the disk.

Voxels are first laid down as they are stored, uncompressed, in a file without a name, so that slices can be taken along
any of its axes; an uncompressed NIfTI file is that already.
"""

import contextlib
import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import nibabel
import numpy as np

from lsn_tf.data.dicom import Series, is_dicom, read_series
from lsn_tf.data.grids import Grid, grid_from, grid_of
from lsn_tf.data.intensities import check_ct
from lsn_tf.data.nifti import VolumeError, inflated, open_nifti
from lsn_tf.data.volumes import check_hounsfield

# Pixels of CT are 0.2 mm to 1.5 mm wide, slices up to some 15 mm apart. Metres would be 0.0008, micrometres 800.
VOXEL_SIZES_MM = (0.02, 50.0)
CHECKED_SLICES = 16


@dataclasses.dataclass(frozen=True, eq=False)
class ScanFile:
    """A scan on disk.

    Attributes:
        path: NIfTI file, or folder of a DICOM series.
        grid: where its voxels lie.
        reference: NIfTI image with the header of results that lie voxel on voxel on the scan.
        series: the DICOM series; None for a NIfTI file.
    """

    path: str | os.PathLike
    grid: Grid
    reference: nibabel.Nifti1Image
    series: Series | None
    _file: BinaryIO
    _dtype: np.dtype
    _offset: int
    _scaling: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, height, width)."""
        return self.grid.shape[::-1]

    def slices(self, chosen: slice | Sequence[int]) -> np.ndarray:
        """Returns some slices, (n, height, width) int16, HU, as `read_scan` gives them.

        Raises:
            VolumeError: if intensities are not finite or do not fit int16.
        """
        # Mapped anew for each call: what was read then does not count as memory of this process any more.
        stored = np.memmap(self._file, self._dtype, "r", self._offset, self.grid.stored_shape, order="F")
        values = np.array(self.grid.as_canonical(stored)[chosen])
        if self._scaling != (1, 0):
            values = values * self._scaling[0] + self._scaling[1]
        check_hounsfield(values, self.path)
        return (np.rint(values) if values.dtype.kind == "f" else values).astype(np.int16)


def check_intensities(scan: ScanFile) -> None:
    """Raises VolumeError if this is no CT, by some slices of it, see `check_ct`."""
    step = -(-scan.shape[0] // CHECKED_SLICES)
    check_ct(scan.slices(slice(step // 2, None, step)), scan.path)


@contextlib.contextmanager
def open_scan(path: str | os.PathLike, scratch: str | os.PathLike) -> Iterator[ScanFile]:
    """Opens a NIfTI file or the folder of a DICOM series.

    Args:
        path: file or folder.
        scratch: folder for the uncompressed voxels, where they take as much space as in memory; nothing is left there.

    Raises:
        VolumeError: if the scan cannot be used; see `open_nifti` and `read_series`.
    """
    with contextlib.ExitStack() as stack:
        header, grid = read_header(path)
        opened = _open_series if isinstance(header, Series) else _open_nifti
        yield opened(path, header, grid, scratch, stack)


def read_header(path: str | os.PathLike) -> tuple[nibabel.Nifti1Image | Series, Grid]:
    """Returns what a scan says of itself, and the grid of its voxels, which are not read.

    Raises:
        VolumeError: if that alone shows that the scan cannot be used.
    """
    if pathlib.Path(path).is_dir():
        header = read_series(path)
        grid = grid_from(header.affine, header.shape)
    else:
        header = _nifti_header(path)
        grid = grid_of(header, path)
    _check_voxel_sizes(grid, path)
    return header, grid


def _nifti_header(path: str | os.PathLike) -> nibabel.Nifti1Image:
    if is_dicom(path):
        raise VolumeError(
            f"{path}: expected a NIfTI file or the folder of a DICOM series. Received one DICOM file. Give the folder "
            f"with all slices of the series: {pathlib.Path(path).absolute().parent}"
        )
    image = open_nifti(path)
    unit = image.header.get_xyzt_units()[0]
    if unit not in ("mm", "unknown"):
        raise VolumeError(f"{path}: expected a header in mm. Received {unit!r}. Convert the header to mm.")
    missing = image.dataobj.offset + _bytes_of(image.shape, image.get_data_dtype()) - os.path.getsize(path)
    if _is_uncompressed(path) and missing > 0:
        raise VolumeError(
            f"{path}: expected a complete NIfTI file (.nii or .nii.gz). Received {missing} bytes too few. "
            "Copy or download it again."
        )
    return image


def _is_uncompressed(path: str | os.PathLike) -> bool:
    return os.fspath(path).endswith(".nii")


def _open_nifti(path, image: nibabel.Nifti1Image, grid: Grid, scratch, stack: contextlib.ExitStack) -> ScanFile:
    if _is_uncompressed(path):
        file = stack.enter_context(open(path, "rb"))
    else:
        file = stack.enter_context(tempfile.TemporaryFile(dir=scratch))
        for chunk in inflated(path):
            file.write(chunk)
        file.flush()
    scaling = image.dataobj.slope, image.dataobj.inter
    dtype, offset = image.get_data_dtype(), image.dataobj.offset
    return ScanFile(path, grid, image, None, file, dtype, offset, scaling)


def _open_series(folder, series: Series, grid: Grid, scratch, stack: contextlib.ExitStack) -> ScanFile:
    file = stack.enter_context(tempfile.TemporaryFile(dir=scratch))
    for values in series.hounsfield():
        check_hounsfield(values, folder)
        file.write(np.rint(values).astype(np.int16).tobytes())
    file.flush()
    return ScanFile(folder, grid, _image_like(series), series, file, np.dtype(np.int16), 0, (1, 0))


def _image_like(series: Series) -> nibabel.Nifti1Image:
    """Returns a NIfTI image of nothing with the geometry of a series; it takes no memory."""
    image = nibabel.Nifti1Image(np.broadcast_to(np.int16(0), series.shape), series.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(series.affine, code="scanner")
    image.set_qform(series.affine, code="scanner")
    return image


def _bytes_of(shape: Sequence[int], dtype: np.dtype) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def _check_voxel_sizes(grid: Grid, path: str | os.PathLike) -> None:
    sizes, (least, most) = grid.spacing_mm, VOXEL_SIZES_MM
    if not (least <= min(sizes) and max(sizes) <= most):
        raise VolumeError(
            f"{path}: expected voxels of {least} mm to {most} mm. Received {np.round(sizes, 6).tolist()} "
            "(dz, dy, dx). Write the header in mm."
        )
