"""Convolutions of an ONNX file: its nodes in order, kernels from its initialisers."""

import contextlib
import functools
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.analysis.formats.stages import Operation, in_order, stages
from lsn_tf.analysis.formats.stored import LARGEST_ARRAY, ModelFileError, StoredConvolution, check_size, inside

LARGEST_FILE = 2**31  # bytes, the most that a protocol buffer may have
DEEPEST = 32  # graphs inside each other
CONVOLUTIONS = ("Conv", "ConvTranspose")
_REFINES, _POOLS = ("Resize", "Upsample", "DepthToSpace"), ("MaxPool", "AveragePool", "LpPool")
_COPIES = ("Identity", "Cast", "QuantizeLinear", "DequantizeLinear")


@contextlib.contextmanager
def open_onnx(path: pathlib.Path) -> Iterator[Sequence[StoredConvolution]]:
    """Gives the convolutions of an ONNX file; data outside of it is read only from its own folder."""
    yield _convolutions(_parsed(path).graph, path.parent)


def _parsed(path: pathlib.Path) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ModelFileError(
            "an ONNX file must be read by the package onnx. Received none: pip install 'lsn_tf[analysis]'."
        ) from error
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise ModelFileError(
            f"an ONNX file must have at most {LARGEST_FILE} bytes. Received {size}: save weights as external data."
        )
    return onnx.ModelProto.FromString(path.read_bytes())


def _convolutions(graph: Any, folder: pathlib.Path) -> list[StoredConvolution]:
    nodes, tensors = list(_nodes(graph, 0)), dict(_tensors(graph))
    makers = {output: node for node in nodes for output in node.output if node.op_type != "Constant"}
    ordered = in_order(_operations(nodes))
    stage, pointwise = stages(ordered), _pointwise_parts(nodes, tensors, makers)
    found: dict[str, StoredConvolution] = {}
    for operation in ordered:
        node = nodes[int(operation.name)]
        kernel = _source(node, makers)
        if operation.convolves and kernel in tensors and kernel not in (*found, *pointwise.values()):
            found[kernel] = _stored(node, tensors[kernel], stage[operation.name], kernel in pointwise, folder)
    return list(found.values())


def _nodes(graph: Any, depth: int) -> Iterator[Any]:
    """Yields the nodes of a graph, those of the branches and loops in it included."""
    if depth > DEEPEST:
        raise ModelFileError(f"at most {DEEPEST} graphs may lie inside each other. Received more.")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g, depth + 1)
        yield node


def _tensors(graph: Any) -> Iterator[tuple[str, Any]]:
    """Yields the constants of a graph by name: initialisers and Constant nodes, those of inner graphs too."""
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for node in _nodes(graph, 0):
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("t") and node.output:
                yield node.output[0], attribute.t
            yield from ((tensor.name, tensor) for tensor in attribute.g.initializer)


def _operations(nodes: Sequence[Any]) -> list[Operation]:
    """Returns a node each, named by its position."""
    places = {output: f"{n}" for n, node in enumerate(nodes) for output in node.output}
    return [
        Operation(
            f"{n}",
            tuple(places[name] for name in _read(node) if name in places),
            1 if node.op_type == "ConvTranspose" else _stride(node),
            node.op_type in _REFINES or (node.op_type == "ConvTranspose" and _stride(node) > 1),
            node.op_type in CONVOLUTIONS,
        )
        for n, node in enumerate(nodes)
    ]


def _read(node: Any) -> Iterator[str]:
    """Yields the tensors that a node reads, the results of its branches among them; not the kernel."""
    yield from (name for n, name in enumerate(node.input) if n != 1 or node.op_type not in CONVOLUTIONS)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield from (output.name for output in attribute.g.output)


def _stride(node: Any) -> int:
    return max([1, *_integers(node, "strides")]) if node.op_type in (*_POOLS, *CONVOLUTIONS) else 1


def _integers(node: Any, name: str) -> list[int]:
    return [n for one in node.attribute if one.name == name for n in (list(one.ints) or [one.i])]


