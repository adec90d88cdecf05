"""A TensorFlow checkpoint, read by its format: the table of its index and the bytes that it points to.

TensorFlow's own reader aborts the process on some crafted files and allocates what they announce.
Format: tensorflow/core/util/tensor_bundle, tensorflow/core/lib/io/table_format.txt.
"""

import pathlib
import struct
from collections.abc import Iterator

import ml_dtypes
import numpy as np
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import tensor_bundle_pb2, trackable_object_graph_pb2

from lsn_tf.analysis.formats.stored import LARGEST_ARRAY, ModelFileError, check_size, inside

LARGEST_INDEX = 2**28  # bytes
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_MAGIC, _FOOTER = 0xDB4775248B80FB57, 48  # of the last bytes; bytes of the footer
_DTYPES = {
    types_pb2.DT_HALF: np.dtype("<f2"),
    types_pb2.DT_FLOAT: np.dtype("<f4"),
    types_pb2.DT_DOUBLE: np.dtype("<f8"),
    types_pb2.DT_BFLOAT16: np.dtype(ml_dtypes.bfloat16),
}


class Checkpoint:
    """The variables of a checkpoint: `PREFIX.index` and `PREFIX.data-00000-of-00001`, in one folder.

    Args:
        folder: of the SavedModel.
        prefix: path of the checkpoint in it, without endings.

    Raises:
        ModelFileError: if a file is missing, outside of the folder, or damaged.
    """

    def __init__(self, folder: pathlib.Path, prefix: str = "variables/variables"):
        self._folder, self._prefix = folder, prefix
        index = inside(folder, f"{prefix}.index")
        if index.stat().st_size > LARGEST_INDEX:
            raise ModelFileError(f"the index of a checkpoint must have at most {LARGEST_INDEX} bytes. Received more.")
        entries = dict(_table(index.read_bytes()))
        header = tensor_bundle_pb2.BundleHeaderProto.FromString(entries.pop(b"", b""))
        self._shards = header.num_shards
        self._entries = {
            key.decode(): tensor_bundle_pb2.BundleEntryProto.FromString(value) for key, value in entries.items()
        }

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(dimension.size for dimension in self._entries[key].shape.dim)

    def read(self, key: str) -> np.ndarray:
        """Returns a variable. Raises ModelFileError if it is not floating point, or not all there."""
        entry, shape = self._entries[key], self.shape(key)
        if entry.dtype not in _DTYPES or entry.slices:
            raise ModelFileError(f"variable {key!r} must be floating point numbers in one piece. Received another.")
        dtype = _DTYPES[entry.dtype]
        return np.frombuffer(self._bytes(key, check_size(key, shape, dtype.itemsize, entry.size)), dtype).reshape(shape)

    def object_graph(self) -> trackable_object_graph_pb2.TrackableObjectGraph:
        """Returns which object has which variable; empty in checkpoints of TensorFlow 1."""
        if OBJECT_GRAPH not in self:
            return trackable_object_graph_pb2.TrackableObjectGraph()
        content = self._bytes(
            OBJECT_GRAPH, check_size(OBJECT_GRAPH, (self._entries[OBJECT_GRAPH].size,), 1, LARGEST_ARRAY)
        )
        length, start = _varint(content, 0)  # a string tensor: lengths, a checksum of 4 bytes, strings
        return trackable_object_graph_pb2.TrackableObjectGraph.FromString(content[start + 4 : start + 4 + length])

    def _bytes(self, key: str, size: int) -> bytes:
        entry = self._entries[key]
        path = inside(self._folder, f"{self._prefix}.data-{entry.shard_id:05d}-of-{self._shards:05d}")
        if not 0 <= entry.offset <= path.stat().st_size - size:
            raise ModelFileError(f"variable {key!r} must lie in {path.name}. Received a file that is too short.")
        with path.open("rb") as stream:
            stream.seek(entry.offset)
            return stream.read(size)


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a table: its footer points to an index of blocks, sorted by key."""
    if len(content) < _FOOTER or struct.unpack("<Q", content[-8:])[0] != _MAGIC:
        raise ModelFileError("the index of a checkpoint must end with the mark of a table. Received another ending.")
    footer = content[-_FOOTER:]
    place = 0
    for _ in range(2):  # the place of the metaindex, which is empty
        _, place = _varint(footer, place)
    for _, handle in _block(content, footer[place:]):
        yield from _block(content, handle)


def _block(content: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the entries of a block; a key shares its beginning with the key before."""
    offset, place = _varint(handle, 0)
    size, _ = _varint(handle, place)
    block = content[offset : offset + size]
    if len(block) < size or content[offset + size : offset + size + 1] != b"\0":
        raise ModelFileError("blocks of a checkpoint's index must be complete and not compressed. Received another.")
    restarts = struct.unpack("<I", block[-4:])[0]
    end, place, key = len(block) - 4 * (restarts + 1), 0, b""
    while place < end:
        shared, place = _varint(block, place)
        own, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + own]
        yield key, block[place + own : place + own + length]
        place += own + length


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """Returns a number of seven bits a byte, and the place after it."""
    value = 0
    for n, byte in enumerate(content[place : place + 10]):
        value |= (byte & 127) << (7 * n)
        if byte < 128:
            return value, place + n + 1
    raise ModelFileError("the index of a checkpoint must hold complete numbers. Received the end of it.")
