"""The graph of a SavedModel with its function calls resolved: which operation reads which, and which variable."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lsn_tf.analysis.formats.stages import Operation
from lsn_tf.analysis.formats.stored import ModelFileError

MOST_NODES = 300_000
DEEPEST = 64  # calls inside each other
_CALLS = ("f", "body", "then_branch", "else_branch")
_SKIPPED_INPUTS = {"If": 1, "StatelessIf": 1, "Case": 1, "StatelessCase": 1}  # what they choose a branch by
_COPIES = ("Identity", "ReadVariableOp", "Cast", "StopGradient", "ExpandDims", "Enter", "argument")
VARIABLES = ("variable", "VarHandleOp", "VariableV2", "Variable")
_REFINES = ("ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic", "DepthToSpace")
_POOLS = ("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D", "MaxPoolV2")
CONVOLUTIONS = {  # which of their inputs is the kernel, which the image
    "Conv2D": (1, 0),
    "Conv3D": (1, 0),
    "Conv": (1, 0),
    "DepthwiseConv2dNative": (1, 0),
    "Conv2DBackpropInput": (1, 2),
    "Conv3DBackpropInputV2": (1, 2),
}


class FunctionGraph:
    """The nodes of a graph and of all functions that it calls, named by the path of calls.

    Args:
        functions: of the SavedModel, by name.

    Attributes:
        nodes: by name.
        inputs: of each node, names.
    """

    def __init__(self, functions: Mapping[str, Any]):
        self._functions = functions
        self.nodes: dict[str, Any] = {}
        self.inputs: dict[str, tuple[str, ...]] = {}
        self.variables: dict[str, Any] = {}
        self._op: dict[str, str] = {}

    def add_variable(self, name: str, variable: Any) -> str:
        """Adds what an argument of a function is bound to."""
        self._op[name], self.inputs[name], self.variables[name] = "variable", (), variable
        return name

    def add_function(self, function: str, arguments: Sequence[str], scope: str) -> list[str]:
        """Adds the body of a function and what it calls; returns the names of its results."""
        definition = self._functions.get(function)
        if definition is None:
            return []
        given = [argument.name for argument in definition.signature.input_arg]
        missing = [""] * (len(given) - len(arguments))
        for name, source in zip(given, [*missing, *arguments], strict=False):
            self._add(scope + name, "argument", (source,) if source else (), None)
        self.add_nodes(definition.node_def, scope)
        return [scope + result.split(":")[0] for result in definition.ret.values()]

    def add_nodes(self, nodes: Sequence[Any], scope: str) -> None:
        """Adds nodes whose inputs are named within the scope."""
        if scope.count("|") > DEEPEST:
            raise ModelFileError(f"functions must call each other at most {DEEPEST} deep. Received more.")
        for node in nodes:
            inputs = tuple(scope + name.split(":")[0] for name in node.input if not name.startswith("^"))
            results = [
                result
                for called in _called(node)
                for result in self.add_function(
                    called, inputs[_SKIPPED_INPUTS.get(node.op, 0) :], f"{scope}{node.name}>{called}|"
                )
            ]
            self._add(scope + node.name, node.op, (*inputs, *results), node)

    def _add(self, name: str, op: str, inputs: tuple[str, ...], node: Any) -> None:
        if len(self._op) >= MOST_NODES:
            raise ModelFileError(f"the graph must have at most {MOST_NODES} nodes. Received more.")
        self._op[name], self.inputs[name] = op, inputs
        if node is not None:
            self.nodes[name] = node

    def op(self, name: str) -> str:
        return self._op.get(name, "")

    def operations(self) -> Iterator[Operation]:
        for name, op in self._op.items():
            stride = self._stride(name) if op in CONVOLUTIONS or op in _POOLS else 1
            transposed = "Backprop" in op and op in CONVOLUTIONS
            refines = op in _REFINES or (transposed and stride > 1) or self._repeats(name)
            read = self.inputs[name]
            if op in CONVOLUTIONS:
                read = read[CONVOLUTIONS[op][1] :][:1]
            yield Operation(name, read, 1 if transposed else stride, refines, op in CONVOLUTIONS)

    def _repeats(self, name: str) -> bool:
        """Tells whether a node repeats pixels, as upsampling to the nearest neighbour does: a tile along a new axis."""
        return self.op(name) == "Tile" and any(self.op(one) == "ExpandDims" for one in self.inputs[name][:1])

    def _stride(self, name: str) -> int:
        return max([1, *self.integers(name, "strides")])

    def integers(self, name: str, attribute: str) -> list[int]:
        """Returns an attribute of a node that is a list of integers, empty if it has none."""
        attributes = self.nodes[name].attr
        return list(attributes[attribute].list.i) if attribute in attributes else []

    def kernel(self, name: str) -> str:
        """Returns the variable that is the kernel of a convolution, "" if it is a constant or computed."""
        place = CONVOLUTIONS[self.op(name)][0]
        source = self.inputs[name][place] if len(self.inputs[name]) > place else ""
        for _ in range(4 * DEEPEST):
            if self.op(source) in VARIABLES:
                return source
            if self.op(source) not in _COPIES or not self.inputs[source]:
                return ""
            source = self.inputs[source][0]
        return ""

    def is_dilated(self, name: str) -> bool:
        """Tells whether a convolution is dilated, by its attribute or by the reshaping of its input."""
        image = self.inputs[name][CONVOLUTIONS[self.op(name)][1] :][:1]
        return max([1, *self.integers(name, "dilations")]) > 1 or any(self.op(one) == "SpaceToBatchND" for one in image)


def _called(node: Any) -> list[str]:
    called = [node.attr[name].func.name for name in _CALLS if name in node.attr]
    called += [function.name for function in node.attr["branches"].list.func] if "branches" in node.attr else []
    return [name for name in called if name]
