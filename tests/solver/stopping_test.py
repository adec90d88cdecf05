"""Why a solver stops, decided for each image of a batch."""

import numpy as np
import pytest

from lsn_tf.solver.marching import Motion
from lsn_tf.solver.stopping import COLLAPSED, LEAKED, STEADY, STEPS, TIME, Stopping

STOPPING = Stopping(max_steps=100, seconds=8.0, rms_mm=0.02, max_mm=0.2, frame_share=0.1)
GOING = {"rms_mm": 1.0, "max_mm": 2.0, "inside": 50, "on_frame": 0.0, "steps": 20, "seconds": 4.0}


def reason(stopping=STOPPING, **changes):
    values = {name: np.array([value]) for name, value in (GOING | changes).items()}
    steps, seconds = values.pop("steps"), values.pop("seconds")
    (found,) = stopping.reasons(Motion(**values), steps, seconds)
    return found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"inside": 0}, COLLAPSED),
        ({"on_frame": 0.11}, LEAKED),
        ({"on_frame": 0.1}, None),
        ({"rms_mm": 0.02, "max_mm": 0.2}, STEADY),
        ({"rms_mm": 0.02, "max_mm": 0.21}, None),
        ({"rms_mm": 0.03, "max_mm": 0.2}, None),
        ({"seconds": 8.0}, TIME),
        ({"seconds": 7.999}, None),
        ({"steps": 100}, STEPS),
        ({"steps": 99}, None),
    ],
)
def test_every_reason_has_its_limit(changes, expected):
    assert reason(**changes) == expected


def test_an_image_stops_for_its_own_reason():
    motion = Motion(*map(np.array, ([1.0, 0.0, 1.0], [2.0, 0.0, 2.0], [50, 50, 0], [0.0, 0.0, 0.0])))
    assert STOPPING.reasons(motion, np.full(3, 20), np.full(3, 4.0)) == [None, STEADY, COLLAPSED]


def test_a_short_last_interval_is_no_rest():
    """The last steps before T or the limit may be few and short, so that the front hardly moves in them."""
    assert reason(rms_mm=0.001, max_mm=0.001, seconds=8.0) == TIME
    assert reason(rms_mm=0.001, max_mm=0.001, steps=100) == STEPS


def test_without_limits_a_front_goes_on():
    free = Stopping(rms_mm=0.0, max_mm=0.0, frame_share=None)
    assert reason(free, on_frame=1.0, seconds=1e9, rms_mm=1e-9, max_mm=1e-9) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_steps": 0}, "max_steps must be at least 1. Received max_steps=0"),
        ({"check_every": 0}, "check_every must be at least 1"),
        ({"seconds": 0.0}, "seconds must be positive. Received seconds=0.0"),
        ({"seconds": float("nan")}, "seconds must be positive"),
        ({"rms_mm": -0.1}, "must not be negative. Received rms_mm=-0.1"),
        ({"max_mm": float("nan")}, "must not be negative. Received .* max_mm=nan"),
        ({"frame_share": -0.1}, "frame_share must not be negative. Received frame_share=-0.1"),
    ],
)
def test_impossible_limits_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Stopping(**changes)
