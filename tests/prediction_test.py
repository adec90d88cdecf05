"""Batch by batch comes what the model makes of all at once."""

import types

import keras
import numpy as np
import pytest

from lsn_tf.prediction import predict


def fake_model(sizes, *scales):
    """Returns a model that multiplies, with as many outputs as there are scales, and notes the sizes of its batches."""

    def predict_on_batch(inputs):
        sizes.append(len(inputs["x"]))
        outputs = [scale * inputs["x"] + inputs["y"] for scale in scales]
        return outputs if len(outputs) > 1 else outputs[0]

    return types.SimpleNamespace(predict_on_batch=predict_on_batch)


@pytest.mark.parametrize("backend, expected", [("tensorflow", [4, 4, 1]), ("jax", [4, 4, 4])])
def test_on_jax_all_batches_are_of_one_size_and_nothing_is_added_to_what_comes_out(backend, expected, rng, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    x, y = rng.normal(size=(2, 9, 3))
    np.testing.assert_array_equal(predict(fake_model(sizes := [], 2), {"x": x, "y": y}, 4), 2 * x + y)
    assert sizes == expected


@pytest.mark.parametrize("count, size", [(1, 1), (2, 2), (3, 4), (5, 8), (8, 8)])
def test_few_slices_make_a_batch_of_a_power_of_two_on_jax(count, size, rng, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    x = rng.normal(size=(count, 2))
    assert predict(fake_model(sizes := [], 1), {"x": x, "y": x}, 16).shape == (count, 2)
    assert sizes == [size]


def test_every_output_of_a_model_is_put_together(rng):
    x, y = rng.normal(size=(2, 5, 3))
    outputs = predict(fake_model([], 1, 2, 3), {"x": x, "y": y}, 2)
    for n, output in enumerate(outputs, 1):
        np.testing.assert_array_equal(output, n * x + y)


def test_it_is_what_keras_predicts(rng):
    x = keras.Input((3,), name="x")
    model = keras.Model({"x": x}, keras.layers.Dense(2)(x))
    values = {"x": rng.normal(size=(7, 3)).astype(np.float32)}
    np.testing.assert_allclose(predict(model, values, 3), model.predict(values, verbose=0), rtol=1e-6)
