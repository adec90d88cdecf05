"""The U-Net in PyTorch is ours: the same phi, the same loss, the same steps."""

import keras
import numpy as np
import pytest

from lsn_tf.losses import LevelSetLoss
from lsn_tf.models import UNet
from lsn_tf.studies.training_steps import training_steps

torch = pytest.importorskip("torch")
from lsn_tf.studies import torch_unet  # noqa: E402

WINDOW_HU = (-100.0, 400.0)


@pytest.fixture
def image(rng) -> np.ndarray:
    return (100 + 300 * rng.normal(size=(2, 32, 48, 1))).astype(np.float32)


def channels_first(array: np.ndarray) -> "torch.Tensor":
    return torch.from_numpy(np.moveaxis(array, -1, 1).copy())


def test_with_our_weights_it_gives_our_phi(image):
    model = UNet(WINDOW_HU, filters=(4, 6, 8))
    for weight in model.trainable_variables:
        if len(weight.shape) == 1:
            weight.assign(keras.random.normal(weight.shape, seed=len(weight.path)))
    with torch.no_grad():
        phi = torch_unet.TorchUNet(model)(channels_first(image)).numpy()
    ours = keras.ops.convert_to_numpy(model({"image": image, "spacing": np.ones((2, 2), np.float32)}))
    assert np.abs(ours).max() > 0.1
    np.testing.assert_allclose(np.moveaxis(phi, 1, -1), ours, atol=1e-4)


def test_its_loss_is_our_loss(image, rng):
    phi, mask = image / 100, rng.random(image.shape).astype(np.float32)
    loss = torch_unet.loss_of(channels_first(phi), channels_first(mask)).item()
    assert loss == pytest.approx(float(LevelSetLoss()(mask, phi)), rel=1e-5)


def test_steps_of_adam_from_our_weights_are_our_steps(image):
    model = UNet(WINDOW_HU, filters=(4, 6))
    mask = (image > 200).astype(np.float32)
    theirs = torch_unet.torch_steps(model, image, mask, learning_rate=0.01)
    model.compile(keras.optimizers.Adam(0.01), LevelSetLoss())
    ours = training_steps(model, {"image": image, "spacing": np.ones((2, 2), np.float32)}, (mask,)).make
    losses = [(ours(count), theirs(count)) for count in (1, 3)]
    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=1e-3)
    assert losses[1][0] < losses[0][0]


def test_in_bfloat16_it_learns_too_and_phi_stays_float32(image):
    model = UNet(WINDOW_HU, filters=(4, 6))
    make = torch_unet.torch_steps(model, image, (image > 200).astype(np.float32), "bfloat16", learning_rate=0.01)
    first = make(1)
    assert make(20) < first
    with torch.autocast("cpu", torch.bfloat16):
        assert torch_unet.TorchUNet(model)(channels_first(image)).dtype == torch.float32


def test_a_network_of_another_size_is_refused(monkeypatch):
    monkeypatch.setattr(UNet, "count_params", lambda self: 7)
    with pytest.raises(ValueError, match="must have 61 parameters, as this network has. Received 7"):
        torch_unet.TorchUNet(UNet(WINDOW_HU, filters=(2,)))


@pytest.mark.parametrize("other", [{"dropout": 0.5}, {"deepest_skip": False}])
def test_another_network_is_refused(other):
    with pytest.raises(ValueError, match="without dropout and with every skip"):
        torch_unet.TorchUNet(UNet(WINDOW_HU, filters=(2, 2), **other))
