"""A trajectory keeps the beginning, evenly spaced states, and the end."""

import numpy as np
import pytest

from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.solver.marching import Motion
from lsn_tf.solver.solving import Solution, State
from lsn_tf.solver.trajectory import FRAMES, Trajectory

SHAPE = (16, 18)


def disc(radius):
    return ball(SHAPE, (1.0, 1.0), (8, 8), radius)[None, ..., None].astype(np.float32)


def state(seconds, radius=3.0, rms=0.5):
    motion = Motion(np.array([rms]), np.array([2 * rms]), np.array([9]), np.array([0.0]))
    return State(disc(radius), np.array([round(10 * seconds)]), np.array([seconds]), motion)


def recorded(times, total=12.0):
    trajectory = Trajectory(seconds=total, voxel_mm3=2.0)
    trajectory.start(disc(2.0))
    for time in times:
        assert not trajectory(state(time, 2.0 + time / 4))
    return trajectory


def test_the_beginning_is_kept():
    trajectory = recorded([])
    assert trajectory.rows[0] | {"millilitres": 0} == {
        "steps": 0, "seconds": 0.0, "millilitres": 0, "rms_mm": 0.0, "max_mm": 0.0
    }  # fmt: skip
    np.testing.assert_array_equal(trajectory.phis[0], disc(2.0).astype(np.float16))


def test_a_row_tells_steps_time_volume_and_motion():
    row = recorded([3.0]).rows[-1]
    volume = inside(disc(2.75)).sum() * 2.0 / 1000
    assert row == {
        "steps": 30, "seconds": 3.0, "millilitres": pytest.approx(volume, abs=1e-3), "rms_mm": 0.5, "max_mm": 1.0
    }  # fmt: skip


def test_of_many_states_those_evenly_over_t_are_kept():
    trajectory = recorded(np.linspace(0, 12, 600)[1:])
    times = np.array([row["seconds"] for row in trajectory.rows])
    assert len(trajectory.phis) == len(times) <= FRAMES + 1
    assert times[-1] == 12.0
    np.testing.assert_allclose(np.diff(times), 12 / FRAMES, atol=0.03)


def test_all_of_a_few_states_are_kept():
    assert [row["seconds"] for row in recorded([3.0, 6.0, 9.0]).rows] == [0.0, 3.0, 6.0, 9.0]


def test_the_end_is_kept_once_and_as_it_is_written():
    for time in (6.0, 6.1):  # one that has been kept already, and one that has not
        last = state(time, 1.5)
        trajectory = recorded([3.0, 6.0])
        trajectory.end(Solution(last.phi, last.steps, last.seconds, last.motion, ("steady",)))
        assert [row["seconds"] for row in trajectory.rows] == [0.0, 3.0, 6.0, 6.1][: 3 if time == 6 else 4]
        assert trajectory.rows[-1]["millilitres"] == pytest.approx(inside(last.phi).sum() * 2 / 1000)
        np.testing.assert_array_equal(trajectory.phis[-1], last.phi.astype(np.float16))
