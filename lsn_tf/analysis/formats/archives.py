"""Zip archives from other people's hands: `.keras` and `.npz`."""

import contextlib
import pathlib
import zipfile
from collections.abc import Iterator

from lsn_tf.analysis.formats.stored import ModelFileError

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # deflate expands a thousand times at most, others much more


@contextlib.contextmanager
def open_archive(path: pathlib.Path) -> Iterator[zipfile.ZipFile]:
    """Opens a zip archive, from which nothing is extracted to where its names say.

    Raises:
        ModelFileError: if a member's name leaves the archive.
    """
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith(("/", "\\")) or ".." in pathlib.PurePosixPath(name.replace("\\", "/")).parts:
                raise ModelFileError(f"names of members must stay inside the archive. Received {name!r}.")
        yield archive


def checked_member(archive: zipfile.ZipFile, name: str, largest: int) -> zipfile.ZipInfo:
    """Returns what the archive says of a member.

    Raises:
        ModelFileError: if there is none, it is encrypted, compressed in an unusual way, or longer than `largest` bytes.
    """
    if name not in archive.namelist():
        raise ModelFileError(f"the archive must have a member {name!r}. Received {archive.namelist()[:5]}.")
    member = archive.getinfo(name)
    if member.compress_type not in _METHODS or member.flag_bits & 1:
        raise ModelFileError(f"member {name!r} must be stored or deflated, and not encrypted. Received another.")
    if member.file_size > largest:
        raise ModelFileError(f"member {name!r} must have at most {largest} bytes. Received {member.file_size}.")
    return member
