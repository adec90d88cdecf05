"""A network with known stencils among random kernels, saved in every format that the analysis reads."""

import dataclasses
import pathlib

import numpy as np
import onnx
import pytest

from lsn_tf.analysis.claims import make_claims
from lsn_tf.analysis.comparison import compare, layer_divergences
from lsn_tf.analysis.comparison_summary import summarize_comparison
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.findings import Findings, Sample
from lsn_tf.analysis.identification import dead
from lsn_tf.analysis.mean_shares import mean_shares
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.partition import PARTITIONED, cluster_rows, partition
from lsn_tf.analysis.published_rule import name_as_published, overall
from lsn_tf.analysis.summary import summarize
from lsn_tf.analysis.swapping import Measurement, original
from lsn_tf.analysis.symmetries import EVERY_SYMMETRY
from lsn_tf.analysis.tables import columns_at, layer_row, write_kernels
from lsn_tf.analysis.templates import make_templates
from lsn_tf.numerics.stencils import STENCILS
from lsn_tf.studies.saved_formats import save_everywhere
from lsn_tf.studies.swap_tables import averages, comparisons

CHANNELS = {  # layer: (size, inputs, outputs or multiplier)
    "first": (3, 1, 4),
    "inner/mix": (3, 4, 5),
    "inner/each": (3, 5, 2),
    "wide": (3, 10, 6),
    "point": (1, 6, 6),
    "parts": (3, 6, 1),
    "finer": (3, 4, 3),
    "last": (5, 3, 2),
}
KINDS = dict.fromkeys(CHANNELS, "full") | {"inner/each": "depthwise", "wide": "dilated", "parts": "separable"}
KINDS |= {"finer": "transposed"}
STAGES = dict(zip(CHANNELS, ["encoder"] * 3 + ["bottom"] * 3 + ["decoder"] * 2, strict=True))


@dataclasses.dataclass(frozen=True)
class Planted:
    """What the files hold.

    Attributes:
        kernels: (*spatial, input, output) of each layer, in the order of the graph.
        stencils: layer, input and output of each planted stencil, and its name.
        kinds, stages: of each layer.
        files: the network in each format; "keras2_h5" is one that Keras 2 wrote.
    """

    kernels: dict[str, np.ndarray]
    stencils: dict[tuple[str, int, int], str]
    kinds: dict[str, str]
    stages: dict[str, str]
    files: dict[str, pathlib.Path]


