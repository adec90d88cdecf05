"""Convolutions of a SavedModel folder: names and order from its graphs, weights from its checkpoint; nothing is run."""

import contextlib
import pathlib
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from tensorflow.core.protobuf import saved_model_pb2

from lsn_tf.analysis.formats.checkpoint import Checkpoint
from lsn_tf.analysis.formats.function_graph import VARIABLES, FunctionGraph
from lsn_tf.analysis.formats.keras_config import kind_of
from lsn_tf.analysis.formats.object_graph import Variable, variables
from lsn_tf.analysis.formats.stages import in_order, stages
from lsn_tf.analysis.formats.stored import ModelFileError, StoredConvolution, inside, is_square

LARGEST_GRAPH = 2**29  # bytes of saved_model.pb
_FIRST = "serving_default"


@contextlib.contextmanager
def open_saved_model(folder: pathlib.Path) -> Iterator[Sequence[StoredConvolution]]:
    """Gives the convolutions of a SavedModel, written by Keras 2 or 3, `tf.saved_model.save`, or TensorFlow 1.

    First those that a signature or else another function applies, in the order of the data; then variables shaped like
    kernels that no convolution applies, as a network may use them in its own way.
    """
    path = inside(folder, "saved_model.pb")
    if path.stat().st_size > LARGEST_GRAPH:
        raise ModelFileError(f"saved_model.pb must have at most {LARGEST_GRAPH} bytes. Received {path.stat().st_size}.")
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    if not saved.meta_graphs:
        raise ModelFileError("a SavedModel must have a graph. Received none.")
    checkpoint = Checkpoint(folder)
    yield list(_convolutions(saved.meta_graphs[0], checkpoint).values())


def _convolutions(graph: Any, checkpoint: Checkpoint) -> dict[str, StoredConvolution]:
    """Returns the convolutions by the key of their kernel."""
    if not graph.object_graph_def.nodes:
        return _Applied(checkpoint).add(_session_graph(graph.graph_def, checkpoint)).found
    known = variables(graph.object_graph_def, checkpoint.object_graph())
    functions = {one.signature.name: one for one in graph.graph_def.library.function}
    applied = _Applied(checkpoint)
    for function, bound in _functions(graph.object_graph_def):
        kernels = {known[node].key for node in bound if node in known and len(known[node].shape) > 2}
        if not kernels <= applied.seen:  # most functions are signatures of one model
            flat = FunctionGraph(functions)
            captured = [flat.add_variable(f"bound {n}", known.get(node)) for n, node in enumerate(bound)]
            flat.add_function(function, captured, "")
            applied.add(flat)
    for variable in known.values():
        if variable.key not in applied.seen and is_square(variable.shape):
            applied.found[variable.key] = _stored(variable, variable.layer, kind_of(variable.layer, {}), "", checkpoint)
    return applied.found


def _functions(objects: Any) -> Iterator[tuple[str, Sequence[int]]]:
    """Yields the functions and the nodes that they are bound to, the signatures first."""
    signatures = [
        (child.local_name != _FIRST, child.node_id)
        for node in objects.nodes
        if node.user_object.identifier == "signature_map"
        for child in node.children
    ]
    numbers = [number for _, number in sorted(signatures)] + list(range(len(objects.nodes)))
    for name in dict.fromkeys(
        objects.nodes[number].bare_concrete_function.concrete_function_name for number in numbers
    ):
        if name in objects.concrete_functions:
            yield name, list(objects.concrete_functions[name].bound_inputs)
    for name in sorted(objects.concrete_functions.keys()):
        yield name, list(objects.concrete_functions[name].bound_inputs)


def _session_graph(graph: Any, checkpoint: Checkpoint) -> FunctionGraph:
    """Returns the graph that a session of TensorFlow 1 runs; there variables are nodes, and their name is the key."""
    flat = FunctionGraph({one.signature.name: one for one in graph.library.function})
    flat.add_nodes(graph.node, "")
    for name, node in flat.nodes.items():
        key = node.attr["shared_name"].s.decode() if "shared_name" in node.attr else ""
        key = key or name
        if flat.op(name) in VARIABLES and key in checkpoint:
            layer, _, word = key.rpartition("/")
            flat.variables[name] = Variable(layer or word, word, checkpoint.shape(key), key)
    return flat


class _Applied:
    """The convolutions that functions apply, by the key of their kernel, the first use of each.

    Attributes:
        found: the convolutions.
        seen: the keys of all kernels that are applied, 1x1 parts of separable convolutions included.
    """

    def __init__(self, checkpoint: Checkpoint):
        self._checkpoint = checkpoint
        self.found: dict[str, StoredConvolution] = {}
        self.seen: set[str] = set()

    def add(self, graph: FunctionGraph) -> "_Applied":
        ordered = in_order(list(graph.operations()))
        stage = stages(ordered)
        depthwise: dict[str, tuple[Variable, str]] = {}
        for name in (operation.name for operation in ordered if operation.convolves):
            variable = graph.variables.get(graph.kernel(name))
            if variable is None or variable.key in self.seen:
                continue
            self.seen.add(variable.key)
            kind, layer = _kind(graph, name), _layer_name(name, variable)
            if kind == "depthwise":
                depthwise[variable.layer] = variable, name
            if set(variable.shape[:-2]) == {1} and variable.layer in depthwise:  # the 1x1 part of a separable one
                variable, name = depthwise[variable.layer]
                kind = "separable"
            self.found[variable.key] = _stored(variable, layer, kind, stage[name], self._checkpoint)
        return self


def _kind(graph: FunctionGraph, name: str) -> str:
    if "Backprop" in graph.op(name):
        return "transposed"
    if "Depthwise" in graph.op(name):
        return "depthwise"
    return "dilated" if graph.is_dilated(name) else "full"


def _layer_name(operation: str, variable: Variable) -> str:
    """Returns the name of a layer with those of the models around it.

    The variables of Keras 2 do not know the latter, but operations do: "model/inner/conv/Conv2D" of "conv/kernel".
    Those of a Sequential of Keras 3 know the whole network too: "model_1/conv_1/convolution" of "model/conv/kernel".
    """
    scope, layer = operation.rpartition("|")[2].split("/"), variable.layer.split("/")
    for place in range(1, len(scope) - len(layer) + 1):
        repeated = re.fullmatch(rf"{re.escape(layer[0])}_\d+", scope[place - 1])  # Keras 3 numbers its scopes
        if scope[place : place + len(layer)] == layer and not repeated:
            return "/".join(scope[1 : place + len(layer)])
    unnumbered = [re.sub(r"_\d+$", "", part) for part in scope]
    if len(layer) > 1 and unnumbered[: len(layer)] == [re.sub(r"_\d+$", "", part) for part in layer]:
        return "/".join(layer[1:])
    return variable.layer


def _stored(variable: Variable, layer: str, kind: str, stage: str, checkpoint: Checkpoint) -> StoredConvolution:
    return StoredConvolution(layer, kind or "full", stage, partial(_kernel, checkpoint, variable.key, kind))


def _kernel(checkpoint: Checkpoint, key: str, kind: str) -> np.ndarray:
    values = checkpoint.read(key)
    return values.swapaxes(-1, -2) if kind == "transposed" else values
