"""Slice by slice comes what SciPy says of the whole volume."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from lsn_tf.data.components import fill_holes, keep_largest_component
from lsn_tf.metrics import largest_component

MASKS = arrays(bool, st.tuples(*[st.integers(1, 6)] * 3), elements=st.booleans())
IN_SPACE = arrays(bool, st.tuples(*[st.integers(2, 6)] * 3), elements=st.booleans())


def noise(density, shape=(7, 9, 8)):
    return np.random.default_rng(3).random(shape) < density


@settings(deadline=None)
@given(MASKS)
def test_the_largest_component_is_that_of_the_whole_volume(mask):
    kept = mask.copy()
    removed = keep_largest_component(kept)
    np.testing.assert_array_equal(kept, largest_component(mask))
    assert removed == mask.sum() - kept.sum()


@settings(deadline=None)
@given(IN_SPACE)
def test_holes_are_those_of_the_whole_volume(mask):
    filled = mask.copy()
    added = fill_holes(filled)
    np.testing.assert_array_equal(filled, ndimage.binary_fill_holes(mask))
    assert added == filled.sum() - mask.sum()


@pytest.mark.parametrize("density", [0.2, 0.3, 0.5, 0.7, 0.8])
def test_both_hold_on_volumes_near_the_threshold_of_percolation(density):
    for call, whole in ((keep_largest_component, largest_component), (fill_holes, ndimage.binary_fill_holes)):
        mask = noise(density)
        call(mask)
        np.testing.assert_array_equal(mask, whole(noise(density)))


def test_the_hole_of_a_single_slice_is_that_in_its_plane():
    mask = np.zeros((1, 5, 5), bool)
    mask[0, 1:4, 1:4] = True
    full = mask.copy()
    mask[0, 2, 2] = False
    assert fill_holes(mask) == 1
    np.testing.assert_array_equal(mask, full)


def test_a_tunnel_is_no_hole():
    mask = np.zeros((3, 5, 5), bool)
    mask[:, 1:4, 1:4] = True
    mask[:, 2, 2] = False
    before = mask.copy()
    assert fill_holes(mask) == 0
    np.testing.assert_array_equal(mask, before)


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("call", [keep_largest_component, fill_holes])
def test_an_empty_and_a_full_mask_stay_as_they_are(call, value):
    mask = np.full((3, 4, 5), value)
    assert call(mask) == 0 and (mask == value).all()
