"""The opening by a ball is the union of all balls inside: SciPy says so of a whole volume that goes on at its frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from lsn_tf.data.components import keep_largest_component
from lsn_tf.data.opening import SLAB, open_by_ball
from lsn_tf.numerics.level_sets import ball

MASKS = arrays(bool, st.tuples(*[st.integers(1, 7)] * 3), elements=st.sampled_from([True, True, True, False]))
SPACING = (2.5, 0.7, 0.9)
RADII = st.sampled_from([0.0, 0.7, 1.0, 1.5, 2.5, 3.0, 6.0])


def opened(mask, radius_mm, spacing_mm=SPACING):
    result = mask.copy()
    removed = open_by_ball(result, spacing_mm, radius_mm)
    assert removed == mask.sum() - result.sum()
    return result


def by_scipy(mask, radius_mm, spacing_mm=SPACING):
    """Returns the opening by a ball of voxels, of a mask that goes on far beyond its frame."""
    reach = [int(radius_mm / size) + 1 for size in spacing_mm]
    offsets = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in reach], indexing="ij"), -1) * spacing_mm
    structure = (offsets**2).sum(-1) <= radius_mm**2 + 1e-9
    continued = np.pad(mask, [(2 * n, 2 * n) for n in reach], mode="edge")
    middles = ndimage.binary_erosion(continued, structure, border_value=True)
    inner = tuple(slice(2 * n, -2 * n) for n in reach)
    return ndimage.binary_dilation(middles, structure)[inner]


@settings(deadline=None)
@given(MASKS, RADII)
def test_it_is_that_of_scipy(mask, radius_mm):
    np.testing.assert_array_equal(opened(mask, radius_mm), by_scipy(mask, radius_mm))


@settings(deadline=None)
@given(MASKS, MASKS, RADII)
def test_it_takes_away_only_once_and_from_a_smaller_mask_no_less(mask, other, radius_mm):
    once, within = opened(mask, radius_mm), opened(np.pad(mask, 1), radius_mm)
    assert not (once & ~mask).any()
    np.testing.assert_array_equal(opened(within, radius_mm), within)
    if other.shape == mask.shape:
        assert not (opened(mask & other, radius_mm) & ~once).any()


@pytest.mark.parametrize("radius_mm", [1.0, 3.0, 1.3 * SLAB])
def test_slabs_change_nothing(radius_mm):
    noise = np.random.default_rng(0).normal(size=(3 * SLAB + 5, 9, 9))
    mask = ndimage.gaussian_filter(noise, (4, 1, 1)) > (-0.15 if radius_mm > SLAB else -0.05)
    expected = by_scipy(mask, radius_mm, (1.0, 3.0, 3.0))
    assert 0 < expected.sum() < mask.sum()
    np.testing.assert_array_equal(opened(mask, radius_mm, (1.0, 3.0, 3.0)), expected)


def two_balls(bridge_mm):
    """Returns two balls of 12 and 9 mm, and them with a bridge between that is so thick."""
    spacing, shape = (1.5, 1.0, 1.0), (24, 40, 64)
    balls = (ball(shape, spacing, (18, 20, 16), 12) < 0) | (ball(shape, spacing, (18, 20, 50), 9) < 0)
    offset_z, offset_y = np.arange(24) * 1.5 - 18, np.arange(40) - 20
    bridge = np.zeros(shape, bool)
    bridge[..., 16:50] = (np.hypot(offset_z[:, None], offset_y) <= bridge_mm / 2)[..., None]
    return balls, balls | bridge, spacing


def test_what_hangs_on_a_thin_bridge_is_no_part_of_the_largest_component_afterwards():
    balls, mask, spacing = two_balls(bridge_mm=4)
    whole = mask.copy()
    assert keep_largest_component(whole) == 0
    open_by_ball(mask, spacing, 3)
    keep_largest_component(mask)
    assert not mask[..., 36:].any()
    assert np.count_nonzero(mask[..., :28] != balls[..., :28]) < 0.02 * mask.sum()


def test_a_bridge_that_the_ball_passes_stays():
    _, mask, spacing = two_balls(bridge_mm=10)
    open_by_ball(mask, spacing, 3)
    assert keep_largest_component(mask) == 0


@pytest.mark.parametrize("first", [slice(0, 1), slice(0, 5), slice(-1, None)])
def test_an_organ_that_the_frame_cuts_off_stays(first):
    mask = np.zeros((20, 20, 20), bool)
    mask[first] = True
    assert open_by_ball(mask, (1.0, 1.0, 1.0), 6.0) == 0
    assert open_by_ball(mask.T.copy(), (1.0, 1.0, 1.0), 6.0) == 0


@pytest.mark.parametrize("off", [-1e-6, 1e-6])
def test_the_rounding_of_a_header_changes_nothing(off):
    mask = np.random.default_rng(1).random((12, 24, 24)) < 0.995
    kept = opened(mask, 6.0, (3.0, 1.5, 1.5))
    assert 0 < kept.sum() < mask.sum()
    np.testing.assert_array_equal(opened(mask, 6.0, np.multiply((3.0, 1.5, 1.5), 1 + off)), kept)


@pytest.mark.parametrize("value", [False, True])
def test_an_empty_and_a_full_mask_stay_as_they_are(value):
    mask = np.full((SLAB + 3, 4, 5), value)
    assert open_by_ball(mask, SPACING, 4.0) == 0 and (mask == value).all()