def _source(node: Any, makers: Mapping[str, Any]) -> str:
    """Returns the name of the constant that a convolution's kernel is, through copies of it."""
    name = node.input[1] if len(node.input) > 1 else ""
    for _ in range(DEEPEST):
        maker = makers.get(name)
        if maker is None or maker.op_type not in _COPIES or not maker.input:
            return name
        name = maker.input[0]
    return name


def _pointwise_parts(nodes: Sequence[Any], tensors: Mapping[str, Any], makers: Mapping[str, Any]) -> dict[str, str]:
    """Returns the 1x1 kernel of each depthwise one that nothing separates from it, not even a bias."""
    parts = {}
    for node in nodes:
        before, kernel = makers.get(node.input[0]) if node.input else None, _source(node, makers)
        if before is None or {node.op_type, before.op_type} != {"Conv"} or any(before.input[2:3]):
            continue
        depthwise = _source(before, makers)
        if kernel in tensors and depthwise in tensors and _is_depthwise(before, tensors[depthwise]):
            if set(tensors[kernel].dims[2:]) == {1} and _groups(node) == 1:
                parts[depthwise] = kernel
    return parts


def _groups(node: Any) -> int:
    return max([1, *_integers(node, "group")])


def _is_depthwise(node: Any, tensor: Any) -> bool:
    return node.op_type == "Conv" and _groups(node) > 1 and list(tensor.dims[1:2]) == [1]


def _stored(node: Any, tensor: Any, stage: str, separable: bool, folder: pathlib.Path) -> StoredConvolution:
    groups = _groups(node)
    load = functools.partial(_kernel, tensor, folder, groups, node.op_type)
    if node.op_type == "ConvTranspose":
        kind = "transposed"
    elif _is_depthwise(node, tensor):
        kind, groups, load = "separable" if separable else "depthwise", 1, functools.partial(load, depthwise=True)
    else:
        kind = "dilated" if max([1, *_integers(node, "dilations")]) > 1 else "full"
    return StoredConvolution(_name(node, tensor), kind, stage, load, groups)


def _name(node: Any, tensor: Any) -> str:
    """Returns the name of a layer: of a torch parameter "NAME.weight", or of the node "NAME/Conv2D"."""
    if tensor.name.endswith(".weight"):
        return tensor.name.removesuffix(".weight")
    scope = re.sub(r"^(StatefulPartitionedCall/)+", "", node.name)
    return re.sub(r"/(separable_conv2d/depthwise|depthwise|\w*[Cc]onv\w*)$", "", scope) or tensor.name


def _kernel(tensor: Any, folder: pathlib.Path, groups: int, op_type: str, depthwise: bool = False) -> np.ndarray:
    """Returns a kernel as (*spatial, input, output); ONNX has (output, input, *spatial), of transposed ones in turn."""
    values = _values(tensor, folder)
    first, second, *spatial = values.shape
    if op_type == "ConvTranspose":
        values = values.reshape(groups, first // groups, second, *spatial).swapaxes(1, 2)
        values = values.reshape(groups * second, first // groups, *spatial)
    if depthwise:
        return np.moveaxis(values.reshape(groups, first // groups, *spatial), (0, 1), (-2, -1))
    return np.moveaxis(values, (0, 1), (-1, -2))


def _values(tensor: Any, folder: pathlib.Path) -> np.ndarray:
    from onnx import TensorProto, helper, numpy_helper

    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if len(tensor.dims) < 3:
        raise ModelFileError(f"kernel {tensor.name!r} must have 3 axes or more. Received shape {tuple(tensor.dims)}.")
    if tensor.data_location != TensorProto.EXTERNAL:
        check_size(tensor.name, tensor.dims, dtype.itemsize, LARGEST_ARRAY)
        return numpy_helper.to_array(tensor)
    where = {entry.key: entry.value for entry in tensor.external_data}
    path, offset = inside(folder, where.get("location", "")), int(where.get("offset", 0))
    size = check_size(tensor.name, tensor.dims, dtype.itemsize, path.stat().st_size - offset)
    if offset < 0:
        raise ModelFileError(f"kernel {tensor.name!r} must begin inside its file. Received offset {offset}.")
    with path.open("rb") as stream:
        stream.seek(offset)
        return np.frombuffer(stream.read(size), dtype).reshape(tuple(tensor.dims))
