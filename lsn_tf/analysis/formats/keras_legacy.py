"""Weights as Keras 2 keeps them in HDF5, and Keras 3 in its `.h5`: under the names of layers and weights."""

from collections.abc import Mapping, Sequence

from lsn_tf.analysis.formats.hdf5 import Group
from lsn_tf.analysis.formats.keras_config import KerasLayer, groups_of, kind_of, operations
from lsn_tf.analysis.formats.stages import in_order, stages
from lsn_tf.analysis.formats.stored import StoredConvolution, is_square


def named_convolutions(weights: Group, model: KerasLayer | None) -> list[StoredConvolution]:
    """Returns the convolutions under the attributes layer_names and weight_names.

    In the order of the configuration; without one, and of layers that are not in it, in the order of the attributes.

    Args:
        weights: the root of a weights file, "model_weights" in that of a whole model.
        model: its configuration, if known.
    """
    stage = stages(in_order(list(operations(model)))) if model else {}
    rank = {path: n for n, path in enumerate(model.paths() if model else ())}
    found = []
    for top in weights.texts("layer_names"):
        group = weights.group(top)
        weight_names = group.texts("weight_names")
        for weight in weight_names:
            path = _described(_layer_path(top, weight), top, rank)
            layer = model.at(path) if model else None
            if _is_kernel(weight, group, layer):
                found.append(_stored(path, weight, group, layer, weight_names, stage))
    last = len(rank)
    return sorted(found, key=lambda stored: rank.get(stored.name, last)) if model else found


def _layer_path(top: str, weight: str) -> str:
    """Returns the layer of a weight.

    Keras 2 leaves the models around a layer out of "layer/kernel:0"; in a Sequential Keras 3 has the whole network too,
    "network/layer/kernel".
    """
    path = weight.rpartition("/")[0]
    if not path:
        return top
    _, found, within = f"/{path}/".partition(f"/{top}/")
    return f"{top}/{within}".rstrip("/") if found else f"{top}/{path}"


def _described(path: str, top: str, paths: Mapping[str, int]) -> str:
    """Returns the path in the configuration: of models in models, Keras 2 names the innermost layer alone."""
    if path in paths:
        return path
    last = path.removeprefix(f"{top}/")
    if last == top in paths:  # the network has the name of its layer
        return top
    within = [one for one in paths if one.startswith(f"{top}/") and one.endswith(f"/{last}")]
    return within[0] if len(within) == 1 else path


def _is_kernel(weight: str, group: Group, layer: KerasLayer | None) -> bool:
    word = _last(weight)
    if word.startswith(("pointwise", "recurrent")):
        return False
    if layer is not None and kind_of(layer.class_name, layer.settings):
        return word.endswith(("kernel", "W"))
    shape = group.array(weight).shape
    return is_square(shape) or (word.endswith("kernel") and len(shape) > 2)


def _stored(
    path: str, weight: str, group: Group, layer: KerasLayer | None, siblings: Sequence[str], stage: Mapping[str, str]
) -> StoredConvolution:
    kernel = group.array(weight)
    kind = kind_of(layer.class_name, layer.settings) if layer else _kind_by_weights(path, weight, group, siblings)

    def load():
        values = kernel.read()
        return values.swapaxes(-1, -2) if kind == "transposed" else values

    return StoredConvolution(path, kind or "full", stage.get(path, ""), load, groups_of(layer))


def _kind_by_weights(path: str, weight: str, group: Group, siblings: Sequence[str]) -> str:
    """Returns the kind that names tell, as Keras gives them where its user does not, or else the length of the bias."""
    folder = weight.rpartition("/")[0]
    if any(other.startswith(f"{folder}/pointwise") for other in siblings):
        return "separable"
    if _last(weight).startswith("depthwise"):
        return "depthwise"
    bias = next((group.array(other).shape for other in siblings if other.startswith(f"{folder}/bias")), ())
    first, second = group.array(weight).shape[-2:]
    by_bias = {(first * second,): "depthwise", (first,): "transposed", (second,): "full"}.get(bias, "")
    return kind_of(path.rpartition("/")[2], {}) or by_bias


def _last(weight: str) -> str:
    return weight.rpartition("/")[2].partition(":")[0]
