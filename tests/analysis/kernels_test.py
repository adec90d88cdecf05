import dataclasses
import tracemalloc

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from lsn_tf.analysis.kernels import ConvolutionLayer, read_layers
from lsn_tf.models import AnySize, build_model
from lsn_tf.numerics.stencils import STENCILS
from lsn_tf.saved_model import write_saved_model

WINDOW = (-100.0, 400.0)
WITH_A_GRAPH = ("keras", "h5", "export", "saved", "keras2_keras", "keras2_h5", "keras2_saved", "onnx")
FORMATS = (*WITH_A_GRAPH, "weights", "keras2_weights", "npz")


@pytest.fixture(scope="module")
def unet_2019():
    return build_model("unet_2019", WINDOW)


def layer(kernel, kind="full", groups=1):
    return ConvolutionLayer("layer", 0, kind, "", kernel, groups)


def expected_kernel(model, name):
    return np.asarray(model.get_layer(name).kernel)


@pytest.mark.parametrize("form", FORMATS)
def test_planted_kernels_come_back_bit_exact_and_in_order(planted, form):
    layers = list(read_layers(planted.files[form]))
    assert [one.name for one in layers] == list(planted.kernels)
    assert [one.depth for one in layers] == list(range(len(layers)))
    for one in layers:
        assert one.kernel.dtype == np.float32
        np.testing.assert_array_equal(one.kernel, planted.kernels[one.name])


@pytest.mark.parametrize("form", FORMATS)
def test_planted_stencils_are_found_at_their_channels(planted, form):
    found = {}
    for one in read_layers(planted.files[form]):
        kernels = one.kernels()
        for name, stencil in STENCILS.items():
            same = [np.array_equal(kernel, stencil.coefficients.astype(np.float32)) for kernel in kernels.values]
            channels = zip(kernels.inputs[same], kernels.outputs[same], strict=True)
            found |= {(one.name, int(i), int(o)): name for i, o in channels}
    assert len(planted.stencils) > 20
    if form == "npz":  # which knows of no kind: a depthwise kernel there is (*spatial, input, output)
        assert found == planted.stencils
    else:
        multiplier = {"inner/each": 2, "parts": 1}
        assert found == {
            (name, i, i * multiplier[name] + o if name in multiplier else o): stencil
            for (name, i, o), stencil in planted.stencils.items()
        }


@pytest.mark.parametrize("form", WITH_A_GRAPH)
def test_kinds_and_stages_are_those_of_the_graph(planted, form):
    layers = list(read_layers(planted.files[form]))
    assert {one.name: one.kind for one in layers} == planted.kinds
    assert {one.name: one.stage for one in layers} == planted.stages


def test_weights_alone_tell_kinds_by_names(planted):
    kinds = {one.name: one.kind for one in read_layers(planted.files["weights"])}
    assert kinds == planted.kinds | {"wide": "full"}  # dilation is not in such a file


def test_kernels_of_1x1_count_as_depth_only(planted):
    layers = {one.name: one for one in read_layers(planted.files["keras"])}
    assert layers["point"].depth == 4 and layers["point"].count == 0
    assert layers["point"].kernels().values.shape == (0, 1, 1)
    assert layers["last"].count == 6 and layers["last"].kernels().values.shape == (6, 5, 5)


@pytest.mark.parametrize(("size", "count"), [((7, 7), 6), ((3, 3, 3), 6), ((1, 7), 0), ((3,), 0)])
def test_kernels_are_squares_and_cubes(size, count):
    assert layer(np.zeros((*size, 2, 3))).count == count
    assert layer(np.zeros((*size, 2, 3))).kernels().values.shape == (count, *size)


