"""Curvature is that of discs and paraboloids, second-order accurate, and zero where phi is flat or plane."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from lsn_tf.layers.curvature import Curvature
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.exact_solutions import paraboloid
from lsn_tf.numerics.level_sets import ball, pixel_centres

FIELD_MM = (12.6, 12.6)


def curvature(phi, pixel, **arguments):
    phi = np.asarray(phi, np.float32)[None, ..., None]
    return ops.convert_to_numpy(Curvature(**arguments)(phi, np.array([pixel], np.float32)))[0, ..., 0]


def disc(scale, radius=3.0):
    """Returns a disc's signed distance, the distance to its centre, and the pixel size."""
    pixel = (0.7 * scale, 0.9 * scale)
    shape, centre = [round(size / h) + 1 for size, h in zip(FIELD_MM, pixel, strict=True)], (6.3, 6.3)
    return ball(shape, pixel, centre, radius), ball(shape, pixel, centre, 0.0), pixel


def test_curvature_is_second_order_accurate():
    scales, errors = [1.0, 0.5, 0.25], []
    for scale in scales:
        phi, distance, pixel = disc(scale)
        near = (distance > 2) & (distance < 5)
        errors.append(np.abs(curvature(phi, pixel)[near] - 1 / distance[near]).max())
    assert observed_order(errors, scales) == pytest.approx(2, abs=0.2)


def test_a_disc_of_radius_r_has_a_curvature_of_one_over_r_and_its_complement_the_opposite():
    phi, _, pixel = disc(0.25)
    front = np.abs(phi) < 0.1
    np.testing.assert_allclose(curvature(phi, pixel)[front], 1 / 3, rtol=0.05)
    np.testing.assert_allclose(curvature(-phi, pixel)[front], -1 / 3, rtol=0.05)


def test_curvature_does_not_depend_on_the_slope_of_phi_and_with_the_gradient_is_proportional_to_it():
    phi, distance, pixel = disc(0.5)
    near = (distance > 2) & (distance < 5)
    np.testing.assert_allclose(curvature(5 * phi, pixel)[near], curvature(phi, pixel)[near], rtol=1e-3)
    bending = curvature(phi, pixel, times_gradient=True)
    np.testing.assert_allclose(curvature(5 * phi, pixel, times_gradient=True)[near], 5 * bending[near], rtol=1e-3)


def test_the_curvature_of_a_paraboloid_times_its_gradient_is_one_over_its_focus():
    pixel = (0.7, 0.9)
    phi, gradient = paraboloid((15, 13), pixel, focus_mm=4.0)
    bending = curvature(phi, pixel, times_gradient=True)
    away = gradient[1:-1, 1:-1] > 0.1
    np.testing.assert_allclose(bending[1:-1, 1:-1][away], 1 / 4, rtol=1e-3)


@pytest.mark.parametrize("times_gradient", [False, True])
@pytest.mark.parametrize("slope", [(0.0, 0.0), (1.0, 0.0), (0.3, -0.5)], ids=["flat", "along_y", "oblique"])
def test_a_plane_has_no_curvature(times_gradient, slope):
    y, x = pixel_centres((8, 9), (0.7, 0.9))
    found = curvature(slope[0] * y + slope[1] * x, (0.7, 0.9), times_gradient=times_gradient)
    np.testing.assert_allclose(found[1:-1, 1:-1], 0, atol=1e-5)


@pytest.mark.parametrize("times_gradient", [False, True])
def test_where_phi_is_flat_the_gradient_of_curvature_is_finite(times_gradient, spacing):
    phi = tf.Variable(tf.ones((1, 6, 7, 1)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(Curvature(times_gradient)(phi, spacing))
    assert np.isfinite(tape.gradient(total, phi)).all()


def test_transposing_phi_and_its_spacing_transposes_its_curvature(rng):
    phi = rng.normal(size=(8, 9))
    np.testing.assert_allclose(curvature(phi.T, (0.9, 0.7)), curvature(phi, (0.7, 0.9)).T, rtol=1e-4, atol=1e-4)


def test_an_epsilon_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="epsilon must be positive. Received epsilon=0"):
        Curvature(epsilon=0)
