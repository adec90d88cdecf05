"""The objects of a SavedModel: the name of each variable, and under which key the checkpoint keeps it."""

import dataclasses
from collections.abc import Iterator
from typing import Any

_COPIES = ("_all_variables",)  # of the variables of an export by Keras 3
_LISTS = ("variables", "trainable_variables", "non_trainable_variables", "keras_api")
_OPTIMIZERS = ("optimizer", "experimentalOptimizer")


@dataclasses.dataclass(frozen=True)
class Variable:
    """A variable of a SavedModel.

    Attributes:
        layer: the name of what it belongs to.
        word: its own name, e.g. "kernel".
        shape: its shape.
        key: where the checkpoint keeps it.
    """

    layer: str
    word: str
    shape: tuple[int, ...]
    key: str


def variables(saved: Any, checkpointed: Any) -> dict[int, Variable]:
    """Returns the variables by node, in the order of the objects; without an optimizer's and without copies.

    Args:
        saved: the SavedObjectGraph of a SavedModel.
        checkpointed: the TrackableObjectGraph of its checkpoint. Its nodes have other numbers, but equal paths.
    """
    found: dict[int, Variable] = {}
    names: set[tuple[str, tuple[int, ...]]] = set()
    for node, path, twin in _walk(saved, checkpointed):
        proto = saved.nodes[node].variable
        shape = tuple(dimension.size for dimension in proto.shape.dim)
        keys = [attribute.checkpoint_key for attribute in checkpointed.nodes[twin].attributes]
        copy = path[0] in _COPIES and (proto.name, shape) in names
        if keys and not copy:
            names.add((proto.name, shape))
            found[node] = Variable(*_names(proto.name, path), shape, keys[0])
    return found


def _names(name: str, path: tuple[str, ...]) -> tuple[str, str]:
    """Returns layer and word of a variable, by its name, or by its place where the name says no layer."""
    layer, _, word = name.partition(":")[0].rpartition("/")
    if layer:
        return layer, word
    place = [part for part in path if part not in _LISTS]
    return "/".join(place[:-1] or place), place[-1] if place else word


def _walk(saved: Any, checkpointed: Any) -> Iterator[tuple[int, tuple[str, ...], int]]:
    """Yields node, path and node of the checkpoint of each variable, depth first, lists of variables last."""
    waiting, seen = [(0, (), 0)], {0}
    while waiting:
        node, path, twin = waiting.pop()
        if saved.nodes[node].HasField("variable") and path:
            yield node, path, twin
        twins = {child.local_name: child.node_id for child in checkpointed.nodes[twin].children}
        children = sorted(saved.nodes[node].children, key=_lists_last)
        for child in reversed(children):
            name, number = child.local_name, child.node_id
            if number not in seen and name in twins and not _is_optimizer(saved.nodes[number], name):
                waiting.append((number, (*path, name), twins[name]))
        seen.update(child.node_id for child in children)


def _lists_last(child: Any) -> int:
    return 2 if child.local_name in _COPIES else int(child.local_name in _LISTS)


def _is_optimizer(node: Any, name: str) -> bool:
    return name in ("optimizer", "_optimizer") or (
        node.HasField("user_object") and node.user_object.identifier in _OPTIMIZERS
    )
