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


class Group:
    """A group of an HDF5 file. Links out of the file are refused, those to a group above lead too deep.

    Args:
        group: of pyfive.
        depth: groups above it.
        size: of the file, bytes: no array is larger.
        budget: how many more groups of this file may be opened.
    """

    def __init__(self, group: pyfive.Group, size: int, depth: int = 0, budget: list[int] | None = None):
        self._group, self._size, self._depth = group, size, depth
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
        return {name: Array(one, self._size) for name, one in members.items() if isinstance(one, pyfive.Dataset)}

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
        return Group(group, self._size, self._depth + 1, self._budget)


class Array:
    """An array of an HDF5 file that has not been read yet."""

    def __init__(self, dataset: pyfive.Dataset, size: int):
        self._dataset, self._size = dataset, size

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(side) for side in self._dataset.shape)

    @property
    def place(self) -> int:
        """Where it is described in the file, bytes: Keras writes layers in the order of the graph."""
        return int(self._dataset._dataobjects.offset)  # pyfive has no public name for it

    def read(self) -> np.ndarray:
        """Returns the values.

        Raises:
            ModelFileError: if the file is too short for them, or they are compressed.
        """
        name = self._dataset.name
        if self._dataset.compression is not None or self._dataset.shuffle:
            raise ModelFileError(f"array {name!r} must not be compressed. Received a filter: run h5repack -f NONE.")
        check_size(name, self.shape, self._dataset.dtype.itemsize, self._size)
        return np.asarray(self._dataset[()]).reshape(self.shape)


@contextlib.contextmanager
def open_hdf5(stream: BinaryIO) -> Iterator[Group]:
    """Opens the HDF5 file that a stream is open on."""
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:  # pyfive would open a name again
        yield Group(pyfive.File(content), content.size())
