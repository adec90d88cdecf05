"""Every grid of a level set network is compared with the mask; a U-Net has one."""

import keras
import numpy as np
import pytest

from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.losses import LevelSetLoss
from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.training import deep_supervision

WINDOW = (-100.0, 400.0)


@pytest.fixture
def network():
    return LevelSetNetwork(WINDOW, width=4, scales=3, steps=1)


def test_a_model_of_several_grids_shows_phi_on_each_coarsest_first(network):
    inputs = {"image": np.zeros((2, 16, 24, 1), np.float32), "spacing": np.ones((2, 2), np.float32)}
    supervised = deep_supervision.supervised(network)
    outputs = supervised(inputs)
    assert [phi.shape[1:3] for phi in outputs] == [(4, 6), (8, 12), (16, 24)]
    np.testing.assert_array_equal(deep_supervision.finest(outputs), network(inputs))
    assert {id(weight) for weight in supervised.weights} == {id(weight) for weight in network.weights}


def test_a_model_of_one_grid_remains_what_it_is():
    model = UNet(WINDOW, filters=(4, 4))
    assert deep_supervision.supervised(model) is model
    phi = np.ones((1, 2, 2, 1))
    np.testing.assert_array_equal(deep_supervision.finest(phi), phi)


def test_a_coarse_front_is_compared_with_the_mean_of_the_mask():
    rng = np.random.default_rng(0)
    mask = rng.random((2, 8, 8, 1)).astype(np.float32)
    phi = rng.normal(size=(2, 4, 4, 1)).astype(np.float32)
    mean = mask.reshape(2, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(LevelSetLoss()(mask, phi), LevelSetLoss()(mean, phi), rtol=1e-6)


def test_the_loss_adds_up_the_grids_with_occupancies_as_wide_as_their_pixels(network):
    model = deep_supervision.supervised(network)
    deep_supervision.compile_supervised(model, keras.optimizers.SGD(0.0), deep_supervision.LossWeights())
    rng = np.random.default_rng(0)
    inputs = {"image": rng.normal(size=(2, 16, 16, 1)).astype(np.float32), "spacing": np.ones((2, 2), np.float32)}
    mask = rng.random((2, 16, 16, 1)).astype(np.float32)
    total = model.train_on_batch(inputs, deep_supervision.masks_for(model, mask), return_dict=True)["loss"]
    coarse, middle, fine = model(inputs)
    finest, coarser, coarsest = (LevelSetLoss(width_mm=OCCUPANCY_WIDTH_MM * 2**level) for level in range(3))
    weight = deep_supervision.LossWeights().coarse_weight
    expected = finest(mask, fine) + weight * (coarser(mask, middle) + coarsest(mask, coarse))
    assert float(total) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("model", [LevelSetNetwork(WINDOW, width=2, scales=2, steps=1), UNet(WINDOW, filters=(2, 2))])
def test_slopes_are_those_in_millimetres_on_every_grid(model):
    """phi of a random image, differenced by NumPy; the frame aside."""
    rng, spacing = np.random.default_rng(0), np.float32([[0.7, 0.9]])
    inputs = {"image": 200 * rng.normal(size=(1, 16, 24, 1)).astype(np.float32), "spacing": spacing}
    outputs = deep_supervision.supervised(model, with_slope=True)(inputs)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    np.testing.assert_array_equal(deep_supervision.finest(outputs), model(inputs))
    for level, output in zip(reversed(range(len(outputs))), outputs, strict=True):
        phi, slope = np.asarray(output)[0, ..., 0], np.asarray(output)[0, ..., 1]
        expected = np.hypot(*np.gradient(phi, *(spacing[0] * 2**level)))
        np.testing.assert_allclose(slope[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("weights", [{"dice_weight": -1.0}, {"dice_weight": 0.0, "cross_entropy_weight": 0.0}])
def test_weights_of_which_nothing_good_can_come_are_refused(weights):
    with pytest.raises(ValueError, match="must not be negative, nor those of Dice and cross-entropy both 0"):
        deep_supervision.LossWeights(**weights)
