"""Weights of Keras 3, in a `.weights.h5` or an archive: kept by position, under the class of their layer."""

import heapq
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lsn_tf.analysis.formats.hdf5 import Array, Group
from lsn_tf.analysis.formats.keras_config import KerasLayer, groups_of, kind_of, operations
from lsn_tf.analysis.formats.stages import in_order, stages
from lsn_tf.analysis.formats.stored import StoredConvolution, is_square

VARIABLES, LAYERS = "vars", ("layers", "_layer_checkpoint_dependencies")
NOT_WEIGHTS = ("optimizer", "_optimizer", "metrics", "compile_metrics", "_metrics", "seed_generator")
Found = tuple[str, str, KerasLayer | None, Array]  # path of the layer, class, description, kernel


def positional_convolutions(root: Group, model: KerasLayer | None) -> list[StoredConvolution]:
    """Returns the convolutions of a Keras 3 weights file.

    Layers follow the configuration where there is one for them, otherwise their place in the file.

    Args:
        root: of the file.
        model: its configuration, if known.
    """
    found = list(_in_layer(root, model, "", ""))
    stage = stages(in_order(list(operations(model)))) if model else {}
    return [_stored(*one, stage) for one in found]


def _stored(
    path: str, word: str, layer: KerasLayer | None, kernel: Array, stage: Mapping[str, str]
) -> StoredConvolution:
    kind = kind_of(word, layer.settings if layer else {}) or "full"

    def load():
        values = kernel.read()
        return values.swapaxes(-1, -2) if kind == "transposed" else values

    return StoredConvolution(path, kind, stage.get(path, ""), load, groups_of(layer))


def _in_layer(group: Group, layer: KerasLayer | None, word: str, path: str) -> Iterator[Found]:
    """Yields the kernels of a layer and of the layers in it."""
    groups = group.groups()
    if VARIABLES in groups:
        for kernel in _kernels(groups[VARIABLES], word):
            yield path, word, layer, kernel
    container = next((groups[name] for name in LAYERS if name in groups), None)
    if container is not None:
        yield from _in_container(container, layer.children if layer else (), path)
    inner = {name: one for name, one in groups.items() if name not in (VARIABLES, *LAYERS, *NOT_WEIGHTS)}
    for part in _by_place(
        [list(_in_layer(one, _wrapped(layer, name), _word(layer, name), _join(path, _name(one, layer, name))))]
        for name, one in inner.items()
    ):
        yield from part


def _in_container(container: Group, children: Sequence[KerasLayer], path: str) -> Iterator[Found]:
    """Yields the kernels of the layers of a model."""
    groups = container.groups()
    described = {key: child for key, child in zip(_keys(children), children, strict=True) if key in groups}
    for key, child in described.items():
        yield from _in_layer(groups[key], child, child.class_name, _join(path, child.name))
    others = sorted(groups.keys() - described.keys(), key=_class_and_number)
    for part in _by_place(
        [list(_in_layer(groups[key], None, key, _join(path, _own_name(groups[key]) or key))) for key in keys]
        for _, keys in itertools.groupby(others, key=lambda key: _class_and_number(key)[0])
    ):
        yield from part


def _by_place(classes: Iterable[list[list[Found]]]) -> Iterator[list[Found]]:
    """Merges the layers of each class, whose numbers are their order, by their places in the file."""
    queues = [[part for part in parts if part] for parts in classes]
    yield from heapq.merge(*queues, key=lambda part: part[0][-1].place)


def _class_and_number(key: str) -> tuple[str, int]:
    """Returns ("conv2d", 3) of "conv2d_3"."""
    word, _, number = key.rpartition("_")
    return (word, int(number)) if word and number.isdecimal() else (key, 0)


def _kernels(variables: Group, word: str) -> list[Array]:
    arrays = variables.arrays()
    if kind_of(word, {}):
        return [arrays["0"]] if "0" in arrays and len(arrays["0"].shape) > 2 else []
    return [array for _, array in sorted(arrays.items(), key=_number) if is_square(array.shape)]


def _number(item: tuple[str, Array]) -> tuple[int, str]:
    return int(item[0]) if item[0].isdecimal() else 0, item[0]


def _keys(children: Sequence[KerasLayer]) -> list[str]:
    """Returns the names of the layers of a model in the file: class_name, class_name_1, ..."""
    times: dict[str, int] = {}
    keys = []
    for child in children:
        word = _snake(child.class_name)
        keys.append(f"{word}_{times[word]}" if word in times else word)
        times[word] = times.get(word, 0) + 1
    return keys


def _snake(class_name: str) -> str:
    """Returns the word that Keras makes of the name of a class: SeparableConv2D, separable_conv2d."""
    word = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", word).lower()


def _wrapped(layer: KerasLayer | None, attribute: str) -> KerasLayer | None:
    """Returns the description of the layer in a wrapper."""
    return layer.children[0] if layer and layer.children and attribute in ("layer", "forward_layer") else None


def _word(layer: KerasLayer | None, attribute: str) -> str:
    wrapped = _wrapped(layer, attribute)
    return wrapped.class_name if wrapped else attribute


def _name(group: Group, layer: KerasLayer | None, attribute: str) -> str:
    wrapped = _wrapped(layer, attribute)
    return wrapped.name if wrapped else _own_name(group) or attribute


def _own_name(group: Group) -> str:
    """Returns the name of a layer, which recent versions of Keras write beside its weights, "" if it is not there."""
    return group.group(VARIABLES).text("name") if VARIABLES in group else ""


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
