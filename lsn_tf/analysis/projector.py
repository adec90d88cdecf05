"""Kernels for TensorBoard's embedding projector: vectors, what is known of each, and a picture of each.

The format is that of https://www.tensorflow.org/tensorboard/tensorboard_projector_plugin.
"""

import io
import math
from collections.abc import Iterator, Sequence

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector

from lsn_tf.analysis.clustering import prepare
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.tables import DIGITS, Columns
from lsn_tf.analysis.templates import Templates

POINTS = 50_000  # kernels that are shown, of more as many are drawn: a browser draws no more with ease
PICTURE = 24  # pixels, at most: the height of a kernel's picture
SPRITE = 8192  # pixels: the widest image of all pictures that TensorBoard takes
NAMED = "named kernel"  # in the place of a layer
VECTORS, METADATA, PICTURES, CONFIG = FILES = ("vectors.tsv", "metadata.tsv", "sprite.png", "projector_config.pbtxt")


class Points:
    """The kernels that the projector shows, dead ones left out, collected layer by layer.

    Args:
        layers: all that will be added, in this order.
        seed: of the kernels that are drawn where there are more than `POINTS`.
    """

    def __init__(self, layers: Sequence[Layer], seed: int = 0):
        alive = np.concatenate([layer.alive for layer in layers])
        if alive.sum() > POINTS:
            drawn = np.random.default_rng(seed).choice(np.flatnonzero(alive), POINTS, replace=False)
            alive = np.bincount(drawn, minlength=len(alive)) > 0
        ends = np.cumsum([layer.count for layer in layers])
        self.shown = {layer.name: part for layer, part in zip(layers, np.split(alive, ends[:-1]), strict=True)}
        self._kernels: list[np.ndarray] = []
        self._columns: list[Columns] = []

    def add(self, layer: Layer, columns: Columns) -> None:
        """Takes the kernels of a layer that are shown, with their rows, no others, of the kernel table."""
        self._kernels.append(layer.kernels[self.shown[layer.name]])
        self._columns.append(columns)

    def files(self, templates: Templates) -> Iterator[tuple[str, bytes]]:
        """Yields name and content of each of `FILES`: the named kernels come first, then those of the network.

        A vector is a kernel at L1 norm 1, as published in 2020 (doi:10.1117/12.2548871). In its picture 0 is grey and
        the largest modulus white or black; slices of a kernel in space are side by side.
        """
        shape = self._kernels[0].shape[1:]
        kernels = np.concatenate([templates.rows[templates.starts].reshape(-1, *shape), *self._kernels])
        vectors = prepare(kernels, "l1").reshape(len(kernels), -1)
        sprite, width, height = _sprite(_pictures(kernels))
        yield VECTORS, _lines("\t".join(f"{weight:.9g}" for weight in row) for row in vectors.tolist())
        yield METADATA, _lines(self._metadata(templates.names))
        yield PICTURES, sprite
        yield CONFIG, _config(vectors.shape, width, height)

    def _metadata(self, names: Sequence[str]) -> Iterator[str]:
        header = list(self._columns[0])
        yield "\t".join(header)
        for name in names:
            named = {"layer": NAMED, "nearest": name, "similarity": 1.0}
            yield "\t".join(_cell(named.get(column, "")) for column in header)
        for columns in self._columns:
            for row in zip(*(column.tolist() for column in columns.values()), strict=True):
                yield "\t".join(map(_cell, row))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    return " ".join(str(int(value) if isinstance(value, bool) else value).split())


def _lines(lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _pictures(kernels: np.ndarray) -> np.ndarray:
    """Returns kernels, (n, s, s) or (n, s, s, s), as pictures of one pixel a weight, (n, height, width) uint8."""
    flat = kernels if kernels.ndim == 3 else np.concatenate(list(np.moveaxis(kernels, 1, 0)), axis=-1)
    peaks = np.abs(flat).max(axis=(1, 2), keepdims=True)
    return np.round(127.5 + 127.5 * flat / np.where(peaks > 0, peaks, 1)).astype(np.uint8)


def _sprite(pictures: np.ndarray) -> tuple[bytes, int, int]:
    """Returns the pictures in rows of one PNG, and width and height of each there, pixels."""
    count, height, width = pictures.shape
    columns = math.ceil(math.sqrt(count * height / width))
    rows = math.ceil(count / columns)
    pixels = max(1, min(PICTURE // height, SPRITE // (max(columns * width, rows * height))))
    filled = np.concatenate([pictures, np.zeros((rows * columns - count, height, width), np.uint8)])
    image = filled.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
    file = io.BytesIO()
    Image.fromarray(image.repeat(pixels, axis=0).repeat(pixels, axis=1)).save(file, "PNG")
    return file.getvalue(), width * pixels, height * pixels


def _config(shape: tuple[int, int], width: int, height: int) -> bytes:
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add(
        tensor_name="kernels", tensor_path=VECTORS, tensor_shape=shape, metadata_path=METADATA
    )
    embedding.sprite.image_path = PICTURES
    embedding.sprite.single_image_dim.extend([width, height])
    return text_format.MessageToString(config).encode()
