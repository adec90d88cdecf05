"""Level set functions are signed distances in mm, negative inside, on grids whose pixels are not square."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

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


@pytest.mark.parametrize("spacing", [(1.5, 0.8), (1.0, 5.0)], ids=str)
def test_the_distance_to_pixels_is_that_to_the_nearest_of_the_other_side(rng, spacing):
    for mask in rng.random((3, 9, 12)) < 0.3:
        phi = level_sets.distance_to_pixels(mask, spacing)
        centres = np.stack(np.indices(mask.shape), axis=-1).reshape(-1, 2) * spacing
        other = mask.ravel()[:, None] != mask.ravel()
        nearest = np.where(other, cdist(centres, centres), np.inf).min(axis=1).reshape(mask.shape)
        np.testing.assert_allclose(np.abs(phi), nearest - 0.5 * min(spacing), rtol=1e-5)
        np.testing.assert_array_equal(level_sets.inside(phi), mask)


def test_without_a_border_all_pixels_are_as_far_as_the_diagonal():
    for mask in (np.zeros((4, 6), bool), np.ones((4, 6), bool)):
        phi = level_sets.distance_to_pixels(mask, (3.0, 1.5))
        np.testing.assert_allclose(phi, np.where(mask, -15.0, 15.0), rtol=1e-6)


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


def test_a_box_is_the_distance_to_its_surface():
    phi = level_sets.box((11, 12), SPACING, (1.4, 1.8), (4.2, 7.2))
    assert phi[4, 5] == pytest.approx(-1.4)  # in the middle, the horizontal sides are nearest
    assert phi[2, 5] == pytest.approx(0) and phi[4, 8] == pytest.approx(0)
    assert phi[9, 5] == pytest.approx(3 * 0.7) and phi[4, 0] == pytest.approx(2 * 0.9)
    assert phi[9, 11] == pytest.approx(np.hypot(3 * 0.7, 3 * 0.9))


def test_a_box_in_three_dimensions_has_its_volume():
    phi = level_sets.box((20, 30, 30), (1.0, 0.7, 0.9), (2.5, 3.85, 4.95), (12.5, 17.85, 22.95))
    assert level_sets.inside(phi).sum() * 0.7 * 0.9 == pytest.approx(10 * 14 * 18)


def test_a_box_without_volume_is_refused():
    with pytest.raises(ValueError, match="below upper_mm"):
        level_sets.box((5, 5), SPACING, (1, 2), (3, 2))


@pytest.mark.parametrize("spacing", [(0.7, 0.9), (2.5, 0.7, 0.9)], ids=["2-D", "3-D"])
def test_a_plane_front_arrives_after_distance_by_speed_and_is_already_inside(spacing):
    shape = (9, 12, 10)[-len(spacing) :]
    phi = level_sets.pixel_centres(shape, spacing)[-1] - 2.25
    time = level_sets.arrival_time(np.full(shape, 2.0), spacing, phi)
    np.testing.assert_allclose(time, np.maximum(phi, 0) / 2, atol=1e-12)


def arrival_errors(order, pixels):
    errors = []
    for pixel in pixels:
        shape, spacing = (round(14 / pixel), round(18 / pixel)), (pixel, 0.9 * pixel)
        phi = level_sets.ball(shape, spacing, (7.0, 8.1), 3.0)
        time = level_sets.arrival_time(np.full(shape, 0.5), spacing, phi, order)
        errors.append(np.abs(time - 2 * phi)[phi > 0].mean())
    return errors


def test_the_arrival_time_of_a_circle_is_first_order_accurate_and_better_with_second_order_differences():
    pixels = [0.8, 0.4, 0.2]
    first, second = arrival_errors(1, pixels), arrival_errors(2, pixels)
    assert observed_order(first, pixels) == pytest.approx(1, abs=0.2)
    assert observed_order(second, pixels) > 1.3 and (np.array(second) < first).all()


def test_where_the_speed_is_zero_and_behind_it_the_front_never_arrives():
    speed = np.ones((6, 10))
    speed[:, 6] = 0.0
    time = level_sets.arrival_time(speed, SPACING, level_sets.box((6, 10), SPACING, (-9, -9), (9, 2)))
    np.testing.assert_array_equal(np.isinf(time), np.arange(10) >= 6 + np.zeros((6, 1)))
    assert (time[:, :3] == 0).all() and (time[:, 3:6] > 0).all()


def test_without_a_front_all_is_inside_already_or_never_reached():
    speed = np.ones((4, 5))
    np.testing.assert_array_equal(level_sets.arrival_time(speed, SPACING, level_sets.INSIDE * speed), 0)
    np.testing.assert_array_equal(level_sets.arrival_time(speed, SPACING, -level_sets.INSIDE * speed), np.inf)


def test_a_front_that_cannot_move_stays_inside():
    phi = level_sets.ball((8, 9), SPACING, (2.8, 3.6), 1.5)
    time = level_sets.arrival_time(np.zeros((8, 9)), SPACING, phi)
    np.testing.assert_array_equal(time, np.where(level_sets.inside(phi), 0, np.inf))


@pytest.mark.parametrize("speed", [np.full((4, 5), -1.0), np.full((4, 5), np.nan), np.ones((5, 4))])
def test_a_speed_that_makes_no_arrival_time_is_refused(speed):
    with pytest.raises(ValueError, match="Received"):
        level_sets.arrival_time(speed, SPACING, np.ones((4, 5)))


def two_discs(spacing=SPACING):
    one, other = (level_sets.ball((30, 40), spacing, centre, 4.0) for centre in ((8.0, 8.0), (14.0, 26.0)))
    return one, other, np.minimum(one, other)


def test_parts_that_do_not_touch_the_start_go_outside_and_the_others_stay():
    one, other, both = two_discs()
    start = level_sets.ball((30, 40), SPACING, (9.0, 9.0), 2.0)
    kept = level_sets.connected_to(both, start)
    np.testing.assert_array_equal(level_sets.inside(kept), level_sets.inside(one))
    np.testing.assert_array_equal(np.abs(kept), np.abs(both))
    np.testing.assert_array_equal(level_sets.connected_to(both, np.minimum(start, other)), both)


def test_parts_that_meet_at_a_corner_only_are_not_connected():
    phi = np.ones((4, 4))
    phi[:2, :2] = phi[2:, 2:] = -1
    start = np.ones((4, 4))
    start[0, 0] = -1
    assert level_sets.inside(level_sets.connected_to(phi, start)).sum() == 4


def test_without_a_part_at_the_start_phi_stays_as_it_is():
    _, _, both = two_discs()
    nowhere = level_sets.ball((30, 40), SPACING, (20.0, 3.0), 1.5)
    assert level_sets.connected_to(both, nowhere) is both
    np.testing.assert_array_equal(level_sets.connected_to(np.ones((3, 3)), -np.ones((3, 3))), 1)


def test_parts_connected_through_other_slices_stay():
    phi = np.ones((3, 5, 9))
    phi[:, 2, 1] = phi[:, 2, 7] = -1  # two columns
    start = np.ones_like(phi)
    start[0, 2, 1] = -1
    assert level_sets.inside(level_sets.connected_to(phi, start)).sum() == 3
    phi[2, 2, 1:8] = -1  # a bridge
    assert level_sets.inside(level_sets.connected_to(phi, start)).sum() == 11


def test_the_distance_to_a_front_keeps_it_between_pixels():
    """A mask would put it on the faces of pixels, half a pixel off."""
    exact = level_sets.ball((40, 36), (0.7, 0.9), (14.0, 16.0), 8.3)
    far = np.where(exact > 6, np.inf, 3 * exact)  # of another slope, and unknown far out
    found = level_sets.distance_to_front(far, (0.7, 0.9))
    near = np.abs(exact) < 1
    of_mask = level_sets.signed_distance(exact < 0, (0.7, 0.9))
    assert np.sqrt(np.mean((found - exact)[near] ** 2)) < 0.3 * np.sqrt(np.mean((of_mask - exact)[near] ** 2))


def test_without_a_front_the_distance_to_it_is_that_of_an_empty_mask():
    np.testing.assert_array_equal(
        level_sets.distance_to_front(np.full((4, 5), np.inf), (1, 1)),
        level_sets.signed_distance(np.zeros((4, 5)), (1, 1)),
    )
