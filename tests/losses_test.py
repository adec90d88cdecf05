"""Losses agree with their formulas, and every case of an empty mask is decided."""

import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.losses import EXPANSION_LOGIT, LevelSetLoss, contour_length
from lsn_tf.numerics.level_sets import ball


def per_slice(mask, phi, **arguments):
    return LevelSetLoss(reduction=None, **arguments)(np.float32(mask), np.float32(phi)).numpy()


def random_case(rng):
    return rng.random((3, 6, 7, 1)) < 0.4, 5 * rng.normal(size=(3, 6, 7, 1))


def test_the_loss_is_its_formula(rng):
    mask, phi = random_case(rng)
    p, axes = 1 / (1 + np.exp(phi / 2.0)), (1, 2, 3)
    dice_term = ((mask - p) ** 2).sum(axes) / ((mask**2).sum(axes) + (p**2).sum(axes) + 1)
    entropy = -np.where(mask, np.log(p), np.log(1 - p)).mean(axes)
    np.testing.assert_allclose(
        per_slice(mask, phi, cross_entropy=0.3, width_mm=2.0), dice_term + 0.3 * entropy, rtol=1e-5
    )


def test_the_loss_of_a_slice_does_not_depend_on_its_neighbours(rng):
    mask, phi = random_case(rng)
    alone = [per_slice(mask[n : n + 1], phi[n : n + 1])[0] for n in range(3)]
    np.testing.assert_allclose(per_slice(mask, phi), alone, rtol=1e-6)
    assert float(LevelSetLoss()(np.float32(mask), np.float32(phi))) == pytest.approx(np.mean(alone))


@pytest.mark.parametrize("full", [True, False], ids=["full", "empty"])
def test_a_perfect_answer_has_no_loss_and_the_opposite_one_a_large_one(full):
    mask = np.full((1, 6, 7, 1), full)
    perfect = np.where(mask, -1000.0, 1000.0)
    assert per_slice(mask, perfect) == pytest.approx(0, abs=1e-6)
    assert per_slice(mask, -perfect) > 0.9


def test_the_loss_follows_a_reflection_or_transposition_of_both(rng):
    mask, phi = random_case(rng)
    for change in (lambda x: x[:, ::-1], lambda x: x[:, :, ::-1], lambda x: x.transpose(0, 2, 1, 3)):
        np.testing.assert_allclose(per_slice(change(mask), change(phi)), per_slice(mask, phi), rtol=1e-5)


def test_cross_entropy_alone_is_the_same_for_the_complement_of_both(rng):
    mask, phi = random_case(rng)
    entropy = [
        per_slice(m, p, cross_entropy=1.0) - per_slice(m, p, cross_entropy=0.0) for m, p in [(mask, phi), (~mask, -phi)]
    ]
    np.testing.assert_allclose(entropy[0], entropy[1], rtol=1e-4)


def gradient(mask, phi, **arguments):
    phi = tf.Variable(np.float32(phi))
    with tf.GradientTape() as tape:
        loss = LevelSetLoss(**arguments)(np.float32(mask), phi)
    return tape.gradient(loss, phi).numpy()


@pytest.mark.parametrize("size", [1e3, 1e30])
def test_the_gradient_is_finite_for_a_phi_that_is_huge(size, rng):
    mask, phi = random_case(rng)
    assert np.isfinite(gradient(mask, size * phi)).all()


def test_far_from_the_contour_a_wrong_pixel_still_pulls():
    mask, phi = np.ones((1, 6, 7, 1)), np.full((1, 6, 7, 1), 300.0)
    np.testing.assert_allclose(
        gradient(mask, phi), 0.5 / (OCCUPANCY_WIDTH_MM * 42), rtol=1e-5
    )  # weight / (width * pixels)


def test_on_the_contour_inside_and_outside_pull_with_equal_force():
    mask = np.zeros((1, 2, 1, 1))
    mask[0, 0] = 1
    entropy = gradient(mask, 0 * mask) - gradient(mask, 0 * mask, cross_entropy=0.0)
    np.testing.assert_allclose(entropy.ravel(), np.array([0.5, -0.5]) * 0.5 / (OCCUPANCY_WIDTH_MM * 2), rtol=1e-5)


def test_a_speed_is_compared_as_a_front_that_lies_where_it_changes_its_sign(rng):
    mask, phi = random_case(rng)
    speed = rng.uniform(-1, 1, size=phi.shape)
    both = np.concatenate([phi, speed], axis=-1)
    alone = per_slice(mask, -EXPANSION_LOGIT * speed, width_mm=1.0)
    np.testing.assert_allclose(per_slice(mask, both, speed=0.3) - per_slice(mask, phi), 0.3 * alone, rtol=1e-4)


def test_a_speed_is_told_where_to_expand_however_far_the_front_is():
    mask = np.zeros((1, 4, 5, 1))
    mask[0, :2] = 1
    far = np.concatenate([np.full_like(mask, 1e6), np.zeros_like(mask)], axis=-1)
    of_speed = gradient(mask, far, speed=1.0, cross_entropy=0.5, dice=0.0)[..., 1:]
    np.testing.assert_allclose(of_speed, 0.5 * EXPANSION_LOGIT * (0.5 - mask) / mask.size, rtol=1e-5)


def test_a_speed_that_retreats_from_an_empty_slice_keeps_the_loss_that_its_bound_leaves(rng):
    """V = -1 everywhere: p = 1 / (1 + exp(4)) at each of n pixels, so Dice is n p**2 / (n p**2 + 1)."""
    mask = np.zeros((1, 32, 32, 1))
    both = np.concatenate([np.full_like(mask, 1e6), np.full_like(mask, -1.0)], axis=-1)
    p = 1 / (1 + np.exp(EXPANSION_LOGIT))
    dice = 1024 * p**2 / (1024 * p**2 + 1)
    assert per_slice(mask, both, speed=1.0)[0] == pytest.approx(dice - 0.5 * np.log(1 - p), rel=1e-4)


def test_the_length_of_a_circle_is_its_circumference():
    """Of a sharp but resolved occupancy, in sides of the image."""
    phi = ball((64, 64), (1.0, 1.0), (31.5, 31.5), 20.0)
    occupancy = 1 / (1 + np.exp(np.float32(phi)))[None, ..., None]
    assert float(contour_length(occupancy)[0]) == pytest.approx(2 * np.pi * 20 / 64, rel=0.01)
    mask = phi < 0
    longer = per_slice(mask[None, ..., None], phi[None, ..., None], width_mm=1.0, length=0.3)
    plain = per_slice(mask[None, ..., None], phi[None, ..., None], width_mm=1.0)
    np.testing.assert_allclose(longer - plain, 0.3 * contour_length(occupancy), rtol=1e-4)


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_the_eikonal_term_vanishes_for_a_distance_and_grows_with_the_square_of_the_defect(slope):
    mask, phi = np.zeros((1, 32, 32, 1)), slope * ball((32, 32), (1, 1), (15.5, 15.5), 9.0)[None, ..., None]
    both = np.concatenate([phi, np.full_like(phi, slope)], axis=-1)
    term = per_slice(mask, both, eikonal=1.0) - per_slice(mask, both)
    assert term[0] == pytest.approx((slope - 1) ** 2, rel=0.02, abs=1e-6)


def test_the_loss_is_rebuilt_from_its_configuration():
    weights = {"dice": 2.0, "cross_entropy": 0.25, "speed": 0.3, "length": 0.1, "eikonal": 0.2}
    loss = LevelSetLoss(**weights, width_mm=2.0, name="its_name")
    assert LevelSetLoss.from_config(loss.get_config()).get_config() == loss.get_config()
