"""A byte a voxel keeps the mask exactly and the front within a sixteenth of a millimetre."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.viewer import depths

PHI = arrays(np.float32, array_shapes(min_dims=3, max_dims=3), elements=st.floats(-200, 200, width=32))
DEPTH = arrays(np.int8, (3, 4, 5), elements=st.integers(depths.FARTHEST, depths.DEEPEST))


@given(PHI)
def test_the_mask_is_kept_exactly(phi):
    depth = depths.from_phi(phi)
    np.testing.assert_array_equal(depths.is_inside(depth), inside(phi))
    np.testing.assert_array_equal(inside(depths.to_phi(depth)), inside(phi))


@given(PHI)
def test_phi_is_kept_within_half_a_unit_as_far_as_the_byte_reaches(phi):
    near = np.abs(phi) <= (depths.DEEPEST - 1) * depths.UNIT_MM
    error = np.abs(depths.to_phi(depths.from_phi(phi)) - phi)[near]
    assert (error <= depths.UNIT_MM / 2 + 1e-5).all()


@given(DEPTH)
def test_depths_come_back_from_phi(depth):
    np.testing.assert_array_equal(depths.from_phi(depths.to_phi(depth)), depth)


@given(DEPTH, DEPTH)
def test_union_and_difference_are_those_of_the_masks(one, other):
    a, b = depths.is_inside(one), depths.is_inside(other)
    np.testing.assert_array_equal(depths.is_inside(depths.united(one, other)), a | b)
    np.testing.assert_array_equal(depths.is_inside(depths.without(one, other)), a & ~b)
    assert depths.without(one, other).dtype == np.int8


def test_a_mask_has_the_depths_of_its_distance_in_the_plane():
    spacing = (0.7, 0.9)
    phi = ball((40, 50), spacing, (14.0, 22.0), 9.0)
    depth = depths.of_mask(inside(phi)[None], spacing)
    np.testing.assert_array_equal(depths.is_inside(depth)[0], inside(phi))
    near = np.abs(phi) < 5
    assert np.abs(depths.to_phi(depth)[0] - phi)[near].max() < max(spacing)
