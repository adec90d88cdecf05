"""However long an evolution is, its frames are few, evenly apart, with the beginning and the end among them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lsn_tf.viewer import depths
from lsn_tf.viewer.frames import BYTES, MOST, Frames


def phi_at(t):
    return np.full((1, 2, 2), t / 16 - 4, np.float32)


@given(st.integers(1, 300), st.integers(4, 40))
def test_frames_are_few_and_evenly_apart(count, most):
    frames = Frames(score=lambda depth: int(depth[0, 0, 0]), most=most)
    for t in range(count):
        frames.add(phi_at(t), float(t))
    gaps = set(np.diff(frames.seconds))
    assert len(frames.seconds) <= most and frames.seconds[0] == 0 and len(gaps) <= 1
    assert count <= most or len(frames.seconds) > most // 2
    frames.end(phi_at(count), float(count))
    assert frames.seconds[-1] == count
    for t, depth, score in zip(frames.seconds, frames.depths, frames.scores, strict=True):
        np.testing.assert_array_equal(depth, depths.from_phi(phi_at(t)))
        assert score == depth[0, 0, 0]


def test_the_end_takes_the_place_of_a_frame_of_the_same_time():
    frames = Frames.of(phi_at(0), lambda _: None)
    frames.add(phi_at(1), 1.0)
    frames.end(phi_at(9), 1.0)
    assert frames.seconds == [0.0, 1.0]
    np.testing.assert_array_equal(frames.depths[1], depths.from_phi(phi_at(9)))


def test_large_volumes_have_fewer_frames():
    small, large = np.zeros((1, 2, 2)), np.broadcast_to(np.float32(0), (10, BYTES // 100, 1))
    assert Frames.of(small, lambda _: None).most == MOST
    assert Frames(lambda _: None).most == MOST and max(min(MOST, BYTES // large.size), 4) == 10
