"""Scores agree with their formulas, and every case of an empty mask is decided."""

import numpy as np
import pytest

from lsn_tf.metrics import dice

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


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"one shape. Received reference \(4, 5\), prediction \(5, 4\)"):
        dice(EMPTY, EMPTY.T)