def test_kernels_name_their_channels(rng):
    kernel = rng.normal(size=(3, 3, 4, 6))
    for kind, groups, channels in [
        ("full", 1, lambda i, o: (i, o)),
        ("full", 2, lambda i, o: (i + 4 * (o // 3), o)),
        ("depthwise", 1, lambda i, o: (i, 6 * i + o)),
    ]:
        kernels = layer(kernel, kind, groups).kernels()
        places = [(i, o) for i in range(4) for o in range(6)]
        assert list(zip(kernels.inputs, kernels.outputs, strict=True)) == [channels(*place) for place in places]
        np.testing.assert_array_equal(kernels.values, [kernel[..., i, o] for i, o in places])


def test_the_published_unet_has_14608_kernels(unet_2019, tmp_path):
    unet_2019.save(tmp_path / "unet.keras")
    write_saved_model(AnySize(unet_2019, 64), tmp_path / "unet")
    for path in tmp_path.iterdir():
        layers = list(read_layers(path))
        assert sum(one.count for one in layers) == 14608
        assert [one.name for one in layers if one.count] == [one.name for one in unet_2019.layers if "conv" in one.name]
        assert layers[-1].name == "logit" and len(layers) == 19
        for one in layers:
            np.testing.assert_array_equal(one.kernel, expected_kernel(unet_2019, one.name))
            assert one.stage == one.name.split("_")[0] or one.name == "logit"


@pytest.mark.parametrize(("text", "convolutions"), [("unet", 18), ("lsn:scales=3,steps=1", 10)])
def test_stages_of_our_networks_are_known(text, convolutions, tmp_path):
    model = build_model(text, WINDOW)
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "model", verbose=False)
    for path in tmp_path.iterdir():
        stages = {one.name: one.stage for one in read_layers(path)}
        named = {name: stage for name, stage in stages.items() if not name.startswith(("logit", "correction"))}
        assert len(named) == convolutions and all(name.startswith(stage) and stage for name, stage in named.items())
    heads = [name for name in stages if name.startswith("correction")]
    assert heads == [f"correction_{level}/head" for level in (2, 1, 0)] * text.startswith("lsn")


@pytest.mark.parametrize("learning", ["frozen", "free"])
def test_stencils_of_a_level_set_network_count_where_they_are_weights(learning, tmp_path):
    model = build_model(f"lsn:scales=1,steps=2,width=4,learning={learning}", WINDOW)
    weights = [np.asarray(weight) for weight in model.evolutions[0].weights]
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "model", verbose=False)
    for path in tmp_path.iterdir():
        layers = list(read_layers(path))
        learned = [one.kernel for one in layers if one.name.startswith("evolution")]
        assert len(learned) == len(weights) == (2 if learning == "free" else 0)
        for kernel, weight in zip(sorted(learned, key=np.size), sorted(weights, key=np.size), strict=True):
            np.testing.assert_array_equal(kernel, weight)
        assert sum(one.name.startswith(("bottom", "correction")) for one in layers) == 3


def test_equal_names_in_nested_models_are_told_apart(rng, tmp_path):
    for library, form in ((keras, "export"), (keras, "keras"), (keras, "h5"), (tf_keras, "export"), (tf_keras, "h5")):
        inner = library.Sequential([library.Input((8, 8, 2)), library.layers.Conv2D(2, 3, name="same")], name="inner")
        image = library.Input((10, 10, 1))
        network = library.Model(image, inner(library.layers.Conv2D(2, 3, name="same")(image)))
        path = tmp_path / f"{library.__name__}.{form}"
        network.export(str(path)) if form == "export" else network.save(path)
        outer, nested = read_layers(path)
        assert (outer.name, nested.name) == ("same", "inner/same")
        np.testing.assert_array_equal(nested.kernel, inner.get_layer("same").get_weights()[0])


def test_layers_of_a_sequential_have_the_names_that_the_user_gave_in_every_format(tmp_path):
    for library in (keras, tf_keras):
        conv_2 = library.layers.Conv2D(2, 3, name="conv_2")
        inner = library.Sequential([library.Input((None, None, 2)), conv_2], name="inner")
        layers = [library.layers.Conv2D(2, 3, name="first"), inner, library.layers.Conv2D(2, 3, name="network")]
        network = library.Sequential([library.Input((12, 12, 1)), *layers], name="network")
        kernels = [layer.get_weights()[0] for layer in (layers[0], conv_2, layers[2])]
        files = [tmp_path / f"{library.__name__}.{form}" for form in ("keras", "h5", "export", "saved")]
        network.save(files[0])
        network.save(files[1])
        network.export(str(files[2]))
        tf.saved_model.save(network, str(files[3]))
        for path in files:
            found = list(read_layers(path))
            assert [one.name for one in found] == ["first", "inner/conv_2", "network"], path.name
            for one, kernel in zip(found, kernels, strict=True):
                np.testing.assert_array_equal(one.kernel, kernel)


def test_a_model_on_many_gpus_is_the_model_in_its_wrapper(planted, tmp_path):
    image = tf_keras.Input((64, 64, 1))
    network = tf_keras.models.load_model(planted.files["keras2_h5"], compile=False)
    halves = [tf_keras.layers.Lambda(lambda x, n: x[n::2], arguments={"n": n})(image) for n in (0, 1)]
    joined = tf_keras.layers.Concatenate(axis=0)([network(half) for half in halves])
    tf_keras.Model(image, joined).save(tmp_path / "many.h5")
    layers = list(read_layers(tmp_path / "many.h5"))
    assert [one.name for one in layers] == [f"network/{name}" for name in planted.kernels]
    assert [one.kind for one in layers] == list(planted.kinds.values())
    for one, kernel in zip(layers, planted.kernels.values(), strict=True):
        np.testing.assert_array_equal(one.kernel, kernel)


def test_names_of_more_than_64_kb_are_joined(rng, tmp_path):
    kernel = rng.normal(size=(3, 3, 1, 1)).astype(np.float32)
    with h5py.File(tmp_path / "many.h5", "w") as file:
        names = [f"layer_{n}" for n in (2, 1, 0)]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = [names[0].encode()], [n.encode() for n in names[1:]]
        for n, name in enumerate(names):
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode()]
            group[f"{name}/kernel:0"] = kernel + n
    layers = list(read_layers(tmp_path / "many.h5"))
    assert [one.name for one in layers] == names
    np.testing.assert_array_equal(layers[2].kernel, kernel + 2)


