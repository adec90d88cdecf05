"""Parameters mean what they say: speeds, times and radii in mm and s."""

import dataclasses

import numpy as np
import pytest

from lsn_tf.numerics.level_sets import ball, signed_distance
from lsn_tf.solver.seeded_contour import Parameters, arrival_times, contours_at, segment_from

SHAPE, SPACING, CENTRE = (48, 40), (0.7, 0.9), (16.0, 18.0)


def homogeneous(shape=SHAPE, spacing=SPACING, centre=CENTRE, radius=4.0):
    """Returns an image of one intensity, its pixel size, and a ball to start from; a batch of one each."""
    phi = ball(shape, spacing, centre, radius)[None, ..., None]
    return np.full_like(phi, 110.0), np.array([spacing]), phi


def test_where_all_looks_alike_the_front_arrives_with_the_speed_of_propagation():
    image, spacing, phi = homogeneous()
    times = arrival_times(image, spacing, phi, Parameters(propagation=2.0, curvature=0.0))
    away = (phi > 2) & (phi < 9)
    half_a_pixel = min(SPACING) / 2
    np.testing.assert_allclose(2 * times[away], phi[away], atol=half_a_pixel)
    assert (times[phi < 0] == 0).all()


def test_the_front_that_has_marched_lies_between_pixels_where_it_should():
    image, spacing, phi = homogeneous()
    marched = contours_at(arrival_times(image, spacing, phi, Parameters(curvature=0.0)), 5.3, spacing)
    of_mask = signed_distance((marched < 0)[0, ..., 0], SPACING)[None, ..., None]
    near = np.abs(phi - 5.3) < 0.5
    off, mask_off = (np.sqrt(np.mean((found - (phi - 5.3))[near] ** 2)) for found in (marched, of_mask))
    assert off < 0.75 * mask_off


def test_what_the_front_cannot_enter_it_never_reaches():
    image, spacing, phi = homogeneous()
    image[:, :, 30:] = -1000.0
    times = arrival_times(image, spacing, phi, Parameters())
    assert np.isinf(times[:, :, 36:]).all() and np.isfinite(times[:, :, :26]).all()


def test_a_ball_needs_twice_the_speed_of_a_disc_against_its_curvature():
    parameters = Parameters(curvature=2.5, seed_radius=4.0, seconds=1.0)
    segment_from(*homogeneous(), parameters)
    with pytest.raises(ValueError, match="seed_radius / 2 in 3 dimensions.* Received curvature=2.5"):
        segment_from(*homogeneous((8, 12, 10), (2.0, 0.7, 0.9), (8.0, 4.0, 4.5)), parameters)
    with pytest.raises(ValueError, match="seed_radius / 1 in 2 dimensions.* Received curvature=4.0"):
        dataclasses.replace(parameters, curvature=4.0)


@pytest.mark.parametrize("name", ["propagation", "sigma", "width", "seed_radius", "seconds"])
def test_what_must_be_positive_is_refused_at_zero(name):
    with pytest.raises(ValueError, match=f"{name} must be positive. Received {name}=0"):
        Parameters(**{name: 0.0})
