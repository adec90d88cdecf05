"""Kernels in a NumPy archive: names and plain arrays, (*spatial, input, output) as Keras has them."""

import contextlib
import pathlib
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO

import numpy as np

from lsn_tf.analysis.formats.archives import checked_member, open_archive
from lsn_tf.analysis.formats.stored import LARGEST_ARRAY, ModelFileError, StoredConvolution, check_size, is_square

_AT_ONCE = 2**20  # bytes
_VERSION = (1, 0)  # headers of later ones may announce 4 GB


@contextlib.contextmanager
def open_npz(path: pathlib.Path) -> Iterator[Sequence[StoredConvolution]]:
    """Gives the arrays that are kernels: 2 or 3 equal axes, or such axes followed by input and output channels."""
    with open_archive(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        yield [
            StoredConvolution(name.removesuffix(".npy"), "full", "", partial(_kernel, archive, name))
            for name in names
            if _is_kernel(archive, name)
        ]


def _is_kernel(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(checked_member(archive, name, 2**40)) as stream:
        shape, _, dtype = _header(name, stream)
    return dtype.kind == "f" and (is_square(_with_channels(shape)) or len(shape) in (4, 5) and set(shape[:-2]) == {1})


def _kernel(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    member = checked_member(archive, name, LARGEST_ARRAY + 2**16)
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(name, stream)
        size = check_size(name, shape, dtype.itemsize, member.file_size - stream.tell())
        content = np.empty(size, np.uint8)
        for start in range(0, size, _AT_ONCE):  # zipfile would hold a large read three times
            part = stream.read(min(_AT_ONCE, size - start))
            content[start : start + len(part)] = np.frombuffer(part, np.uint8)
        stream.read(1)  # the checksum is compared at the end of a member
    return content.view(dtype).reshape(shape, order="F" if fortran else "C").reshape(_with_channels(shape))


def _header(name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version != _VERSION:
        raise ModelFileError(f"array {name!r} must be of version {_VERSION}. Received {version}.")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise ModelFileError(f"array {name!r} must hold numbers. Received pickled objects, which are never opened.")
    return shape, fortran, dtype


def _with_channels(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the shape of a single kernel with its one input and output, others as they are."""
    return (*shape, 1, 1) if len(shape) in (2, 3) else shape
