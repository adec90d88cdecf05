"""Reads NIfTI files as they come from other people's hands, and says plainly what is wrong with a bad one."""

import contextlib
import math
import os
import pathlib
import zlib
from collections.abc import Iterator

import nibabel

_CHUNK_BYTES = 1 << 22
_GZIP_MAGIC = b"\x1f\x8b"
_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    nibabel.filebasedimages.ImageFileError,
    nibabel.spatialimages.HeaderDataError,
)


class VolumeError(ValueError):
    """A scan that cannot be used; its one line names the file, what was expected, what came and what to do."""


def open_nifti(path: str | os.PathLike) -> nibabel.Nifti1Image:
    """Opens a NIfTI-1 or NIfTI-2 file and reads no more than its header.

    Raises:
        VolumeError: if there is no such file, it is no NIfTI, it does not hold numbers, not exactly one scan with at
            least one voxel, or voxels without a size.
    """
    with _as_volume_error(path):
        image = nibabel.load(path)
    if not isinstance(image, nibabel.Nifti1Image):  # base of NIfTI-2 as well; Analyze, MINC … are not
        raise VolumeError(f"{path}: expected a NIfTI file. Received {type(image).__name__}. Convert it to .nii.gz.")
    if image.get_data_dtype().kind not in "iuf":
        raise VolumeError(
            f"{path}: expected one number a voxel. Received {image.get_data_dtype()}. Convert it to int16 HU."
        )
    if len(image.shape) < 3 or any(size != 1 for size in image.shape[3:]):
        raise VolumeError(f"{path}: expected one three-dimensional scan. Received shape {image.shape}. Split the file.")
    if min(image.shape) < 1:
        raise VolumeError(f"{path}: expected at least one slice. Received shape {image.shape}. Fetch the scan again.")
    _check_voxel_sizes(image, path)
    return image


def _check_voxel_sizes(image: nibabel.Nifti1Image, path: str | os.PathLike) -> None:
    """Refuses sizes that are not positive, of which nibabel makes 1 mm or their magnitude; an sform needs none."""
    if image.header["sform_code"] > 0:
        return
    with _as_volume_error(path), nibabel.openers.ImageOpener(path) as file:
        sizes = type(image.header).from_fileobj(file, check=False)["pixdim"][1:4]
    if not (sizes > 0).all():
        raise VolumeError(
            f"{path}: expected positive voxel sizes in the header. Received {sizes.tolist()}. Mend pixdim, or convert "
            "the scan again."
        )


def read_nifti(path: str | os.PathLike) -> nibabel.Nifti1Image:
    """Reads a whole NIfTI file into memory; its voxels are not yet converted.

    Inflating at once is twice as fast as nibabel's own way through gzip, and verifies the checksum.

    Raises:
        VolumeError: as `open_nifti`, and if the file is shorter than its header announces, or damaged.
    """
    image = open_nifti(path)
    with _as_volume_error(path):
        content = pathlib.Path(path).read_bytes()
        if content.startswith(_GZIP_MAGIC):
            content = _inflate(content)
        whole = type(image).from_bytes(content)
        expected = whole.dataobj.offset + image.get_data_dtype().itemsize * math.prod(image.shape)
        if len(content) < expected:
            raise EOFError(f"{len(content)} of {expected} bytes")
    return whole


def inflated(path: str | os.PathLike) -> Iterator[bytes]:
    """Yields what a NIfTI file holds, inflated, a few megabytes at a time; checksums are verified.

    Raises:
        VolumeError: if the file is damaged, or shorter than its header announces.
    """
    image = open_nifti(path)
    missing = image.dataobj.offset + image.get_data_dtype().itemsize * math.prod(image.shape)
    with nibabel.openers.ImageOpener(path) as file:
        while True:
            with _as_volume_error(path):
                chunk = file.read(_CHUNK_BYTES)
                missing -= len(chunk)
                if not chunk and missing > 0:
                    raise EOFError(f"{missing} bytes too few")
            if not chunk:
                return
            yield chunk


def _inflate(compressed: bytes) -> bytes:
    members = []
    while compressed.startswith(_GZIP_MAGIC):  # bgzip writes many members; what follows the last one is padding
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        members.append(member.decompress(compressed))
        if not member.eof:
            raise EOFError("compressed data ends early")
        compressed = member.unused_data
    return members[0] if len(members) == 1 else b"".join(members)


@contextlib.contextmanager
def _as_volume_error(path: str | os.PathLike) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise VolumeError(
            f"{path}: expected a complete NIfTI file (.nii or .nii.gz). Received {reason}. Copy or download it again."
        ) from error