@pytest.fixture(scope="session")
def planted(tmp_path_factory) -> Planted:
    rng, folder = np.random.default_rng(2019), tmp_path_factory.mktemp("planted")
    kernels = {name: _random_kernel(rng, *channels) for name, channels in CHANNELS.items()}
    stencils = {}
    for name, (size, inputs, outputs) in CHANNELS.items():
        for stencil in rng.choice(sorted(STENCILS), inputs * outputs // 4 if size == 3 else 0, replace=True):
            place = int(rng.integers(inputs)), int(rng.integers(outputs))
            kernels[name][..., place[0], place[1]] = STENCILS[stencil].coefficients
            stencils[name, *place] = str(stencil)
    files = save_everywhere(lambda library: keras_network(library, kernels), onnx_network(kernels), kernels, folder)
    return Planted(kernels, stencils, KINDS, STAGES, files)


@pytest.fixture(scope="session")
def make_findings():
    """Returns a function that analyses kernels, (n, 3, 3) by the name of their layer, as the command does.

    Others are the kernels of another network to compare with, swap what is in swap.json.
    """

    def found(kernels, null="gaussian", most_shown=1000, *, others=None, swap=None, published=False) -> Findings:
        layers = _layers(kernels)
        living = {layer.name: layer.living for layer in layers}
        templates = make_templates()
        claims, shares = make_claims(living, templates, null), mean_shares(living, null)
        parts = {column: partition(layers, form, 3, 0, EVERY_SYMMETRY) for column, form in PARTITIONED.items()}
        labels = {layer.name: {column: part.labels[layer.name] for column, part in parts.items()} for layer in layers}
        means = {layer.name: write_kernels(list, layer, templates, labels[layer.name]) for layer in layers}
        rows = [layer_row(layer, means[layer.name]) for layer in layers]
        summary = summarize(layers, claims, shares, parts, {row["layer"]: row for row in rows})
        options = {
            "null": null,
            "threshold": 0.9,
            "clusters": 3,
            "size": 3,
            "seed": 0,
            "table": "csv",
            "page": True,
            "untrained": None,
            "compare": "other.npz" if others else None,
        }
        options |= dict.fromkeys(("scale", "sign", "turns", "mirrors"), True)
        summary |= {"model": "model.npz", "options": options, "versions": {"python": "3"}}
        names = name_as_published(living) if published else []
        summary |= (
            {"published_rule": overall(names, {layer.name: layer.count for layer in layers})} if published else {}
        )
        differences = compare(layers, _layers(others), templates) if others else []
        summary |= {"compare": summarize_comparison("other.npz", differences)} if others else {}
        summary |= {"swap": swap} if swap else {}
        samples = {}
        for layer in layers:
            index = np.arange(layer.count)[:most_shown]
            samples[layer.name] = Sample(index, columns_at(index, layer, templates, labels[layer.name]))
        centres = [row for part in parts.values() for row in cluster_rows(part, templates)]
        found = (layers, claims, shares, parts, rows, centres, summary, named_kernels(), samples, names, differences)
        return Findings(*found, layer_divergences(layers))

    return found


@pytest.fixture(scope="session")
def swap_results():
    """What lsn_tf.swap writes: two layers of 60 and 30 kernels, replaced in part and whole, with controls."""
    scans = np.linspace(0, 0.2, 12)

    def measured(dice, replacement, control="", draw=0, order="random", share=0.5, unit="network", name="", epochs=0):
        return Measurement(
            unit, name, order, share, round(90 * share), replacement, control, draw, epochs, dice + scans
        )

    found = [original(0.7 + scans)]
    for order, share in (("best first", 0.5), ("random", 0.5), ("all", 1.0)):
        place = {"order": order, "share": share}
        found += [
            measured(0.7 - 0.1 * share, "nearest", **place),
            measured(0.6 - 0.3 * share, "order_1", **place),
            measured(0.3 - 0.2 * share, "permuted", "null", **place),
            measured(0.4 - 0.2 * share, "permuted", "null", 1, **place),
            measured(0.5 - 0.2 * share, "nearest", "turned", **place),
        ]
    for name in ("noise", "edges"):
        place = {"order": "all", "share": 1.0, "unit": "layer", "name": name}
        found += [measured(0.6, "nearest", **place), measured(0.2, "permuted", "null", **place)]
    found += [original(0.75 + scans, 2), measured(0.68, "nearest", order="all", share=1.0, epochs=2)]
    return {
        "dataset": "phantom",
        "fold": 0,
        "scans": list(range(12)),
        "kernels": 90,
        "layers": ["noise", "edges"],
        "dice": 0.8,
        "results": averages(found),
        "comparisons": comparisons(found),
        "options": {"null": "permuted", "draws": 2},
    }


def _layers(kernels):
    return [_layer(depth, name, values) for depth, (name, values) in enumerate(kernels.items())]


def _layer(depth, name, kernels):
    kernels = np.asarray(kernels, np.float32)
    count = np.arange(len(kernels), dtype=np.int32)
    stage = "encoder" if depth == 0 else "decoder"
    return Layer(name, depth, "full", stage, 1, (3, 3, 1, len(kernels)), kernels, 0 * count, count, ~dead(kernels))


def _random_kernel(rng, size, inputs, outputs):
    return rng.normal(size=(size, size, inputs, outputs)).astype(np.float32)


def keras_network(library, kernels):
    """Returns the network, by Keras 2 or 3, with the slots of an optimizer."""
    layers = library.layers
    mix, each = layers.Conv2D(5, 3, name="mix"), layers.DepthwiseConv2D(3, depth_multiplier=2, name="each")
    inner = library.Sequential([library.Input((None, None, 4)), mix, each], name="inner")
    image = library.Input((64, 64, 1), name="image")
    x = inner(layers.Conv2D(4, 3, name="first")(image))
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Conv2D(6, 3, dilation_rate=2, name="wide")(x)
    x = layers.Conv2D(6, 1, name="point")(x)
    x = layers.SeparableConv2D(4, 3, name="parts")(x)
    x = layers.Conv2DTranspose(3, 3, strides=2, name="finer")(x)
    network = library.Model(image, layers.Conv2D(2, 5, name="last")(x), name="network")
    for name, kernel in kernels.items():
        layer = network.get_layer("inner").get_layer(name[6:]) if "/" in name else network.get_layer(name)
        layer.set_weights([kernel.swapaxes(2, 3) if name == "finer" else kernel, *layer.get_weights()[1:]])
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    return network


def onnx_network(kernels):
    """Returns the network as ONNX has it: kernels are (output, input, height, width), channels come first."""
    point = np.ones((4, 6, 1, 1), np.float32)
    tensors = {name: kernel.transpose(3, 2, 0, 1) for name, kernel in kernels.items()}
    tensors["inner/each"] = kernels["inner/each"].transpose(2, 3, 0, 1).reshape(10, 1, 3, 3)
    tensors["parts"] = kernels["parts"].transpose(2, 3, 0, 1)
    tensors["finer"] = kernels["finer"].transpose(2, 3, 0, 1)
    tensors |= {"pointwise": point}
    options = {"inner/each": {"group": 5}, "parts": {"group": 6}, "wide": {"dilations": [2, 2]}}
    nodes, before = [], "image"
    for name in ("first", "inner/mix", "inner/each", "pool", "wide", "point", "parts", "pointwise", "finer", "last"):
        op = {"pool": "MaxPool", "finer": "ConvTranspose"}.get(name, "Conv")
        inputs = [before] if name == "pool" else [before, f"{name}.weight"]
        strides = {"strides": [2, 2]} if name in ("pool", "finer") else {}
        window = {"kernel_shape": [2, 2]} if name == "pool" else {}
        nodes.append(onnx.helper.make_node(op, inputs, [name], **strides, **window, **options.get(name, {})))
        before = name
    values = [onnx.numpy_helper.from_array(np.ascontiguousarray(a), f"{name}.weight") for name, a in tensors.items()]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("image", "last")]
    return onnx.helper.make_model(onnx.helper.make_graph(nodes, "network", ends[:1], ends[1:], values))
