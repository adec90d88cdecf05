"""The way of a front is measured in mm along its normal; equal classical steps are compiled once."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers import LevelSetStep
from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.solver.marching import march_of

SHAPE, SPACING, CENTRE = (40, 36), (0.7, 0.9), (13.65, 15.75)
STEP = LevelSetStep()


def tensor(*phis):
    return ops.convert_to_tensor(np.stack(phis)[..., None], "float32")


def motion(before, after, spacing=SPACING):
    spacing = ops.convert_to_tensor([spacing] * len(before), "float32")
    return march_of(STEP, before.shape).motion(before, after, spacing)


def disc(radius, steepness=1.0, dy=0.0):
    return steepness * ball(SHAPE, SPACING, (CENTRE[0] + dy, CENTRE[1]), radius)


@pytest.mark.parametrize("steepness", [1.0, 3.0, 0.3])
@pytest.mark.parametrize("way", [0.01, 0.4, -0.4])
def test_a_circle_that_grows_by_d_has_moved_by_d(way, steepness):
    found = motion(tensor(disc(6.0, steepness)), tensor(disc(6.0 + way, steepness)))
    assert found.rms_mm[0] == pytest.approx(abs(way), rel=0.02)
    assert found.max_mm[0] == pytest.approx(abs(way), rel=0.05)


def test_a_circle_that_is_shifted_moves_by_the_cosine_of_the_angle():
    found = motion(tensor(disc(8.0)), tensor(disc(8.0, dy=0.2)))
    assert found.max_mm[0] == pytest.approx(0.2, rel=0.05)
    assert found.rms_mm[0] == pytest.approx(0.2 / np.sqrt(2), rel=0.05)


def test_the_motion_of_an_image_is_its_own():
    still, grown, none = disc(6.0), disc(6.5), disc(-1.0)
    found = motion(tensor(still, disc(6.0), none), tensor(still, grown, none))
    np.testing.assert_allclose(found.rms_mm, [0, 0.5, 0], atol=0.01)
    np.testing.assert_allclose(found.max_mm, [0, 0.5, 0], atol=0.02)
    np.testing.assert_array_equal(found.inside, [inside(still).sum(), inside(grown).sum(), 0])


def test_a_sphere_that_grows_by_d_has_moved_by_d():
    shape, spacing = (12, 16, 14), (1.4, 0.9, 1.1)
    before, after = (tensor(ball(shape, spacing, (7.7, 6.8, 7.2), radius)) for radius in (4.0, 4.3))
    found = motion(before, after, spacing)
    assert found.rms_mm[0] == pytest.approx(0.3, rel=0.05) and found.max_mm[0] == pytest.approx(0.3, rel=0.1)


def test_the_share_of_the_frame_counts_each_side():
    phi = np.ones(SHAPE)
    phi[:, 0] = -1
    shares = motion(tensor(phi, -np.ones(SHAPE), np.ones(SHAPE)), tensor(phi, -np.ones(SHAPE), np.ones(SHAPE))).on_frame
    np.testing.assert_allclose(shares, [(40 + 2) / (2 * 40 + 2 * 36), 1, 0], rtol=1e-6)


def test_only_the_frame_of_the_slices_counts_in_a_volume():
    phi = np.ones((5, *SHAPE))
    phi[0, 1:-1, 1:-1] = -1
    assert motion(tensor(phi), tensor(phi), (2.0, *SPACING)).on_frame[0] == 0


def test_equal_classical_steps_share_a_march_and_learned_ones_do_not():
    shape = (1, *SHAPE, 1)
    assert march_of(LevelSetStep(name="one"), shape) is march_of(LevelSetStep(name="other"), (3, 8, 8, 1))
    for changes in ({"scheme": "osher_sethian"}, {"curvature": "monotone"}, {"dtype": "float64"}):
        assert march_of(LevelSetStep(), shape) is not march_of(LevelSetStep(**changes), shape)
    assert march_of(LevelSetStep(), shape) is not march_of(LevelSetStep(), (1, 4, *SHAPE, 1))
    learned = LevelSetStep(learning="free")
    assert march_of(learned, shape) is not march_of(learned, shape) and march_of(learned, shape).step is learned
