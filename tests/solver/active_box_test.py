"""The box holds the front and all that it can reach, and has few sizes."""

import numpy as np
import pytest

from lsn_tf.numerics.level_sets import ball
from lsn_tf.solver.active_box import GRAIN, active_box

SHAPE = (130, 200)


def box_of(*phis, reach=10, margin=8):
    return active_box(np.stack(phis)[..., None], reach, margin)


@pytest.mark.parametrize("centre", [(70, 90), (5, 5), (125, 195), (3, 100)])
def test_the_box_holds_the_front_and_what_it_can_reach_and_no_more_than_a_grain_beyond(centre):
    phi = ball(SHAPE, (1.0, 1.0), centre, 12.0)
    batch, *spans, channel = box_of(phi)
    assert (batch, channel) == (slice(0, 1), slice(0, 1))
    places = np.argwhere(np.abs(phi) < 0.7)
    for span, length, low, high in zip(spans, SHAPE, places.min(axis=0), places.max(axis=0), strict=True):
        assert span.start <= max(low - 18, 0) and min(high + 1 + 18, length) <= span.stop <= length
        assert span.stop - span.start <= 2 * (12 + 1 + 18) + 1 + GRAIN


def test_sides_are_whole_grains_or_the_whole_axis():
    for radius in range(2, 60, 7):
        for span, length in zip(box_of(ball(SHAPE, (1.0, 1.0), (60, 90), radius))[1:-1], SHAPE, strict=True):
            assert span.stop - span.start == length or (span.stop - span.start) % GRAIN == 0
            assert 0 <= span.start < span.stop <= length


def test_the_box_is_smaller_than_the_volume():
    spans = box_of(ball((20, 130, 200), (3.0, 1.0, 1.0), (30, 60, 90), 9.0))[1:-1]
    assert [span.stop - span.start for span in spans] == [20, 64, 64]


def test_the_box_holds_the_fronts_of_all_images():
    one, other = (ball(SHAPE, (1.0, 1.0), centre, 6.0) for centre in ((30, 40), (90, 150)))
    for mine, first, second in zip(box_of(one, other)[1:-1], box_of(one)[1:-1], box_of(other)[1:-1], strict=True):
        assert mine.start <= min(first.start, second.start) + GRAIN
        assert mine.start <= 30 - 6 - 18 + 10 and mine.stop >= max(first.stop, second.stop) - GRAIN


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_without_a_front_it_is_the_whole_image(side):
    assert box_of(np.full(SHAPE, side)) == (slice(0, 1), slice(0, 130), slice(0, 200), slice(0, 1))
