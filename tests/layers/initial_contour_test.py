"""The initial contour is the same disc, in mm, on whatever grid."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.initial_contour import InitialContour
from lsn_tf.numerics.level_sets import ball

SPACING = np.array([[0.7, 0.9], [2.0, 1.0]], np.float32)


def test_phi_is_the_signed_distance_to_a_disc_at_a_fraction_of_the_field_of_view():
    phi = ops.convert_to_numpy(InitialContour((0.4, 0.6), 0.2)(np.zeros((2, 20, 30, 1)), SPACING))
    for n, (dy, dx) in enumerate(SPACING):
        centre = (0.4 * 20 * dy - dy / 2, 0.6 * 30 * dx - dx / 2)  # from the first pixel's centre
        disc = ball((20, 30), (dy, dx), centre, 0.2 * min(20 * dy, 30 * dx))
        np.testing.assert_allclose(phi[n, ..., 0], disc, atol=1e-5)


def test_a_finer_grid_has_the_same_disc():
    """The mean of the four pixels that share one coarse pixel's area has the coarse value, up to second order."""
    spacing = np.array([[0.7, 0.9]], np.float32)
    coarse = ops.convert_to_numpy(InitialContour()(np.zeros((1, 20, 24, 1)), spacing))
    fine = ops.convert_to_numpy(InitialContour()(np.zeros((1, 40, 48, 1)), spacing / 2))
    averaged = fine.reshape(1, 20, 2, 24, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(averaged, coarse, atol=0.2)
    assert np.abs(averaged - coarse).mean() < 0.01


def test_a_radius_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="positive fraction.*radius=0"):
        InitialContour(radius=0)
