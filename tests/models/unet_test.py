"""The U-Net has the published size, and answers with a level set function."""

import inspect

import keras
import numpy as np

from lsn_tf.layers.occupancy import Occupancy
from lsn_tf.models import UNet, build_model

WINDOW = (-100.0, 400.0)


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3)]


def test_the_published_network_has_14608_kernels_of_3x3_in_18_convolutions():
    found = convolutions(build_model("unet_2019", WINDOW))
    assert len(found) == 18
    assert sum(np.prod(layer.kernel.shape[2:]) for layer in found) == 14608


def test_the_published_network_has_the_published_filters():
    filters = [layer.filters for layer in convolutions(build_model("unet_2019", WINDOW))]
    assert filters == [16] * 6 + [32] * 2 + [64] * 2 + [32] * 2 + [16] * 6


def test_the_occupancy_of_phi_is_the_sigmoid_of_the_logit(rng):
    model = UNet(WINDOW, filters=(4, 4))
    inputs = {
        "image": (300 * rng.normal(size=(2, 8, 12, 1))).astype(np.float32),
        "spacing": np.ones((2, 2), np.float32),
    }
    logit = keras.Model(model.inputs, model.get_layer("logit").output)(inputs)
    np.testing.assert_allclose(Occupancy()(model(inputs)), keras.ops.sigmoid(logit), rtol=1e-5)


def test_intensities_beyond_the_window_do_not_matter(rng):
    model, image = UNet(WINDOW, filters=(4, 4)), (500 * rng.normal(size=(1, 8, 8, 1))).astype(np.float32)
    phi, clipped = (model({"image": i, "spacing": np.ones((1, 2), np.float32)}) for i in (image, image.clip(*WINDOW)))
    np.testing.assert_array_equal(phi, clipped)


def test_all_arguments_are_in_the_configuration():
    arguments = {"window": (0.0, 1.0), "filters": (2, 4), "dropout": 0.25, "deepest_skip": False, "name": "its_name"}
    assert set(arguments) == set(inspect.signature(UNet).parameters)
    assert UNet(**arguments).get_config() == arguments
