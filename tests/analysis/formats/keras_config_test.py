import json

import pytest

from lsn_tf.analysis.formats.keras_config import groups_of, kind_of, operations, parse_config


@pytest.mark.parametrize(
    ("class_name", "settings", "kind"),
    [
        ("Conv2D", {}, "full"),
        ("Conv2D", {"dilation_rate": [1, 1]}, "full"),
        ("Conv3D", {"dilation_rate": [1, 2, 1]}, "dilated"),
        ("Convolution2D", {}, "full"),
        ("AtrousConvolution2D", {"atrous_rate": [2, 2]}, "dilated"),
        ("DepthwiseConv2D", {"dilation_rate": 2}, "depthwise"),
        ("SeparableConv2D", {}, "separable"),
        ("Conv3DTranspose", {}, "transposed"),
        ("Deconvolution2D", {}, "transposed"),
        ("separable_conv2d_3", {}, "separable"),
        ("conv2d_transpose_1", {}, "transposed"),
        ("ConvLSTM2D", {}, ""),
        ("Dense", {}, ""),
        ("Lambda", {"dilation_rate": 2}, ""),
    ],
)
def test_the_class_of_a_layer_tells_its_kind(class_name, settings, kind):
    assert kind_of(class_name, settings) == kind


def functional(name, layers, outputs):
    config = {"name": name, "layers": layers, "output_layers": [[one, 0, 0] for one in outputs]}
    return {"class_name": "Functional", "name": name, "config": config}


def layer(name, inbound, class_name="Conv2D", **config):
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound}


def keras_2(*names):
    return [[[name, 0, 0, {}] for name in names]]


def keras_3(*names):
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}} for name in names]
    return [{"args": [tensors], "kwargs": {}}]


@pytest.mark.parametrize("inbound", [keras_2, keras_3])
def test_models_in_models_are_one_graph(inbound):
    inner = functional("inner", [layer("in", [], "InputLayer"), layer("conv", inbound("in"))], ["conv"])
    inner["inbound_nodes"] = inbound("image", "conv")
    layers = [layer("image", [], "InputLayer"), layer("conv", inbound("image")), inner, layer("last", inbound("inner"))]
    model = parse_config(json.dumps(functional("model", layers, ["last"])))
    graph = {one.name: one for one in operations(model)}
    assert list(graph) == ["image", "conv", "inner/in", "inner/conv", "inner", "last"]
    assert graph["inner/in"].inputs == ("image", "conv")
    assert graph["inner/conv"].inputs == ("inner/in",)
    assert (graph["inner"].inputs, graph["last"].inputs) == (("inner/conv",), ("inner",))
    assert [name for name, one in graph.items() if one.convolves] == ["conv", "inner/conv", "last"]
    assert model.at("inner/conv").name == "conv" and model.at("inner/none") is None


@pytest.mark.parametrize("old", [False, True])
def test_a_sequential_model_is_a_chain(old):
    layers = [layer(name, None) for name in "abc"]
    config = layers if old else {"name": "chain", "layers": layers}
    graph = list(operations(parse_config(json.dumps({"class_name": "Sequential", "config": config}))))
    assert [(one.name, one.inputs) for one in graph] == [("a", ()), ("b", ("a",)), ("c", ("b",))]


def test_a_wrapped_layer_belongs_to_its_wrapper():
    wrapper = layer("each", [], "TimeDistributed", layer=layer("conv", None))
    model = parse_config(json.dumps({"class_name": "Sequential", "config": {"layers": [wrapper]}}))
    assert list(model.paths()) == ["each", "each/conv"]


def test_grids_become_coarser_and_finer():
    layers = [
        layer("a", None, strides=[2, 2]),
        layer("b", None, "MaxPooling2D", pool_size=[3, 3]),
        layer("c", None, "AveragePooling2D", pool_size=[4, 4], strides=[2, 2]),
        layer("d", None, "GlobalMaxPooling2D"),
        layer("e", None, "UpSampling2D", size=[2, 2]),
        layer("f", None, "Conv2DTranspose", strides=[2, 2]),
        layer("g", None, "Conv2DTranspose", strides=[1, 1]),
    ]
    graph = operations(parse_config(json.dumps({"class_name": "Sequential", "config": {"layers": layers}})))
    grids = [(one.stride, one.refines) for one in graph]
    assert grids == [(2, False), (3, False), (2, False), (1, False), (1, True), (1, True), (1, False)]


@pytest.mark.parametrize("text", ["", "[]", "1", '{"config": {"layers": [{"config": {"layers": "x"}}]}', "[" * 10**5])
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises((ValueError, RecursionError)):
        parse_config(text)


def test_models_lie_inside_each_other_only_so_deep():
    config = {"class_name": "Sequential", "config": {"layers": []}}
    for _ in range(40):
        config = {"class_name": "Sequential", "config": {"layers": [config]}}
    with pytest.raises(ValueError, match="must be a dictionary"):
        parse_config(json.dumps(config))


@pytest.mark.parametrize(("groups", "expected"), [(4, 4), (None, 1), (0, 1), (-2, 1), ("2", 1)])
def test_groups_are_positive(groups, expected):
    assert groups_of(parse_config(json.dumps(layer("a", None, groups=groups)))) == expected
    assert groups_of(None) == 1
