"""Every grid of a level set network is compared with the mask; a U-Net has one."""

import keras
import numpy as np
import pytest

from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.losses import EXPANSION_LOGIT, LevelSetLoss
from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.training import deep_supervision

WINDOW = (-100.0, 400.0)


@pytest.fixture
def network():
    return LevelSetNetwork(WINDOW, width=4, scales=3, steps=1)


def compiled(model, **weights):
    return deep_supervision.supervised(model, keras.optimizers.SGD(0.0), deep_supervision.LossWeights(**weights))


def random_batch(height, width):
    rng = np.random.default_rng(0)
    image = 200 * rng.normal(size=(2, height, width, 1)).astype(np.float32)
    spacing = np.float32([[0.7, 0.9], [1.1, 0.8]])
    return {"image": image, "spacing": spacing}, rng.random((2, height, width, 1)).astype(np.float32)


def with_random_heads(network):
    """Returns the network with random kernels where they are zero at first, so that its speed is no constant."""
    rng = np.random.default_rng(1)
    for weight in network.trainable_weights:
        if "head" in weight.path:
            weight.assign(rng.normal(size=weight.shape))
    return network


def test_a_model_of_several_grids_shows_phi_and_speed_on_each_coarsest_first(network):
    inputs, _ = random_batch(16, 24)
    model = compiled(with_random_heads(network))
    outputs = model(inputs)
    assert [phi.shape[1:] for phi in outputs] == [(4, 6, 2), (8, 12, 2), (16, 24, 2)]
    np.testing.assert_array_equal(deep_supervision.finest(outputs), network(inputs))
    speeds = keras.Model(network.inputs, [equation["fields"]["speed"] for equation in network.equations])(inputs)
    for output, speed in zip(outputs, speeds, strict=True):
        np.testing.assert_array_equal(output[..., 1:], speed)
        assert np.ptp(speed) > 0.1
    assert {id(weight) for weight in model.weights} == {id(weight) for weight in network.weights}


def test_speeds_of_steps_of_their_own_are_averaged():
    network = with_random_heads(LevelSetNetwork(WINDOW, width=4, scales=2, steps=2, tied=False))
    for layer in network.layers:
        if layer.name.startswith("correction"):
            layer.head.bias.assign([0.3, -2.0, 0.0, 0.0])
    inputs, _ = random_batch(8, 8)
    speed = keras.Model(network.inputs, network.equations[-1]["fields"]["speed"])(inputs)
    assert speed.shape[-1] == 2
    np.testing.assert_allclose(
        compiled(network)(inputs)[-1][..., 1], np.mean(np.asarray(speed), axis=-1), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("model", [UNet(WINDOW, filters=(4, 4)), LevelSetNetwork(WINDOW, width=0, scales=2, steps=1)])
def test_no_speed_is_compared_where_none_is_learned(model):
    inputs, _ = random_batch(8, 8)
    trained = compiled(model)
    assert {output.shape[-1] for output in trained.outputs} == {1}
    np.testing.assert_array_equal(deep_supervision.finest(trained(inputs)), model(inputs))


def test_a_coarse_front_is_compared_with_the_mean_of_the_mask():
    rng = np.random.default_rng(0)
    mask = rng.random((2, 8, 8, 1)).astype(np.float32)
    phi = rng.normal(size=(2, 4, 4, 1)).astype(np.float32)
    mean = mask.reshape(2, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(LevelSetLoss()(mask, phi), LevelSetLoss()(mean, phi), rtol=1e-6)


def test_the_loss_adds_up_the_grids_with_occupancies_as_wide_as_their_pixels(network):
    model = compiled(with_random_heads(network), speed_weight=0.3, coarse_weight=0.2)
    inputs, mask = random_batch(16, 16)
    total = model.train_on_batch(inputs, deep_supervision.masks_for(model, mask), return_dict=True)["loss"]
    widths = [OCCUPANCY_WIDTH_MM * 2**level for level in (2, 1, 0)]
    losses = [
        LevelSetLoss(width_mm=width)(mask, output)
        + 0.3 * LevelSetLoss(width_mm=1.0)(mask, -EXPANSION_LOGIT * output[..., 1:])
        for width, output in zip(widths, model(inputs), strict=True)
    ]
    assert float(total) == pytest.approx(float(losses[2] + 0.2 * (losses[0] + losses[1])), rel=1e-5)


@pytest.mark.parametrize("model", [LevelSetNetwork(WINDOW, width=2, scales=2, steps=1), UNet(WINDOW, filters=(2, 2))])
def test_slopes_are_those_in_millimetres_on_every_grid(model):
    """phi of a random image, differenced by NumPy; the frame aside."""
    inputs, _ = random_batch(16, 24)
    outputs = compiled(model, eikonal_weight=0.1)(inputs)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    np.testing.assert_array_equal(deep_supervision.finest(outputs), model(inputs))
    for level, output in zip(reversed(range(len(outputs))), outputs, strict=True):
        for slice_, spacing in zip(np.asarray(output), inputs["spacing"], strict=True):
            expected = np.hypot(*np.gradient(slice_[..., 0], *(spacing * 2**level)))
            np.testing.assert_allclose(slice_[1:-1, 1:-1, -1], expected[1:-1, 1:-1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("weights", [{"dice_weight": -1.0}, {"dice_weight": 0.0, "cross_entropy_weight": 0.0}])
def test_weights_of_which_nothing_good_can_come_are_refused(weights):
    with pytest.raises(ValueError, match="must not be negative, nor those of Dice and cross-entropy both 0"):
        deep_supervision.LossWeights(**weights)
