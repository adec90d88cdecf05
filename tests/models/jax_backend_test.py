"""The models build, learn and answer on Keras' JAX backend, without TensorFlow."""

import importlib.util
import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import jax
import keras
import numpy as np
from lsn_tf.losses import LevelSetLoss
from lsn_tf.models import AnySize, LevelSetNetwork, build_model

assert keras.backend.backend() == "jax"
window = (-100.0, 400.0)
assert build_model("lsn", window).count_params() > 0
rng = np.random.default_rng(0)
inputs = {"image": 200 * rng.normal(size=(1, 32, 32, 1)).astype("float32"), "spacing": np.float32([[0.7, 0.9]])}
mask = (rng.random((1, 32, 32, 1)) < 0.5).astype("float32")
for model in [LevelSetNetwork(window, width=4, scales=2, steps=1, learning="consistent"), build_model("unet", window)]:
    before = model.get_weights()
    model.compile(keras.optimizers.Adam(0.01), LevelSetLoss())
    assert np.isfinite(model.train_on_batch(inputs, mask))
    assert any((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
solver = AnySize(LevelSetNetwork(window, width=0, scales=1, steps=1), 16)
odd = {"image": inputs["image"][:, :21, :30], "spacing": inputs["spacing"]}
assert jax.jit(solver)(odd).shape == (1, 21, 30, 1)
assert "tensorflow" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_models_learn_on_jax_and_tensorflow_is_not_even_imported():
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiling takes nearly all the time
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
