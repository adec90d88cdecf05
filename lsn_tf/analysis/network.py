"""A network as the tables describe it: its layers with the kernels of one size, and those of the network untrained."""

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.identification import dead
from lsn_tf.analysis.kernel_arrays import flat, shape_of
from lsn_tf.analysis.kernels import ConvolutionLayer, read_layers


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """A convolution, with its kernels if they have the size that is analysed.

    Attributes:
        name, depth, kind, stage, groups: see `kernels.ConvolutionLayer`.
        shape: of its kernel, (*spatial, input, output); of depthwise and separable ones (*spatial, input, multiplier).
        kernels: (n, *spatial) float32; n is 0 where the size is another.
        inputs, outputs: (n,) int32, the channels that each kernel joins.
        alive: (n,) bool, see `identification.dead`.
    """

    name: str
    depth: int
    kind: str
    stage: str
    groups: int
    shape: tuple[int, ...]
    kernels: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    alive: np.ndarray

    @property
    def count(self) -> int:
        """How many kernels of the size it has."""
        return len(self.kernels)

    @property
    def dead(self) -> int:
        """How many of them are dead; as a share of all, the sparsity of CNN Filter DB."""
        return self.count - int(self.alive.sum())

    @property
    def living(self) -> np.ndarray:
        """Its kernels that are not dead, (m, s, s); no copy where all are alive."""
        return self.kernels if self.alive.all() else self.kernels[self.alive]

    def only(self, rows: slice | np.ndarray) -> "Layer":
        """Returns the layer with some of its kernels, by place."""
        some = {name: getattr(self, name)[rows] for name in ("kernels", "inputs", "outputs", "alive")}
        return dataclasses.replace(self, **some)

    @property
    def side(self) -> str:
        """The size of its kernels in words, e.g. "3x3"."""
        return "x".join(str(n) for n in self.shape[:-2])


def read_network(path: str | os.PathLike, size: int | Sequence[int]) -> list[Layer]:
    """Returns the convolutions of a saved model in the order of its graph, kernels in float32.

    Args:
        path: of any model that `kernels.read_layers` reads.
        size: width or shape of the kernels that are kept.

    Raises:
        ValueError: in one line, as `read_layers`; if no layer has kernels of this size, or one is not finite.
    """
    shape = shape_of(size)
    layers = [_layer(convolution, shape, path) for convolution in read_layers(path)]
    if not any(layer.count for layer in layers):
        found = ", ".join(f"{n} of {side}" for side, n in Counter(layer.side for layer in layers).items())
        raise ValueError(
            f"{path}: the network must have kernels of {'x'.join(map(str, shape))}. Received convolutions: {found}. "
            "See --size."
        )
    return layers


def before_training(
    path: str | os.PathLike, layers: Sequence[Layer], size: int | Sequence[int]
) -> dict[str, np.ndarray]:
    """Returns the kernels, by the layers' names, of the same network untrained, without dead ones.

    Layers are matched by their order and the shape of their kernels; names may differ, as Keras counts them on.

    Raises:
        ValueError: in one line, if the layers are others.
    """
    others = read_network(path, size)
    if [layer.shape for layer in others] != [layer.shape for layer in layers]:
        pairs = zip(layers, others, strict=False)
        differing = next(
            (f"{a.name} {a.shape}, {b.name} {b.shape}" for a, b in pairs if a.shape != b.shape), "the rest"
        )
        raise ValueError(
            f"untrained must be the same network, {len(layers)} convolutions of the same shapes in the same order. "
            f"Received {path} with {len(others)}; the first that differ: {differing}."
        )
    return {layer.name: other.living for layer, other in zip(layers, others, strict=True) if layer.count}


def _layer(convolution: ConvolutionLayer, shape: tuple[int, ...], path: str | os.PathLike) -> Layer:
    values, inputs, outputs = convolution.kernels()
    if convolution.spatial != shape:
        values, inputs, outputs = np.zeros((0, *shape)), inputs[:0], outputs[:0]
    with np.errstate(over="ignore"):  # becomes infinite, which the next line tells
        values = np.ascontiguousarray(values, np.float32)
    try:
        flat(values)
    except ValueError as error:
        raise ValueError(f"{path}, layer {convolution.name}: {error}") from None
    return Layer(
        name=convolution.name,
        depth=convolution.depth,
        kind=convolution.kind,
        stage=convolution.stage,
        groups=convolution.groups,
        shape=tuple(convolution.kernel.shape),
        kernels=values,
        inputs=inputs.astype(np.int32),
        outputs=outputs.astype(np.int32),
        alive=~dead(values),
    )