def test_a_module_without_keras_is_read_in_the_order_of_its_data(rng, tmp_path):
    class Network(tf.Module):
        def __init__(self):
            self.b = tf.Variable(rng.normal(size=(3, 3, 1, 2)), dtype=tf.float32)
            self.a = [tf.Variable(rng.normal(size=(3, 3, 2, 2)), dtype=tf.float32, name="layer/kernel")]
            self.unused = tf.Variable(rng.normal(size=(5, 5, 1, 1)), dtype=tf.float32)

        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 1))])
        def __call__(self, x):
            return tf.nn.conv2d(tf.nn.conv2d(x, self.b, 1, "SAME"), self.a[0], 1, "SAME")

    network = Network()
    tf.saved_model.save(network, str(tmp_path / "module"))
    layers = list(read_layers(tmp_path / "module"))
    assert [one.name for one in layers] == ["b", "layer", "unused"]
    for one, variable in zip(layers, (network.b, network.a[0], network.unused), strict=True):
        np.testing.assert_array_equal(one.kernel, variable.numpy())


def test_a_graph_of_tensorflow_1_is_read_by_the_names_of_its_variables(rng, tmp_path):
    v1, values = tf.compat.v1, rng.normal(size=(3, 3, 1, 2)).astype(np.float32)
    with v1.Session(graph=tf.Graph()) as session:
        image = v1.placeholder(tf.float32, (None, 8, 8, 1))
        kernel = v1.get_variable("block/conv/kernel", initializer=values, use_resource=False)
        result = tf.nn.conv2d(image, kernel, 1, "SAME")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "session"), {"image": image}, {"result": result})
    (one,) = read_layers(tmp_path / "session")
    assert one.name == "block/conv"
    np.testing.assert_array_equal(one.kernel, values)


def test_one_kernel_is_in_memory_at_a_time(tmp_path):
    kernels = {f"layer_{n}": np.full((3, 3, 400, 400), n, np.float32) for n in range(8)}
    np.savez(tmp_path / "large.npz", **kernels)
    largest = kernels["layer_0"].nbytes
    del kernels
    tracemalloc.start()
    count = sum(one.count for one in read_layers(tmp_path / "large.npz"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 8 * 400 * 400 and peak < 2.5 * largest  # the one that is read, and the one before


def test_layers_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer(np.zeros((3, 3, 1, 1))).depth = 1
