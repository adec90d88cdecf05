"""The exact solutions solve their equations."""

import numpy as np
import pytest

from lsn_tf.numerics import exact_solutions, level_sets

SHAPE, SPACING = (41, 33), (0.07, 0.09)


def test_a_moving_circle_solves_the_level_set_equation():
    speed, velocity, step = 0.8, (0.5, -0.3), 1e-4
    earlier, now, later = (
        exact_solutions.moving_circle(SHAPE, SPACING, 0.6, time=0.2 + dt, speed=speed, velocity=velocity)
        for dt in (-step, 0, step)
    )
    phi_y, phi_x = np.gradient(now, *SPACING)
    residual = (
        (later - earlier) / (2 * step) + speed * np.hypot(phi_y, phi_x) + velocity[0] * phi_y + velocity[1] * phi_x
    )
    assert np.abs(residual[np.abs(now) < 0.3]).max() < 0.02  # central differences of a circle of radius > 0.3


def test_a_circle_that_does_not_move_is_the_distance_to_it():
    centre = (0.5 * 40 * 0.07, 0.5 * 32 * 0.09)
    phi = exact_solutions.moving_circle(SHAPE, SPACING, 0.6, time=3.0)
    np.testing.assert_array_equal(phi, level_sets.ball(SHAPE, SPACING, centre, 0.6))


def test_a_positive_speed_expands_and_the_velocity_is_that_of_the_centre():
    phi = exact_solutions.moving_circle(SHAPE, SPACING, 0.3, time=1.0, speed=0.2, velocity=(4 * 0.07, -5 * 0.09))
    assert np.unravel_index(phi.argmin(), SHAPE) == (24, 11)
    assert phi.min() == pytest.approx(-0.5)


def test_a_circle_shrinks_with_a_rate_of_epsilon_over_its_radius():
    radius, earlier, later = (exact_solutions.mean_curvature_radius(5.0, 0.4, t) for t in (2.0, 1.999, 2.001))
    assert (later - earlier) / 0.002 == pytest.approx(-0.4 / radius, rel=1e-6)
    assert exact_solutions.mean_curvature_radius(5.0, 0.4, 0.0) == 5.0


def test_a_time_after_the_circle_has_vanished_is_refused():
    with pytest.raises(ValueError, match="vanishes at t = 31.25 s. Received t = 32"):
        exact_solutions.mean_curvature_radius(5.0, 0.4, 32.0)


def test_the_gradient_of_a_paraboloid_is_that_of_its_values():
    phi, gradient = exact_solutions.paraboloid(SHAPE, SPACING, 2.0)
    phi_y, phi_x = np.gradient(phi, *SPACING)  # central differences are exact for a quadratic
    np.testing.assert_allclose(np.hypot(phi_y, phi_x)[1:-1, 1:-1], gradient[1:-1, 1:-1], atol=1e-12)
    assert phi.min() == phi[20, 16] == pytest.approx(0)
