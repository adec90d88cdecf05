"""Files of Keras: `.keras` archives, whole models in HDF5, and weights alone, of Keras 2 and 3."""

import contextlib
import pathlib
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO

from lsn_tf.analysis.formats.archives import checked_member, open_archive
from lsn_tf.analysis.formats.hdf5 import Group, open_hdf5
from lsn_tf.analysis.formats.keras_config import KerasLayer, parse_config
from lsn_tf.analysis.formats.keras_legacy import named_convolutions
from lsn_tf.analysis.formats.keras_weights import positional_convolutions
from lsn_tf.analysis.formats.stored import StoredConvolution

WEIGHTS, CONFIG = "model.weights.h5", "config.json"
LARGEST_CONFIG = 2**26  # bytes; that of a thousand layers has 1 MB
SMALL_WEIGHTS = 2**28  # bytes that weights may always have; beyond, an archive may expand a hundred times
_COPIED = 2**20  # bytes at once


@contextlib.contextmanager
def open_keras_archive(path: pathlib.Path) -> Iterator[Sequence[StoredConvolution]]:
    """Gives the convolutions of a `.keras` archive: weights by position, names in its configuration."""
    with open_archive(path) as archive, tempfile.TemporaryFile() as weights:
        config = archive.read(checked_member(archive, CONFIG, LARGEST_CONFIG))
        largest = max(SMALL_WEIGHTS, 100 * path.stat().st_size)
        _copy(archive, checked_member(archive, WEIGHTS, largest), weights)
        with open_hdf5(weights) as root:
            yield positional_convolutions(root, parse_config(config))


@contextlib.contextmanager
def open_hdf5_model(path: pathlib.Path) -> Iterator[Sequence[StoredConvolution]]:
    """Gives the convolutions of a `.h5`: a whole model or its weights, in the layout of Keras 2 or 3."""
    with path.open("rb") as stream, open_hdf5(stream) as root:
        model = _described(root)
        weights = root.group("model_weights") if "model_weights" in root else root
        if weights.texts("layer_names"):
            yield named_convolutions(weights, model)
        else:
            yield positional_convolutions(weights, model)


def _described(root: Group) -> KerasLayer | None:
    config = root.text("model_config")
    return parse_config(config) if config else None


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: IO[bytes]) -> None:
    """Copies a member to a file in which one can seek; zipfile stops after the length that was checked."""
    with archive.open(member) as source:
        while content := source.read(_COPIED):
            target.write(content)
    target.flush()
