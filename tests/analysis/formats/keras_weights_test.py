import keras
import numpy as np
import pytest

from lsn_tf.analysis.kernels import read_layers


class Branches(keras.Model):
    """A model without a graph: layers are its attributes."""

    def __init__(self):
        super().__init__(name="branches")
        self.last = keras.layers.Conv2D(2, 3, name="last")
        self.blocks = [keras.layers.Conv2D(4, 3, name=f"block_{n}") for n in range(2)]

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.last(x)


@pytest.mark.parametrize("seed", range(2))
def test_without_a_configuration_layers_come_in_the_order_of_the_file(seed, tmp_path):
    rng = np.random.default_rng(seed)
    classes = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.Conv2D, keras.layers.SeparableConv2D)
    model = keras.Sequential([keras.Input((8, 8, 3))])
    for n in range(24):
        model.add(classes[rng.integers(4)](int(rng.integers(1, 40)), 3, padding="same", name=f"layer_{n}"))
    model.save_weights(tmp_path / "m.weights.h5")
    layers = list(read_layers(tmp_path / "m.weights.h5"))
    assert [one.name for one in layers] == [f"layer_{n}" for n in range(24)]
    for one in layers:
        kernel = np.asarray(model.get_layer(one.name).weights[0])
        np.testing.assert_array_equal(one.kernel, kernel.swapaxes(2, 3) if one.kind == "transposed" else kernel)


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_layers_that_are_attributes_are_found(ending, tmp_path):
    model = Branches()
    model(np.zeros((1, 9, 9, 1), np.float32))
    path = tmp_path / f"m{ending}"
    model.save(path) if ending == ".keras" else model.save_weights(path)
    kernels = {one.name: one.kernel for one in read_layers(path)}
    assert kernels.keys() == {"last", "blocks/block_0", "blocks/block_1"}
    np.testing.assert_array_equal(kernels["last"], model.last.kernel)
    np.testing.assert_array_equal(kernels["blocks/block_1"], model.blocks[1].kernel)


def test_the_layer_in_a_wrapper_is_found(tmp_path):
    wrapped = keras.layers.TimeDistributed(keras.layers.DepthwiseConv2D(3, name="conv"), name="each")
    model = keras.Sequential([keras.Input((2, 8, 8, 3)), wrapped])
    model.save(tmp_path / "m.keras")
    (layer,) = read_layers(tmp_path / "m.keras")
    assert (layer.name, layer.kind) == ("each/conv", "depthwise")
    np.testing.assert_array_equal(layer.kernel, wrapped.layer.kernel)
