"""Curvature is that of discs and paraboloids, second-order accurate, and zero where phi is flat or plane."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from lsn_tf.layers.boundary import BOUNDARIES, pad
from lsn_tf.layers.curvature import Curvature, MonotoneCurvature
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.exact_solutions import paraboloid
from lsn_tf.numerics.level_sets import ball, pixel_centres

FIELD_MM = (12.6, 12.6)


def curvature(phi, pixel, **arguments):
    phi = np.asarray(phi, np.float32)[None, ..., None]
    return ops.convert_to_numpy(Curvature(**arguments)(phi, np.array([pixel], np.float32)))[0, ..., 0]


def precise(layer, phi, pixel):
    """Returns the curvature of an array by a layer of double precision."""
    return ops.convert_to_numpy(layer(phi[None, ..., None], np.array([pixel])))[0, ..., 0]


def central(**arguments):
    return Curvature(dtype="float64", **arguments)


def monotone(radius=2, **arguments):
    return MonotoneCurvature(radius, dtype="float64", **arguments)


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


def test_a_ball_of_radius_r_has_a_curvature_of_two_over_r_second_order_accurate():
    refinements, errors = [1, 2, 4], []
    for n in refinements:
        pixel, same = np.array([0.4, 0.35, 0.45]) / n, (slice(n, -n, n),) * 3  # the inner points of the coarse grid
        distance = ball([6 * n + 1, 7 * n + 1, 5 * n + 1], pixel, (-1.0, -1.5, -2.0), 0.0)  # an octant is enough
        errors.append(np.abs(precise(central(), distance, pixel) - 2 / distance)[same].max())
    assert observed_order(errors, [1 / n for n in refinements]) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("times_gradient", [False, True])
@pytest.mark.parametrize("axis", range(3), ids="zyx")
def test_a_cylinder_has_the_curvature_of_its_disc(times_gradient, axis, rng):
    disc, pixel = rng.normal(size=(6, 7)), (0.7, 0.9)
    flat = precise(central(times_gradient=times_gradient), disc, pixel)
    cylinder = np.repeat(np.expand_dims(disc, axis), 4, axis)
    found = precise(central(times_gradient=times_gradient), cylinder, np.insert(pixel, axis, 2.5))
    np.testing.assert_allclose(found, np.repeat(np.expand_dims(flat, axis), 4, axis), rtol=1e-11, atol=1e-11)


def test_permuting_the_axes_of_space_permutes_its_curvature(rng):
    phi, pixel = rng.normal(size=(5, 6, 7)), np.array([2.5, 0.7, 0.9])
    for axes in [(2, 0, 1), (1, 0, 2), (0, 2, 1)]:
        permuted = precise(central(), phi.transpose(axes), pixel[list(axes)])
        np.testing.assert_allclose(permuted, precise(central(), phi, pixel).transpose(axes), rtol=1e-11, atol=1e-11)


def test_an_epsilon_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="epsilon must be positive. Received epsilon=0"):
        Curvature(epsilon=0)


RINGS = [(1 / 4, 2), (1 / 16, 4), (1 / 64, 8)]  # (scale, radius): a radius in pixels of 1 / sqrt(scale)


def monotone_errors(phi_and_exact):
    """Returns the largest errors of the monotone curvature on 3.5 x 3.6 mm, more than a ring away from the frame."""
    errors = []
    for scale, radius in RINGS:
        pixel = (0.7 * scale, 0.9 * scale)
        y, x = pixel_centres((round(3.5 / pixel[0]), round(3.6 / pixel[1])), pixel)
        phi, exact = phi_and_exact(y + 0.6, x + 0.8)
        inner = (abs(y - 1.75) < 1.2) & (abs(x - 1.8) < 1.2)
        errors.append(np.abs(precise(monotone(radius), phi, pixel) - exact)[inner].max())
    return errors


def test_monotone_curvature_of_a_distance_is_first_order_accurate_if_the_ring_widens_as_pixels_shrink():
    errors = monotone_errors(lambda y, x: (np.hypot(y, x), 1 / np.hypot(y, x)))
    assert observed_order(errors, [scale for scale, _ in RINGS]) == pytest.approx(1, abs=0.2)


def uneven(y, x):
    """Returns phi = y + x / 2 + 0.3 sin(x y / 2), whose slope varies along its level sets, and kappa |grad phi|."""
    wave, slope = 0.3 * np.sin(x * y / 2), 0.3 * np.cos(x * y / 2)
    phi_y, phi_x = 1 + slope * x / 2, 0.5 + slope * y / 2
    phi_yy, phi_xx, phi_xy = -wave * x**2 / 4, -wave * y**2 / 4, slope / 2 - wave * x * y / 4
    bending = phi_yy * phi_x**2 + phi_xx * phi_y**2 - 2 * phi_x * phi_y * phi_xy
    return y + x / 2 + wave, bending / (phi_x**2 + phi_y**2)


def test_monotone_curvature_of_any_phi_converges_more_slowly():
    order = observed_order(monotone_errors(uneven), [scale for scale, _ in RINGS])
    assert 0.25 < order < 0.8  # its theory: 1/2


def test_with_a_given_ring_monotone_curvature_does_not_converge():
    errors = []
    for scale in (scales := [0.25, 0.125, 0.0625]):
        phi, distance, pixel = disc(scale)
        near = (distance > 2) & (distance < 4)
        errors.append(np.abs(precise(monotone(1), phi, pixel) - 1 / np.maximum(distance, 1))[near].max())
    assert observed_order(errors, scales) < 0.1


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize("boundary", ["replicate", "periodic"])
def test_raising_any_other_pixel_never_lowers_monotone_curvature(radius, boundary, rng):
    layer = monotone(radius, boundary=boundary)
    for phi in rng.normal(size=(20, 9, 10)):
        higher = phi + rng.exponential(1.0, phi.shape) * (rng.random(phi.shape) < 0.3)
        where = higher == phi
        assert (precise(layer, higher, (0.7, 0.9)) >= precise(layer, phi, (0.7, 0.9)))[where].all()


def test_raising_another_pixel_can_lower_central_curvature(rng):
    layer = central(times_gradient=True)
    phi = rng.normal(size=(9, 10))
    higher = phi + rng.exponential(1.0, phi.shape) * (rng.random(phi.shape) < 0.3)
    assert (precise(layer, higher, (0.7, 0.9)) < precise(layer, phi, (0.7, 0.9)) - 0.1)[higher == phi].any()


def test_central_curvature_leaves_a_single_pixel_where_it_is_and_monotone_curvature_fills_it():
    phi = np.ones((7, 8))
    phi[3, 4] = -1.0
    assert precise(central(times_gradient=True), phi, (0.7, 0.9))[3, 4] == 0
    assert precise(monotone(), phi, (0.7, 0.9))[3, 4] > 0.5


def test_monotone_curvature_of_a_plane_is_zero_and_of_minus_phi_the_opposite(rng):
    y, x = pixel_centres((8, 9), (0.7, 0.9))
    found = precise(monotone(2, boundary="extrapolate"), 0.3 * y - 0.5 * x, (0.7, 0.9))
    np.testing.assert_allclose(found, 0, atol=1e-12)
    phi = rng.normal(size=(8, 9))
    np.testing.assert_array_equal(precise(monotone(), -phi, (0.7, 0.9)), -precise(monotone(), phi, (0.7, 0.9)))


def test_transposing_or_reflecting_phi_does_so_to_its_monotone_curvature(rng):
    phi = rng.normal(size=(8, 9))
    found = precise(monotone(), phi, (0.7, 0.9))
    np.testing.assert_allclose(precise(monotone(), phi.T, (0.9, 0.7)), found.T, rtol=1e-12)
    np.testing.assert_allclose(precise(monotone(), phi[::-1], (0.7, 0.9)), found[::-1], rtol=1e-12)
    np.testing.assert_allclose(precise(monotone(), phi[:, ::-1], (0.7, 0.9)), found[:, ::-1], rtol=1e-12)


def test_the_courant_rate_of_space_counts_all_axes_but_that_of_the_widest_pixels():
    layer = central()
    layer.build((1, 5, 6, 7, 1))
    rate = layer.courant_rate(np.array([[2.5, 0.7, 0.9], [0.5, 0.7, 0.9]]))
    np.testing.assert_allclose(np.ravel(rate), [2 / 0.7**2 + 2 / 0.9**2, 2 / 0.5**2 + 2 / 0.7**2])


def test_the_courant_rate_of_monotone_curvature_is_what_the_median_takes_from_the_pixel_itself(rng):
    spacing, layer = np.array([[0.7, 0.9]]), monotone(2)
    rate = float(np.squeeze(layer.courant_rate(spacing)))
    steepest = 0.0
    for phi in rng.normal(size=(20, 9, 10)):
        higher = phi.copy()
        higher[4, 5] += 1e-6
        fall = precise(layer, phi, spacing[0])[4, 5] - precise(layer, higher, spacing[0])[4, 5]
        steepest = max(steepest, fall / 1e-6)
    assert rate == pytest.approx(2 / (2 * 0.7) ** 2)
    assert 0.5 * rate < steepest <= rate * (1 + 1e-6)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("layer_of", [central, monotone], ids=["central", "monotone"])
def test_more_padding_than_needed_changes_nothing(layer_of, boundary, rng):
    phi, spacing, layer = rng.normal(size=(1, 8, 9, 1)), np.array([[0.7, 0.9]]), layer_of(boundary=boundary)
    expected = layer(phi, spacing)
    found = layer.of_padded(pad(phi, 4, boundary), spacing, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_where_phi_is_flat_the_gradient_of_monotone_curvature_is_finite(spacing):
    phi = tf.Variable(tf.ones((1, 6, 7, 1)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(MonotoneCurvature()(phi, spacing))
    assert np.isfinite(tape.gradient(total, phi)).all()


def test_monotone_curvature_refuses_space_and_an_empty_ring():
    with pytest.raises(ValueError, match=r"\(batch, height, width, 1\).*Received shape \(1, 4, 5, 6, 1\).*central"):
        MonotoneCurvature()(np.ones((1, 4, 5, 6, 1), np.float32), np.ones((1, 3), np.float32))
    with pytest.raises(ValueError, match="radius must be at least 1 pixel. Received radius=0"):
        MonotoneCurvature(0)
