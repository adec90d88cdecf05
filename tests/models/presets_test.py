"""All models have one signature, learn, and come back from their file as they were."""

import re

import keras
import numpy as np
import pytest

from lsn_tf.losses import LevelSetLoss
from lsn_tf.models import PRESETS, AnySize, build_model, parse_model

WINDOW = (-100.0, 400.0)
every_preset = pytest.mark.parametrize("preset", sorted(PRESETS))


@pytest.fixture(scope="module")
def model(request):
    return build_model(request.param, WINDOW)


every_model = pytest.mark.parametrize("model", sorted(PRESETS), indirect=True)


def batch(rng, shape=(32, 48), model=None):
    """Returns two images, with an initial contour if the model starts from a given one."""
    image = (200 * rng.normal(size=(2, *shape, 1))).astype(np.float32)
    inputs = {"image": image, "spacing": np.float32([[0.7, 0.9], [2.0, 1.5]])}
    return {**inputs, "phi_0": np.ones_like(image)} if model and model.given_contour else inputs


@every_model
def test_every_model_maps_image_and_spacing_to_phi(model, rng):
    shapes = {"image": (None, None, None, 1), "spacing": (None, 2)}
    shapes |= {"phi_0": (None, None, None, 1)} if model.given_contour else {}
    assert {name: tensor.shape for name, tensor in model.input.items()} == shapes
    assert model.output_shape == (None, None, None, 1) and model.output.dtype == "float32"
    phi = keras.ops.convert_to_numpy(model(batch(rng, model=model)))
    assert phi.shape == (2, 32, 48, 1) and np.isfinite(phi).all()


@every_model
def test_every_layer_is_built_since_keras_on_jax_would_call_the_model_uncompiled_before_each_prediction(model):
    assert [layer.name for layer in AnySize(model, 32)._flatten_layers() if not layer.built] == []


@every_model
def test_a_model_comes_back_from_its_file_with_its_window_and_its_answers(model, rng, tmp_path):
    model.set_weights([weight + 0.01 * rng.normal(size=weight.shape) for weight in model.get_weights()])
    inputs = batch(rng, model=model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(model) and again.get_config() == model.get_config() and again.divisor == model.divisor
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(inputs)) for m in (model, again)))


@every_model
def test_a_model_s_divisor_is_what_its_image_must_be_a_multiple_of(model, rng):
    side = model.divisor
    assert model(batch(rng, (side, 2 * side), model)).shape == (2, side, 2 * side, 1)


@pytest.mark.parametrize("preset", ["lse", "lsn", "unet"])
def test_an_image_that_does_not_fit_the_grids_is_refused_with_what_to_do(preset, rng):
    with pytest.raises(ValueError, match="multiples of 16 for .* Received 32 x 40. Wrap the model in AnySize"):
        build_model(preset, WINDOW)(batch(rng, (32, 40)))


@pytest.mark.parametrize(("preset", "rate"), [("lse", 1e-2), ("lsn", 1e-4), ("unet", 1e-3)])
def test_a_short_step_against_the_gradient_lowers_the_loss_by_its_square(preset, rate, rng):
    """By rate * |gradient|^2; not from the first weights of `lsn`, whose speed is zero, where upwinding has a kink."""
    keras.utils.set_random_seed(0)
    model, inputs = build_model(preset, WINDOW), batch(rng, (32, 32))
    for weight in model.trainable_weights:
        weight.assign_add(0.03 * rng.normal(size=weight.shape).astype(np.float32))
    mask = np.zeros((2, 32, 32, 1), np.float32)
    mask[:, 10:22, 6:16] = 1
    inputs["image"] += 200 * mask
    model.compile(keras.optimizers.SGD(rate), LevelSetLoss(), run_eagerly=True)
    before = [weight.numpy() for weight in model.trainable_weights]
    first = model.train_on_batch(inputs, mask)
    steps = [weight.numpy() - old for weight, old in zip(model.trainable_weights, before, strict=True)]
    second = model.train_on_batch(inputs, mask)
    assert first - second == pytest.approx(sum(np.sum(np.square(step)) for step in steps) / rate, rel=0.03)


def test_the_level_set_network_has_fewer_than_60000_parameters():
    assert build_model("lsn", WINDOW).count_params() < 60_000


def test_the_classical_solver_has_three_scalars_a_scale():
    assert build_model("lse", WINDOW).count_params() == 15


def test_another_preset_is_refused():
    with pytest.raises(ValueError, match=f"one of {re.escape(str(sorted(PRESETS)))}.*Received 'vnet'"):
        build_model("vnet", WINDOW)


def test_options_follow_the_preset():
    assert parse_model("lsn") == ("lsn", {})
    text = "unet:filters=8-16,dropout=0.5,deepest_skip=False,name=x"
    options = {"filters": (8, 16), "dropout": 0.5, "deepest_skip": False, "name": "x"}
    assert parse_model(text) == ("unet", options)
    assert build_model("lsn:width=8", WINDOW).get_config()["width"] == 8
    assert build_model("unet:filters=4-8", WINDOW).divisor == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vnet:width=8", "one of .*Received 'vnet:width=8'"),
        ("lsn:width", "NAME=VALUE.*Received 'lsn:width'"),
        ("lsn:=8", "NAME=VALUE"),
        ("lsn:filters=8", "options of lsn must be among .*'width'.*Received 'filters'"),
        ("lsn:window=8", "options of lsn must be among"),
    ],
)
def test_options_that_a_model_does_not_have_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        build_model(text, WINDOW)
