"""Encoder, bottom and decoder of a network, told from the flow of its data or else from the names of its layers."""

import dataclasses
import heapq
import re
from collections.abc import Iterable, Mapping, Sequence

_NAMED = {"encoder": r"encoder", "bottom": r"bottom|bottleneck|bridge", "decoder": r"decoder"}


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """A node of a network.

    Attributes:
        name: unique in the network.
        inputs: names of the nodes that it reads.
        stride: by how much it makes the grid coarser; 1 for none.
        refines: whether it makes the grid finer.
        convolves: whether it is a convolution.
    """

    name: str
    inputs: tuple[str, ...]
    stride: int = 1
    refines: bool = False
    convolves: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class _Flow:
    """What has happened to the data on its way to a node."""

    coarseness: int = 1
    convolved: bool = False
    refined: bool = False


def in_order(operations: Sequence[Operation]) -> list[Operation]:
    """Returns the operations so that each follows its inputs; else, and in cycles, they keep their order."""
    index = {operation.name: n for n, operation in enumerate(operations)}
    waiting = [{index[name] for name in operation.inputs if name in index} for operation in operations]
    readers: dict[int, list[int]] = {}
    for n, inputs in enumerate(waiting):
        for other in inputs:
            readers.setdefault(other, []).append(n)
    missing = [len(inputs) for inputs in waiting]
    ready, ordered = [n for n, count in enumerate(missing) if not count], []
    while ready:
        n = heapq.heappop(ready)
        ordered.append(n)
        for reader in readers.get(n, ()):
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    reached = set(ordered)
    return [operations[n] for n in ordered + [n for n in range(len(operations)) if n not in reached]]


def stages(operations: Iterable[Operation]) -> Mapping[str, str]:
    """Returns the stage of each convolution, "" for all where the grid does not go down and up again.

    What follows a refinement of the grid is the decoder, what convolves the coarsest grid before is the bottom.
    A refinement before the first convolution is preprocessing.

    Args:
        operations: in an order in which each follows its inputs, see `in_order`.
    """
    flows: dict[str, _Flow] = {}
    seen: dict[str, _Flow] = {}
    for operation in operations:
        flow = _joined([flows[name] for name in operation.inputs if name in flows])
        after = _Flow(
            flow.coarseness * operation.stride,
            flow.convolved or operation.convolves,
            flow.refined or (operation.refines and (flow.convolved or operation.convolves)),
        )
        flows[operation.name] = after
        if operation.convolves:
            seen[operation.name] = dataclasses.replace(after, coarseness=flow.coarseness)
    coarsest = max((flow.coarseness for flow in seen.values() if not flow.refined), default=1)
    if coarsest == 1 or not any(flow.refined for flow in flows.values()):
        return dict.fromkeys(seen, "")
    return {
        name: "decoder" if flow.refined else "bottom" if flow.coarseness == coarsest else "encoder"
        for name, flow in seen.items()
    }


def _joined(flows: Sequence[_Flow]) -> _Flow:
    return _Flow(
        max((flow.coarseness for flow in flows), default=1),
        any(flow.convolved for flow in flows),
        any(flow.refined for flow in flows),
    )


def stages_by_name(names: Sequence[str]) -> list[str]:
    """Returns the stage that each name mentions, "" for all unless both an encoder and a decoder are mentioned."""
    told = [next((stage for stage, words in _NAMED.items() if re.search(words, name.lower())), "") for name in names]
    return told if {"encoder", "decoder"} <= set(told) else [""] * len(told)
