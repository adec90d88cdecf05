"""The occupancy is a probability that agrees with the sign of phi."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.occupancy import Occupancy, occupancy_of
from lsn_tf.numerics.level_sets import inside

PHI = np.linspace(-20, 20, 81, dtype=np.float32).reshape(1, 9, 9, 1)  # 0 is among them


def occupancy(phi, **arguments):
    return ops.convert_to_numpy(Occupancy(**arguments)(phi))


def test_the_occupancy_exceeds_one_half_exactly_inside():
    np.testing.assert_array_equal(occupancy(PHI) > 0.5, inside(PHI))
    assert occupancy(0 * PHI) == pytest.approx(0.5)


def test_inside_and_outside_are_complements():
    np.testing.assert_allclose(occupancy(PHI) + occupancy(-PHI), 1, rtol=1e-6)


def test_one_width_inside_is_the_sigmoid_of_one():
    assert occupancy(np.float32([[-1.5]]), width_mm=1.5) == pytest.approx(1 / (1 + np.exp(-1)))


def test_a_phi_that_is_huge_has_an_occupancy_of_zero_or_one():
    np.testing.assert_array_equal(occupancy(np.float32([[-1e30, 1e30]])), [[1, 0]])


def test_the_occupancy_of_an_array_is_that_of_the_layer():
    phi = np.concatenate([PHI.ravel(), np.float32([-1e30, 1e30])])
    np.testing.assert_allclose(occupancy_of(phi), occupancy(phi), atol=2e-7)
    assert occupancy_of(phi).dtype == np.float32


def test_a_width_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="width_mm must be positive. Received width_mm=0"):
        Occupancy(width_mm=0)
