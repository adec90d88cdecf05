"""The convolution kernels of any saved model, layer by layer, without its code: the first stage of the analysis."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lsn_tf.analysis.formats.keras_files import open_hdf5_model, open_keras_archive
from lsn_tf.analysis.formats.npz import open_npz
from lsn_tf.analysis.formats.onnx_graph import open_onnx
from lsn_tf.analysis.formats.stages import stages_by_name
from lsn_tf.analysis.formats.stored import ModelFileError, StoredConvolution, as_float, as_model_file_error, is_square

KINDS = ("full", "depthwise", "separable", "transposed", "dilated")
STAGES = ("encoder", "bottom", "decoder", "")
READERS = {".keras": open_keras_archive, ".h5": open_hdf5_model, ".hdf5": open_hdf5_model}
READERS |= {".onnx": open_onnx, ".npz": open_npz}


class Kernels(NamedTuple):
    """The kernels of a layer, n of them, and the channels that each of them joins.

    Attributes:
        values: (n, *spatial), as stored: a correlation, but for transposed convolutions, which scatter it.
        inputs, outputs: (n,), index of the channel.
    """

    values: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class ConvolutionLayer:
    """A convolution of a network.

    Attributes:
        name: of the layer, nested models joined by "/".
        depth: its position among the convolutions of the network, from 0; 1x1 convolutions count.
        kind: one of `KINDS`. A separable layer is its depthwise part, its 1x1 part does not count.
        stage: one of `STAGES`, "" where the graph does not show it.
        kernel: (*spatial, input, output), in the type that it is stored in; of depthwise and separable layers
            (*spatial, input, multiplier), of grouped ones the inputs of one group.
        groups: of channels that do not see each other.
    """

    name: str
    depth: int
    kind: str
    stage: str
    kernel: np.ndarray
    groups: int = 1

    @property
    def spatial(self) -> tuple[int, ...]:
        """The size of its kernels, e.g. (3, 3)."""
        return self.kernel.shape[:-2]

    @property
    def count(self) -> int:
        """How many kernels `kernels` gives: all if they are squares or cubes of several pixels, or else none."""
        return self.kernel.shape[-2] * self.kernel.shape[-1] if is_square(self.kernel.shape) else 0

    def kernels(self) -> Kernels:
        """Returns the kernels one by one, the output channel running fastest; none of 1x1 and of those not square."""
        inputs, outputs = self.kernel.shape[-2:]
        n = np.arange(self.count)
        values = self.kernel.reshape(*self.spatial, inputs * outputs)[..., : self.count]
        values = np.moveaxis(values, -1, 0)
        if self.kind in ("depthwise", "separable"):
            return Kernels(values, n // max(outputs, 1), n)
        group = n % max(outputs, 1) // max(outputs // self.groups, 1)
        return Kernels(values, group * inputs + n // max(outputs, 1), n % max(outputs, 1))


def read_layers(path: str | os.PathLike) -> Iterator[ConvolutionLayer]:
    """Yields the convolutions of a saved model in the order of its graph; one kernel is in memory at a time.

    Reads SavedModel folders, `.keras`, `.h5`, `.onnx` and `.npz` (name -> kernel). Only what the file says is used:
    no code of the model runs, no object is deserialised. Weights of an optimizer, copies and constants are left out.

    Raises:
        ModelFileError: a ValueError of one line if the file is missing, unknown, damaged, hostile, or has no
            convolution.
    """
    path = pathlib.Path(path)
    with as_model_file_error(path), _opened(path) as convolutions:
        if not convolutions:
            raise ModelFileError("the network must have convolutions. Received none.")
        names, stages = _distinct([stored.name for stored in convolutions]), [stored.stage for stored in convolutions]
        if not any(stages):
            stages = stages_by_name(names)
        for depth, (stored, name, stage) in enumerate(zip(convolutions, names, stages, strict=True)):
            yield ConvolutionLayer(name, depth, stored.kind, stage, as_float(name, stored.load()), stored.groups)


def _opened(path: pathlib.Path) -> contextlib.AbstractContextManager[Sequence[StoredConvolution]]:
    if path.is_dir():
        from lsn_tf.analysis.formats.saved_model import open_saved_model  # TensorFlow takes seconds to import

        return open_saved_model(path)
    if not path.is_file():
        raise ModelFileError("the saved model must exist. Received no such file or folder. Check the path.")
    if path.suffix.lower() not in READERS:
        raise ModelFileError(
            f"a saved model must be a SavedModel folder or end in one of {sorted(READERS)}. Received {path.suffix!r}."
        )
    return READERS[path.suffix.lower()](path)


def _distinct(names: Sequence[str]) -> list[str]:
    """Returns the names, the second of a kind as "name#2"."""
    times: dict[str, int] = {}
    distinct = []
    for name in names:
        times[name] = times.get(name, 0) + 1
        distinct.append(name if times[name] == 1 else f"{name}#{times[name]}")
    return distinct
