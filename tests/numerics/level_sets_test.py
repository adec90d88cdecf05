"""Level set functions are signed distances in mm, negative inside, on grids whose pixels are not square."""

import numpy as np
import pytest

from lsn_tf.numerics import level_sets
from lsn_tf.numerics.consistency import observed_order

SPACING = (0.7, 0.9)


def test_phi_is_negative_inside():
    np.testing.assert_array_equal(level_sets.inside(np.array([-1.0, 0.0, 1.0])), [True, False, False])


def test_pixel_centres_are_in_mm_along_their_own_axis():
    y, x = level_sets.pixel_centres((3, 4), SPACING)
    np.testing.assert_allclose(y[:, 0], [0, 0.7, 1.4])
    np.testing.assert_allclose(x[0], [0, 0.9, 1.8, 2.7])
    assert y.shape == x.shape == (3, 4)


def test_a_ball_is_the_distance_to_its_surface():
    phi = level_sets.ball((11, 12), SPACING, (3.5, 4.5), 2.0)
    assert phi[5, 5] == pytest.approx(-2.0)  # its centre
    assert phi[5, 9] == pytest.approx(4 * 0.9 - 2.0)
    assert phi[9, 5] == pytest.approx(4 * 0.7 - 2.0)
    assert phi[8, 9] == pytest.approx(np.hypot(3 * 0.7, 4 * 0.9) - 2.0)


def test_a_ball_in_three_dimensions_has_the_volume_of_a_sphere():
    phi = level_sets.ball((40, 40, 40), (0.5, 0.6, 0.7), (10, 12, 14), 8.0)
    volume = level_sets.inside(phi).sum() * 0.5 * 0.6 * 0.7
    assert volume == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.01)


def test_fast_marching_from_a_mask_is_first_order_accurate():
    errors, pixels = [], [0.8, 0.4, 0.2]
    for pixel in pixels:
        shape, spacing = (round(14 / pixel), round(18 / pixel)), (pixel, 0.9 * pixel)
        exact = level_sets.ball(shape, spacing, (7.0, 8.1), 5.0)
        errors.append(np.abs(level_sets.signed_distance(exact < 0, spacing) - exact).mean())
    assert observed_order(errors, pixels) == pytest.approx(1, abs=0.2)


def test_the_signed_distance_has_the_sign_of_its_mask(rng):
    mask = rng.random((12, 13)) < 0.4
    np.testing.assert_array_equal(level_sets.inside(level_sets.signed_distance(mask, SPACING)), mask)


def test_the_border_of_one_pixel_is_half_a_pixel_away_along_each_axis():
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    phi = level_sets.signed_distance(mask, SPACING)
    assert phi[3, 2] == pytest.approx(0.35) and phi[2, 3] == pytest.approx(0.45)
    assert -0.45 < phi[2, 2] < 0


@pytest.mark.parametrize("full", [True, False], ids=["full", "empty"])
def test_without_a_border_every_pixel_is_a_diagonal_away(full):
    phi = level_sets.signed_distance(np.full((30, 40), full), (2.0, 2.0))
    np.testing.assert_array_equal(np.abs(phi), 100.0)
    assert level_sets.inside(phi).all() == full


def test_transposing_a_mask_and_its_spacing_transposes_its_distance_in_any_memory_order(rng):
    mask = rng.random((12, 13)) < 0.4
    phi = level_sets.signed_distance(mask, SPACING)
    np.testing.assert_allclose(level_sets.signed_distance(mask.T, SPACING[::-1]), phi.T, atol=1e-12)


def test_seed_points_make_the_union_of_their_balls():
    seeds = [(3.0, 4.0), (7.0, 2.0)]
    union = level_sets.from_seed_points((16, 14), SPACING, seeds, radius_mm=1.5)
    balls = [level_sets.ball((16, 14), SPACING, seed, 1.5) for seed in seeds]
    np.testing.assert_array_equal(level_sets.inside(union), level_sets.inside(balls[0]) | level_sets.inside(balls[1]))
    for ball in balls:
        assert (union <= ball).all()


def test_no_seed_point_is_refused():
    with pytest.raises(ValueError, match="at least one point"):
        level_sets.from_seed_points((8, 8), SPACING, [])
