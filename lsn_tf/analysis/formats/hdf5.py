"""Groups, attributes and arrays of an HDF5 file, read in Python: libhdf5 crashes on some damaged files."""

import contextlib
import mmap
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyfive

from lsn_tf.analysis.formats.stored import ModelFileError, check_size

DEEPEST = 64  # groups inside each other
MOST_GROUPS = 100_000
SIGNATURE = b"\x89HDF\r\n\x1a\n"
CONTIGUOUS = 1  # layout of an array
_END_OF_FILE = {0: 40, 2: 28, 3: 28}  # version: where the length of the file is


class Group:
    """A group of an HDF5 file. Links out of the file are refused, those to a group above lead too deep.

    Args:
        group: of pyfive.
        depth: groups above it.
        content: of the file, which holds all values.
        budget: how many more groups of this file may be opened.
    """

    def __init__(self, group: pyfive.Group, content: mmap.mmap, depth: int = 0, budget: list[int] | None = None):
        self._group, self._content, self._depth = group, content, depth
        self._budget = [MOST_GROUPS] if budget is None else budget
        self._budget[0] -= 1
        if depth > DEEPEST or self._budget[0] < 0:
            raise ModelFileError(
                f"the file must have at most {MOST_GROUPS} groups, {DEEPEST} inside each other. Received more."
            )

    def __contains__(self, name: str) -> bool:
        return name in self._group

    def groups(self) -> dict[str, "Group"]:
        """Returns the groups in it, by name."""
        members = {name: self._group.get_lazy_view(name) for name in self._group}
        return {name: self._inner(one) for name, one in members.items() if isinstance(one, pyfive.Group)}

    def group(self, name: str) -> "Group":
        """Returns the group of this name. Raises ModelFileError if there is none."""
        found = self._group.get_lazy_view(name) if name in self._group else None
        if not isinstance(found, pyfive.Group):
            raise ModelFileError(f"group {self._group.name!r} must have a group {name!r}. Received {list(self)[:5]}.")
        return self._inner(found)

    def arrays(self) -> dict[str, "Array"]:
        """Returns the arrays in it, by name."""
        members = {name: self._group.get_lazy_view(name) for name in self._group}
        return {name: Array(one, self._content) for name, one in members.items() if isinstance(one, pyfive.Dataset)}

    def array(self, path: str) -> "Array":
        """Returns the array of this path, relative to the group. Raises ModelFileError if there is none."""
        folder, _, name = path.rpartition("/")
        arrays = self.group(folder).arrays() if folder else self.arrays()
        if name not in arrays:
            raise ModelFileError(f"group {self._group.name!r} must have an array {path!r}. Received none.")
        return arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def text(self, attribute: str) -> str:
        """Returns an attribute, "" if there is none."""
        value = self._group.attrs.get(attribute, "")
        return value.decode() if isinstance(value, bytes) else str(value)

    def texts(self, attribute: str) -> list[str]:
        """Returns an attribute that is a list of names; Keras splits one of more than 64 kB in numbered chunks."""
        attrs = self._group.attrs
        chunks = [attrs[attribute]] if attribute in attrs else []
        while f"{attribute}{len(chunks)}" in attrs:
            chunks.append(attrs[f"{attribute}{len(chunks)}"])
        names = [name for chunk in chunks for name in np.asarray(chunk).ravel().tolist()]
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]

    def _inner(self, group: pyfive.Group) -> "Group":
        return Group(group, self._content, self._depth + 1, self._budget)


class Array:
    """An array of an HDF5 file that has not been read yet."""

    def __init__(self, dataset: pyfive.Dataset, content: mmap.mmap):
        self._dataset, self._content = dataset, content

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(side) for side in self._dataset.shape)

    @property
    def place(self) -> int:
        """The end of what the file has of it, bytes: Keras writes layers in the order of the graph.

        Of header and values the one that lies farther, since the other may fill a gap near the beginning.
        """
        header = int(self._dataset._dataobjects.offset)  # pyfive has no public name for it
        values = int(getattr(self._dataset.id, "data_offset", None) or 0)
        return max(header, values if values < len(self._content) else 0)

    def read(self) -> np.ndarray:
        """Returns the values.

        Raises:
            ModelFileError: if they are not floating point numbers in one piece of this file.
        """
        name, dtype, storage = self._dataset.name, self._dataset.dtype, self._dataset.id
        if not isinstance(dtype, np.dtype) or dtype.kind != "f" or storage.layout_class != CONTIGUOUS:
            raise ModelFileError(
                f"array {name!r} must hold floating point numbers in one piece. Received {dtype}, perhaps in chunks: "
                "run h5repack -f NONE -l CONTI."
            )
        begin = int(storage.data_offset)
        size = check_size(name, self.shape, dtype.itemsize, len(self._content) - begin)
        return np.frombuffer(self._content[begin : begin + size], dtype).reshape(self.shape)


@contextlib.contextmanager
def open_hdf5(stream: BinaryIO) -> Iterator[Group]:
    """Opens the HDF5 file that a stream is open on.

    Raises:
        ModelFileError: if it is shorter than it says, or no HDF5 at all.
    """
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:  # pyfive would open a name again
        version = content[8] if content[:8] == SIGNATURE and len(content) > 48 else None
        if version not in _END_OF_FILE:
            raise ModelFileError("weights must be an HDF5 file of version 0, 2 or 3. Received another beginning.")
        end = int.from_bytes(content[_END_OF_FILE[version] : _END_OF_FILE[version] + 8], "little")
        if end > len(content):
            raise ModelFileError(f"the HDF5 file must have {end} bytes. Received {len(content)}.")
        yield Group(pyfive.File(content), content)
