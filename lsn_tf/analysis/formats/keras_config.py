"""The layers that a Keras configuration describes: data in JSON, of which no class is looked up."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from lsn_tf.analysis.formats.stages import Operation
from lsn_tf.analysis.formats.stored import ModelFileError

DEEPEST = 32  # models inside each other


@dataclasses.dataclass(frozen=True)
class KerasLayer:
    """A layer as its configuration describes it.

    Attributes:
        name: its own, without those of the models around it.
        class_name: of the class.
        settings: the arguments of its constructor.
        inputs: names of the layers that it reads, in the same model.
        children: its own layers in the order of the graph, if it is a model or a wrapper.
        outputs: names of those children that are its outputs.
    """

    name: str
    class_name: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...] = ()
    children: tuple["KerasLayer", ...] = ()
    outputs: tuple[str, ...] = ()

    def at(self, path: str) -> "KerasLayer | None":
        """Returns the layer of a path of names, None if there is none."""
        if not path:
            return self
        inner = (child for child in self.children if path == child.name or path.startswith(f"{child.name}/"))
        return next((found for child in inner if (found := child.at(path[len(child.name) + 1 :]))), None)

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Yields the paths of all layers in it, in the order of the graph."""
        for child in self.children:
            yield f"{prefix}{child.name}"
            yield from child.paths(f"{prefix}{child.name}/")


def parse_config(text: str | bytes) -> KerasLayer:
    """Returns the model of a configuration, of Keras 2 or 3.

    Raises:
        ModelFileError: if it is not JSON, or not the configuration of a layer.
    """
    return _layer(json.loads(text), 0)


def _layer(description: Any, depth: int) -> KerasLayer:
    if not isinstance(description, dict) or depth > DEEPEST:
        raise ModelFileError(f"the configuration of a layer must be a dictionary. Received {str(description)[:40]!r}.")
    settings = description.get("config")
    if isinstance(settings, list):  # Sequential of Keras 2.2 and before
        settings = {"layers": settings}
    settings = settings if isinstance(settings, dict) else {}
    name = str(description.get("name") or settings.get("name") or "")
    inner = settings.get("layers", [settings[key] for key in ("layer", "forward_layer") if key in settings])
    inner = [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
    children = tuple(_layer(one, depth + 1) for one in inner)
    class_name = str(description.get("class_name", ""))
    return KerasLayer(
        name,
        class_name,
        settings,
        tuple(dict.fromkeys(_sources(description.get("inbound_nodes"), 0))),
        children if "output_layers" in settings else _chain(children),
        tuple(dict.fromkeys(_sources(settings.get("output_layers"), 0))) or tuple(one.name for one in children[-1:]),
    )


def _chain(children: tuple[KerasLayer, ...]) -> tuple[KerasLayer, ...]:
    """Lets each layer of a Sequential read the one before it."""
    before = ((), *((child.name,) for child in children))
    return tuple(
        child if child.inputs else dataclasses.replace(child, inputs=inputs)
        for child, inputs in zip(children, before, strict=False)
    )


def _sources(value: Any, depth: int) -> Iterator[str]:
    """Yields the layers that inbound nodes or outputs mention: [name, node, tensor], or a history of that form."""
    if depth > DEEPEST:
        raise ModelFileError("inbound nodes of a layer must be lists of tensors. Received deeper ones.")
    if isinstance(value, dict):
        yield from _sources(list(value.values()), depth + 1)
    elif isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str) and all(isinstance(number, int) for number in value[1:3]):
            yield value[0]
            value = value[3:]
        for one in value:
            yield from _sources(one, depth + 1)


def groups_of(layer: KerasLayer | None) -> int:
    """Returns the number of groups of a convolution's channels, 1 if it is not given."""
    groups = layer.settings.get("groups") if layer else None
    return groups if isinstance(groups, int) and groups > 0 else 1


def kind_of(class_name: str, settings: Mapping[str, Any]) -> str:
    """Returns the kind of a convolution, "" of another layer.

    Args:
        class_name: of the class, or as a weights file has it: "SeparableConv2D", "separable_conv2d_1".
        settings: of the layer; only its dilation counts.
    """
    word = class_name.lower().replace("_", "")
    if not any(part in word for part in ("conv1d", "conv2d", "conv3d", "convolution")) or "lstm" in word:
        return ""
    for kind in ("separable", "depthwise"):
        if word.startswith(kind):
            return kind
    if "transpose" in word or word.startswith("deconv"):
        return "transposed"
    return "dilated" if _largest(settings.get("dilation_rate", settings.get("atrous_rate"))) > 1 else "full"


def operations(model: KerasLayer, prefix: str = "", inputs: tuple[str, ...] = ()) -> Iterator[Operation]:
    """Yields a model's layers and those of the models in it, named by their paths; a model follows its layers."""
    for child in model.children:
        name = f"{prefix}{child.name}"
        read = tuple(prefix + source for source in child.inputs) or inputs
        if child.children:
            yield from operations(child, f"{name}/", read)
            yield Operation(name, tuple(f"{name}/{output}" for output in child.outputs))
        else:
            yield _operation(name, read, child)


def _operation(name: str, inputs: tuple[str, ...], layer: KerasLayer) -> Operation:
    kind, pools = kind_of(layer.class_name, layer.settings), "Pooling" in layer.class_name
    stride = _largest(layer.settings.get("strides") or (layer.settings.get("pool_size") if pools else None))
    refines = "UpSampling" in layer.class_name or (kind == "transposed" and stride > 1)
    coarsens = (kind or pools) and not refines and "Global" not in layer.class_name
    return Operation(name, inputs, stride if coarsens else 1, refines, bool(kind))


def _largest(value: Any) -> int:
    """Returns the largest of one number or several, 1 where there is none."""
    numbers = [number for number in (value if isinstance(value, list) else [value]) if isinstance(number, int)]
    return max([1, *(number for number in numbers if number < math.inf)])
