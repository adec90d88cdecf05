"""The steps that are timed are those of a training, on both backends, and their cost is that of their convolutions."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from lsn_tf.data.phantoms import make_scans
from lsn_tf.data.pipeline import gather_slices
from lsn_tf.models import build_model
from lsn_tf.studies.training_steps import EPOCH_STEPS, epoch_of_fit, training_steps
from lsn_tf.training.deep_supervision import LossWeights, masks_for, supervised

LSN = "lsn:width=2,scales=1,steps=3"
SAME_ON_JAX = """
import keras
import numpy as np
from lsn_tf.studies.step_costs import cost_by_shapes
from training_steps_test import LSN, losses_both_ways, model_and_batch, training_steps

assert keras.backend.backend() == "jax"
for name in (LSN, "unet:filters=4-4"):
    ours, of_keras = losses_both_ways(name)
    np.testing.assert_allclose(ours, of_keras, rtol=1e-4)
model, inputs, masks = model_and_batch("unet:filters=8-8-8", size=64)
counted, by_shapes = training_steps(model, inputs, masks).cost, cost_by_shapes(model, 2, 64)
assert 0.9 < counted.flops / by_shapes.flops < 1.1, (counted, by_shapes)
steps = [training_steps(*model_and_batch(f"lsn:width=2,scales=1,steps={n}")).cost for n in (1, 9)]
assert steps[1].flops - steps[0].flops > 8 * 2 * 16 * 16 * 30, steps
"""


def model_and_batch(name, size=16):
    keras.utils.set_random_seed(0)
    model, rng = build_model(name, (-100.0, 400.0)), np.random.default_rng(0)
    model = supervised(model, keras.optimizers.Adam(0.01), LossWeights())
    inputs = {"image": 200 * rng.normal(size=(2, size, size, 1)), "spacing": np.tile([0.7, 0.9], (2, 1))}
    inputs = {key: value.astype(np.float32) for key, value in inputs.items()}
    return model, inputs, masks_for(model, (inputs["image"] > 50).astype(np.float32))


def losses_both_ways(name):
    """Returns the losses of steps 1, 3 and 6, and what Keras' own steps give."""
    steps = training_steps(*model_and_batch(name))
    model, inputs, masks = model_and_batch(name)
    losses = []
    for _ in range(6):
        model.reset_metrics()
        losses.append(np.ravel(model.train_on_batch(inputs, masks))[0])
    return [steps.make(count) for count in (1, 2, 3)], [losses[n - 1] for n in (1, 3, 6)]


@pytest.mark.parametrize("name", [LSN, "unet:filters=4-4"])
def test_the_steps_are_those_of_keras(name):
    ours, of_keras = losses_both_ways(name)
    np.testing.assert_allclose(ours, of_keras, rtol=1e-4)
    assert ours[2] < ours[0]


@pytest.mark.parametrize("name", [LSN, "lsn_refiner:width=2,depth=2"])
def test_an_epoch_of_fit_has_its_steps_and_ends_with_the_scans_that_monitor(name):
    model, *_ = model_and_batch(name)
    train = epoch_of_fit(model, gather_slices(make_scans([0]), 16), batch_size=2)
    for epoch in (1, 2):
        logs = train().history
        assert int(model.optimizer.iterations) == epoch * EPOCH_STEPS
        assert np.isfinite(logs["loss"]).all() and 0 <= logs["val_dice"][0] <= 1


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_on_jax_they_are_too_and_xla_counts_what_the_shapes_say():
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiling takes nearly all the time
    done = subprocess.run([sys.executable, "-c", SAME_ON_JAX], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
