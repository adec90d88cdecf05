"""A distorted phi becomes a signed distance again, and its front stays where it is."""

import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.layers.reinitialization import Reinitialization
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.exact_solutions import moving_circle
from lsn_tf.numerics.level_sets import ball, inside, pixel_centres

RADIUS = 4.0
DISTORTIONS = {
    "steep": lambda y, x: 3.0,
    "shallow": lambda y, x: 0.4,
    "uneven": lambda y, x: np.exp(0.5 * np.sin(x) * np.cos(0.7 * y)),
}
every_distortion = pytest.mark.parametrize("distortion", DISTORTIONS.values(), ids=DISTORTIONS)


def reinitialize(phi, pixel, steps, dtype="float32"):
    layer = tf.function(Reinitialization(steps, dtype=dtype))
    phi, spacing = np.asarray(phi, dtype)[None, ..., None], np.array([pixel], dtype)
    return layer(tf.constant(phi), tf.constant(spacing)).numpy()[0, ..., 0]


def distorted(scale, distortion):
    """Returns the exact distance on 12 x 12 mm, the distorted one and the pixel size."""
    pixel = (0.7 * scale, 0.9 * scale)
    shape = [2 * round(6 / h) + 1 for h in pixel]
    exact = moving_circle(shape, pixel, RADIUS)
    return exact, exact * distortion(*pixel_centres(shape, pixel)), pixel


def recovered(scale, distortion, dtype="float32"):
    """Returns the exact distance, what is recovered after the characteristics have gone 4 mm, and the pixel size."""
    exact, phi, pixel = distorted(scale, distortion)
    return exact, reinitialize(phi, pixel, int(8 / pixel[0]), dtype), pixel


def on_circle(phi, pixel):
    """Returns phi, bilinearly interpolated, at points of the true circle: by how much the front has moved there."""
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    y, x = (
        RADIUS * turn / h + (n - 1) / 2
        for turn, h, n in zip((np.sin(angle), np.cos(angle)), pixel, phi.shape, strict=True)
    )
    i, j = y.astype(int), x.astype(int)
    upper, lower = (phi[k, j] * (1 + j - x) + phi[k, j + 1] * (x - j) for k in (i, i + 1))
    return upper * (1 + i - y) + lower * (y - i)


@every_distortion
def test_the_distance_near_the_front_is_recovered_with_order_one(distortion):
    scales, errors = [0.5, 0.25, 0.125], []
    for scale in scales:
        exact, found, _ = recovered(scale, distortion)
        errors.append(np.abs(found - exact)[np.abs(exact) < 1.5].max())
    assert observed_order(errors, scales) == pytest.approx(1, abs=0.2)


@every_distortion
def test_the_front_is_where_it_was_with_order_two(distortion):
    scales, errors = [0.5, 0.25, 0.125], []
    for scale in scales:
        _, found, pixel = recovered(scale, distortion, "float64")
        errors.append(np.sqrt(np.mean(on_circle(found, pixel) ** 2)))
    assert observed_order(errors, scales) == pytest.approx(2, abs=0.2)


@every_distortion
def test_the_front_stays_however_many_steps_there_are(distortion):
    _, phi, pixel = distorted(0.5, distortion)
    few, many = (on_circle(reinitialize(phi, pixel, steps, "float64"), pixel) for steps in (20, 200))
    np.testing.assert_allclose(many, few, atol=1e-6)


@pytest.mark.parametrize("shape", [(12, 13), (6, 7, 8)], ids=["plane", "space"])
def test_no_pixel_changes_sides(shape, rng):
    phi = rng.normal(size=(10, *shape, 1)).astype(np.float32)
    spacing = np.tile(np.float32((2.5, 0.7, 0.9)[-len(shape) :]), (10, 1))
    for steps in (1, 100):
        found = tf.function(Reinitialization(steps))(tf.constant(phi), tf.constant(spacing))
        np.testing.assert_array_equal(inside(found.numpy()), inside(phi))


def test_a_distance_that_has_been_recovered_is_a_steady_state():
    _, phi, pixel = distorted(0.5, DISTORTIONS["uneven"])
    once = reinitialize(phi, pixel, 300, "float64")
    np.testing.assert_allclose(reinitialize(phi, pixel, 310, "float64"), once, atol=1e-9)


def test_in_space_the_distance_to_a_ball_is_recovered_with_order_one():
    scales, errors = [0.8, 0.4, 0.2], []
    for scale in scales:
        pixel = np.array([0.8, 0.7, 0.9]) * scale
        shape = [2 * round(4 / h) + 1 for h in pixel]
        exact = ball(shape, pixel, [h * (n // 2) for h, n in zip(pixel, shape, strict=True)], 2.5)
        z, y, x = pixel_centres(shape, pixel)
        found = reinitialize(exact * np.exp(0.5 * np.sin(x) * np.cos(0.7 * y + z)), pixel, int(6 / pixel[1]))
        errors.append(np.abs(found - exact)[np.abs(exact) < 1.2].mean())
    assert observed_order(errors, scales) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("axis", range(3), ids="zyx")
def test_a_phi_that_does_not_change_along_an_axis_becomes_the_distance_of_its_slice(axis, rng):
    phi, pixel = rng.normal(size=(9, 10)), (0.7, 0.9)
    flat = reinitialize(phi, pixel, 8, "float64")
    found = reinitialize(np.repeat(np.expand_dims(phi, axis), 4, axis), np.insert(pixel, axis, 2.5), 8, "float64")
    np.testing.assert_allclose(found, np.repeat(np.expand_dims(flat, axis), 4, axis), atol=1e-12)


def test_permuting_the_axes_permutes_the_distance(rng):
    phi, pixel, axes = rng.normal(size=(6, 7, 8)), np.array([2.5, 0.7, 0.9]), [2, 0, 1]
    permuted = reinitialize(phi.transpose(axes), pixel[axes], 8, "float64")
    np.testing.assert_allclose(permuted, reinitialize(phi, pixel, 8, "float64").transpose(axes), atol=1e-12)


@pytest.mark.parametrize("steps", [1, 10])
def test_where_phi_is_flat_the_gradient_is_finite(steps, spacing):
    y, x = np.indices((9, 10))
    for phi in (np.ones((9, 10)), np.zeros((9, 10)), np.clip(np.hypot(y - 4, x - 5) - 2, -1, 1)):
        phi = tf.Variable(phi[None, ..., None].astype(np.float32))
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(Reinitialization(steps)(phi, spacing) ** 2)
        assert np.isfinite(tape.gradient(total, phi)).all()


def test_a_distance_along_an_axis_is_a_steady_state(spacing):
    plane = 0.9 * (np.arange(14) - 6.5) + np.zeros((8, 14))
    found = reinitialize(plane, spacing[0], 3)
    np.testing.assert_allclose(found[:, 3:-3], plane[:, 3:-3], atol=1e-5)


def test_minus_phi_becomes_minus_the_distance(rng, spacing):
    phi = rng.normal(size=(9, 10))
    np.testing.assert_allclose(reinitialize(-phi, spacing[0], 5), -reinitialize(phi, spacing[0], 5), atol=1e-6)


def test_where_there_is_no_contour_a_phi_of_zero_stays_zero(spacing):
    np.testing.assert_array_equal(reinitialize(np.zeros((5, 6)), spacing[0], 3), 0)


def test_no_step_at_all_is_refused():
    with pytest.raises(ValueError, match="at least 1. Received steps=0"):
        Reinitialization(0)
