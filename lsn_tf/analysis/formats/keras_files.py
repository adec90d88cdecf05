"""Files of Keras: `.keras` archives, whole models in HDF5, and weights alone, of Keras 2 and 3."""

import contextlib
import pathlib
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import IO

from lsn_tf.analysis.formats.archives import checked_member, open_archive
from lsn_tf.analysis.formats.hdf5 import Group, open_hdf5
from lsn_tf.analysis.formats.keras_config import parse_config
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
            with _silent():
                convolutions = positional_convolutions(root, parse_config(config))
            yield convolutions


@contextlib.contextmanager
def open_hdf5_model(path: pathlib.Path) -> Iterator[Sequence[StoredConvolution]]:
    """Gives the convolutions of a `.h5`: a whole model or its weights, in the layout of Keras 2 or 3."""
    with path.open("rb") as stream, open_hdf5(stream) as root:
        with _silent():
            convolutions = _convolutions(root)
        yield convolutions


def _convolutions(root: Group) -> list[StoredConvolution]:
    config = root.text("model_config")
    model = parse_config(config) if config else None
    weights = root.group("model_weights") if "model_weights" in root else root
    return (named_convolutions if weights.texts("layer_names") else positional_convolutions)(weights, model)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keeps what pyfive has to say of damaged attributes from the reader, who is told once, by the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: IO[bytes]) -> None:
    """Copies a member to a file in which one can seek; zipfile stops after the length that was checked."""
    with archive.open(member) as source:
        while content := source.read(_COPIED):
            target.write(content)
    target.flush()
