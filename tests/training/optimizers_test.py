"""Muon steps are nearly orthogonal where convolutions are hidden; elsewhere Adam steps, as it does alone."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from lsn_tf.models import build_model
from lsn_tf.training.optimizers import KernelMuon

WINDOW = (-100.0, 400.0)
# Of the two kernels with five filters, neither is higher than wide.
SHAPES = {"encoder_0": (1, 1, 3, 6), "encoder_1": (3, 3, 8, 6), "bottom": (3, 3, 4, 6), "decoder_0": (3, 3, 4, 2)} | {
    "encoder_2": (1, 1, 2, 5),
    "decoder_1": (1, 1, 4, 5),
}
SAME_ON_JAX = """
import jax
import keras
from optimizers_test import KernelMuon, WINDOW, assert_kernels_move_by_newton_schulz, build_model

assert keras.backend.backend() == "jax"
for nesterov in (True, False):
    assert_kernels_move_by_newton_schulz(nesterov)
optimizer, weights = KernelMuon(), [weight.value for weight in build_model("unet", WINDOW).trainable_weights]
optimizer.build(build_model("unet", WINDOW).trainable_weights)
step = jax.jit(optimizer.stateless_apply).lower([variable.value for variable in optimizer.variables], weights, weights)
products = step.as_text().count("stablehlo.dot_general")
assert products == 3 * optimizer.ns_steps, products  # of all eighteen kernels
"""


def variable(name, value):
    return keras.Variable(np.asarray(value, np.float32), name=name)


def stepped(optimizer, variables, gradients, steps=1):
    """Returns by how much each variable has moved."""
    before = [v.numpy().copy() for v in variables]
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients], variables)
    return [v.numpy() - b for v, b in zip(variables, before, strict=True)]


@pytest.fixture
def kernel(rng):
    return rng.normal(size=(3, 3, 4, 6))


def gradient_like(kernel, rng):
    """Returns a gradient of which some filters are thirty times as large as others."""
    return rng.normal(size=kernel.shape) * np.logspace(-1.5, 0, kernel.shape[-1])


def test_a_step_changes_every_feature_of_a_hidden_convolution_at_nearly_one_rate(kernel, rng):
    (step,) = stepped(KernelMuon(0.1), [variable("encoder_0_conv", kernel)], [gradient_like(kernel, rng)])
    rates = np.linalg.svd(step.reshape(36, 6), compute_uv=False)
    assert rates.min() > 0.5 * rates.max()
    np.testing.assert_allclose(rates, 0.1 * 0.2 * np.sqrt(36), rtol=0.4)  # lr * rms * root of the longer side


def test_the_first_step_goes_along_the_polar_factor_of_the_gradient(kernel, rng):
    gradient = rng.normal(size=kernel.shape)
    (step,) = stepped(KernelMuon(0.1), [variable("bottom_conv", kernel)], [gradient])
    left, _, right = np.linalg.svd(gradient.reshape(36, 6), full_matrices=False)
    polar, step = -(left @ right).ravel(), step.ravel()
    assert step @ polar / np.linalg.norm(step) / np.linalg.norm(polar) > 0.97


def test_a_step_does_not_depend_on_the_size_of_the_gradient(kernel, rng):
    gradient = gradient_like(kernel, rng)
    steps = [
        stepped(KernelMuon(0.1), [variable("decoder_1_conv", kernel)], [scale * gradient], steps=3)[0]
        for scale in (1.0, 100.0)
    ]
    np.testing.assert_allclose(*steps, atol=1e-4)


def newton_schulz(matrix):
    """Returns what five quintic iterations make of a matrix, each singular value by itself."""
    left, values, right = np.linalg.svd(matrix / np.linalg.norm(matrix), full_matrices=False)
    for _ in range(5):
        values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
    return left @ np.diag(values) @ right


def assert_kernels_move_by_newton_schulz(nesterov):
    """Kernels of several heights and widths and a bias in three steps: each moves as it would alone."""
    rng = np.random.default_rng(0)
    names, shapes = [*SHAPES, "bias"], [*SHAPES.values(), (6,)]
    variables = [variable(name, np.zeros(shape)) for name, shape in zip(names, shapes, strict=True)]
    optimizer, momentums = KernelMuon(0.1, nesterov=nesterov), dict.fromkeys(SHAPES, 0.0)
    for _ in range(3):
        gradients = [rng.normal(size=shape) for shape in shapes]
        *steps, of_bias = stepped(optimizer, variables, gradients)
        for name, step, gradient in zip(SHAPES, steps, gradients, strict=False):
            momentums[name] = 0.95 * momentums[name] + gradient
            direction = gradient + 0.95 * momentums[name] if nesterov else momentums[name]
            matrix = direction.reshape(-1, direction.shape[-1])
            expected = -0.1 * 0.2 * np.sqrt(max(matrix.shape)) * newton_schulz(matrix)
            np.testing.assert_allclose(step.reshape(matrix.shape), expected, atol=1e-5)
        assert np.abs(of_bias).min() > 1e-3


@pytest.mark.parametrize("nesterov", [True, False])
def test_kernels_of_all_sizes_move_by_their_own_newton_schulz_iteration(nesterov):
    assert_kernels_move_by_newton_schulz(nesterov)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_on_jax_they_do_too_in_a_few_products_of_all():
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", SAME_ON_JAX], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    ("name", "shape"),
    [("encoder_0_conv", (6,)), ("head", (3, 3, 4, 6)), ("one_sided", (3, 3, 1, 4)), ("edges", (3, 3, 1, 16))],
)
def test_biases_heads_and_stencils_are_moved_by_adam(name, shape, rng):
    value, gradient = rng.normal(size=(2, *shape))
    found, expected = (
        stepped(optimizer(0.01), [variable(name, value)], [gradient], steps=3)
        for optimizer in (KernelMuon, keras.optimizers.Adam)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "hidden"), [("lsn", 18), ("unet", 18), ("unet_2019", 18), ("lse", 0), ("lsn_2019", 0)]
)
def test_the_hidden_convolutions_of_the_presets_are_found(model, hidden):
    optimizer, weights = KernelMuon(), build_model(model, WINDOW).trainable_weights
    optimizer.build(weights)
    assert sum(velocity is None for velocity in optimizer.adam_velocities) == hidden


def test_nothing_is_decayed_and_the_configuration_comes_back():
    optimizer = KernelMuon.from_config(KernelMuon(0.3).get_config())
    still = variable("encoder_0_conv", np.ones((3, 3, 2, 2)))
    (step,) = stepped(optimizer, [still], [np.zeros((3, 3, 2, 2))])
    np.testing.assert_array_equal(step, 0.0)
    assert float(optimizer.learning_rate) == pytest.approx(0.3)
