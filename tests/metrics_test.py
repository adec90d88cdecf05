"""Scores agree with their formulas, and every case of an empty mask is decided."""

import numpy as np
import pytest

from lsn_tf.metrics import dice, false_positive_slices, largest_component, volume_difference_mm3, volume_error

EMPTY, ONE_PIXEL, FULL = np.zeros((4, 5), bool), np.zeros((4, 5), bool), np.ones((4, 5), bool)
ONE_PIXEL[1, 2] = True


@pytest.mark.parametrize(
    ("reference", "prediction", "score"),
    [
        (EMPTY, EMPTY, 1.0),
        (EMPTY, ONE_PIXEL, 0.0),
        (ONE_PIXEL, EMPTY, 0.0),
        (ONE_PIXEL, ONE_PIXEL, 1.0),
        (ONE_PIXEL, ~ONE_PIXEL, 0.0),
        (ONE_PIXEL, FULL, 2 / 21),
        (FULL, FULL, 1.0),
    ],
)
def test_dice_of_masks_whose_overlap_is_known(reference, prediction, score):
    assert dice(reference, prediction) == pytest.approx(score)


def test_dice_is_symmetric_and_twice_the_overlap_over_the_sum(rng):
    one, other = rng.random((2, 6, 7, 8)) < 0.4
    expected = 2 * np.sum(one & other) / (one.sum() + other.sum())
    assert dice(one, other) == dice(other, one) == pytest.approx(expected)


def test_dice_does_not_depend_on_the_order_of_the_pixels(rng):
    one, other = rng.random((2, 6, 7)) < 0.4
    assert dice(one, other) == dice(one.T, other.T) == dice(one[::-1], other[::-1])


def test_integer_masks_do_not_overflow():
    full = np.ones((20, 20), np.uint8)
    assert dice(full, full) == 1.0


@pytest.mark.parametrize("score", [dice, volume_error, false_positive_slices])
def test_masks_of_different_shapes_are_refused(score):
    with pytest.raises(ValueError, match=r"one shape. Received reference \(4, 5\), prediction \(5, 4\)"):
        score(EMPTY, EMPTY.T)


@pytest.mark.parametrize(
    ("reference", "prediction", "error"),
    [
        (EMPTY, EMPTY, 0.0),
        (EMPTY, ONE_PIXEL, 1.0),
        (EMPTY, FULL, 1.0),
        (FULL, EMPTY, -1.0),
        (ONE_PIXEL, ONE_PIXEL, 0.0),
        (ONE_PIXEL, FULL, 19.0),
        (FULL, ONE_PIXEL, -0.95),
    ],
)
def test_the_error_of_a_volume_is_relative_to_the_reference(reference, prediction, error):
    assert volume_error(reference, prediction) == pytest.approx(error)


def test_the_difference_of_volumes_has_a_sign_and_counts_every_side_of_a_voxel():
    assert volume_difference_mm3(ONE_PIXEL, FULL, (0.7, 0.9)) == pytest.approx(19 * 0.63)
    assert volume_difference_mm3(FULL, EMPTY, (0.7, 0.9)) == pytest.approx(-20 * 0.63)


def test_a_false_positive_slice_has_a_prediction_and_no_reference():
    reference, prediction = np.stack([EMPTY, EMPTY, FULL, FULL]), np.stack([ONE_PIXEL, EMPTY, EMPTY, ONE_PIXEL])
    assert false_positive_slices(reference, prediction) == 1
    assert false_positive_slices(prediction, reference) == 1  # a slice that was missed
    assert false_positive_slices(prediction | reference, prediction) == 0


def test_the_largest_component_is_the_one_with_most_voxels():
    mask = np.zeros((3, 5, 6), bool)
    mask[0, :2, :2] = mask[1, 0, 0] = True  # five voxels in two slices
    mask[2, 3:, 4:] = True  # four
    kept = largest_component(mask)
    assert kept.sum() == 5 and kept[:2].sum() == 5


def test_voxels_that_touch_at_an_edge_or_corner_only_are_apart():
    mask = np.eye(3, dtype=bool)
    np.testing.assert_array_equal(largest_component(mask), [[True, False, False], [False] * 3, [False] * 3])


@pytest.mark.parametrize("mask", [EMPTY, ONE_PIXEL, FULL])
def test_a_mask_of_one_component_or_none_is_its_own_largest(mask):
    np.testing.assert_array_equal(largest_component(mask.astype(np.uint8)), mask)
