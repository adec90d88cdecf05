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
from typing import Any, BinaryIO

import nibabel
import numpy as np

from lsn_tf.data.dicom import Series, read_series
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
        opened = _open_series if pathlib.Path(path).is_dir() else _open_nifti
        scan = opened(path, scratch, stack)
        _check_voxel_sizes(scan)
        yield scan


def _open_nifti(path: str | os.PathLike, scratch: str | os.PathLike, stack: contextlib.ExitStack) -> ScanFile:
    image = open_nifti(path)
    unit = image.header.get_xyzt_units()[0]
    if unit not in ("mm", "unknown"):
        raise VolumeError(f"{path}: expected a header in mm. Received {unit!r}. Convert the header to mm.")
    if os.fspath(path).endswith(".nii"):
        file, size = stack.enter_context(open(path, "rb")), os.path.getsize(path)
        missing = image.dataobj.offset + _bytes_of(image.shape, image.get_data_dtype()) - size
        if missing > 0:
            raise VolumeError(
                f"{path}: expected a complete NIfTI file (.nii or .nii.gz). Received {missing} bytes too few. "
                "Copy or download it again."
            )
    else:
        file = stack.enter_context(tempfile.TemporaryFile(dir=scratch))
        for chunk in inflated(path):
            file.write(chunk)
        file.flush()
    scaling = image.dataobj.slope, image.dataobj.inter
    dtype, offset = image.get_data_dtype(), image.dataobj.offset
    return ScanFile(path, grid_of(image, path), image, None, file, dtype, offset, scaling)


def _open_series(folder: str | os.PathLike, scratch: str | os.PathLike, stack: contextlib.ExitStack) -> ScanFile:
    series = read_series(folder)
    file = stack.enter_context(tempfile.TemporaryFile(dir=scratch))
    for values in series.hounsfield():
        check_hounsfield(values, folder)
        file.write(np.rint(values).astype(np.int16).tobytes())
    file.flush()
    grid = grid_from(series.affine, series.shape)
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


def _check_voxel_sizes(scan: Any) -> None:
    sizes, (least, most) = scan.grid.spacing_mm, VOXEL_SIZES_MM
    if not (least <= min(sizes) and max(sizes) <= most):
        raise VolumeError(
            f"{scan.path}: expected voxels of {least} mm to {most} mm. Received {np.round(sizes, 6).tolist()} "
            "(dz, dy, dx). Write the header in mm."
        )
