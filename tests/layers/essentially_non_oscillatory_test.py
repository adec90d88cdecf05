"""ENO and WENO have their orders where phi is smooth and do not look across a kink."""

import functools

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.boundary import pad
from lsn_tf.layers.essentially_non_oscillatory import ORDERS, EssentiallyNonOscillatory
from lsn_tf.numerics.consistency import observed_order

every_order = pytest.mark.parametrize("order", ORDERS)
assert_equal = functools.partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12)  # up to rounding
PERIOD = np.array([4.9, 6.3])  # (y, x), mm


def differences(phi, pixel, order, boundary="periodic"):
    """Returns (D-, D+) of each axis of a (height, width) or (depth, height, width) array, in double precision."""
    layer = EssentiallyNonOscillatory(order, boundary, dtype="float64")
    found = layer(phi[None, ..., None], np.array([pixel]))
    return [ops.convert_to_numpy(d)[0, ..., 0] for d in found]


def wave_error(count, order):
    """Returns the largest error of all differences of sin(ky y) cos(kx x) on count pixels a period."""
    numbers, pixel = 2 * np.pi / PERIOD, PERIOD / count
    y, x = (k * h * i for k, h, i in zip(numbers, pixel, np.indices((count, count)), strict=True))
    exact = (numbers[0] * np.cos(y) * np.cos(x), -numbers[1] * np.sin(y) * np.sin(x))
    found = differences(np.sin(y) * np.cos(x), pixel, order)
    return max(np.abs(d - e).max() for d, e in zip(found, np.repeat(exact, 2, axis=0), strict=True))


@every_order
def test_the_observed_order_is_the_order_stated(order):
    counts = [24, 48, 96]
    errors = [wave_error(count, order) for count in counts]
    assert observed_order(errors, [1 / n for n in counts]) == pytest.approx(order, abs=0.2)


@every_order
@pytest.mark.parametrize("ndim", [2, 3])
def test_planes_are_exact(order, ndim):
    pixel, slopes = (2.5, 0.7, 0.9)[-ndim:], (0.3, -2.0, 0.7)[-ndim:]
    plane = sum(s * h * i for s, h, i in zip(slopes, pixel, np.indices((5, 6, 7)[-ndim:]), strict=True))
    for found, slope in zip(differences(plane, pixel, order, "extrapolate"), np.repeat(slopes, 2), strict=True):
        np.testing.assert_allclose(found, slope, atol=1e-12)


@every_order
def test_a_constant_has_differences_that_are_exactly_zero(order):
    for found in differences(np.full((4, 5, 6), 57.3), (2.5, 0.7, 0.9), order, "replicate"):
        np.testing.assert_array_equal(found, 0)


@every_order
@pytest.mark.parametrize("axis", [0, 1], ids=["y", "x"])
@pytest.mark.parametrize("kink", [8.0, 8.3, 8.5], ids=["on_a_pixel", "between", "halfway"])
def test_the_slopes_on_both_sides_of_a_kink_remain_what_they_are(order, axis, kink):
    pixel, where = (0.7, 0.9), np.indices((17, 17))[axis]
    backward, forward = differences(np.abs(where - kink) * pixel[axis], pixel, order, "extrapolate")[2 * axis :][:2]
    np.testing.assert_allclose(backward[where <= kink], -1, atol=1e-9)
    np.testing.assert_allclose(forward[where >= kink], 1, atol=1e-9)
    np.testing.assert_allclose(forward[where <= kink - 1], -1, atol=1e-9)
    np.testing.assert_allclose(backward[where >= kink + 1], 1, atol=1e-9)


@every_order
@pytest.mark.parametrize("axis", range(3), ids="zyx")
def test_backward_and_forward_are_mirror_images(order, axis, rng):
    phi, pixel = rng.normal(size=(5, 6, 7)), (2.5, 0.7, 0.9)
    found, mirrored = differences(phi, pixel, order), differences(np.flip(phi, axis), pixel, order)
    assert_equal(mirrored[2 * axis], -np.flip(found[2 * axis + 1], axis))
    assert_equal(mirrored[2 * axis + 1], -np.flip(found[2 * axis], axis))


@every_order
def test_permuting_the_axes_permutes_the_differences(order, rng):
    phi, pixel, axes = rng.normal(size=(5, 6, 7)), np.array([2.5, 0.7, 0.9]), (2, 0, 1)
    found, permuted = differences(phi, pixel, order), differences(phi.transpose(axes), pixel[list(axes)], order)
    for a, b in enumerate(axes):
        for side in (0, 1):
            assert_equal(permuted[2 * a + side], found[2 * b + side].transpose(axes))


@every_order
def test_each_slice_has_its_own_spacing(order, rng):
    phi = np.repeat(rng.normal(size=(1, 6, 7, 1)), 2, axis=0)
    layer = EssentiallyNonOscillatory(order, dtype="float64")
    together = layer(phi, np.array([[0.5, 0.5], [1.0, 2.0]]))
    alone = layer(phi[1:], np.array([[1.0, 2.0]]))
    for both, one in zip(together, alone, strict=True):
        assert_equal(both[1], one[0])


@every_order
def test_more_padding_than_needed_changes_nothing(order, rng):
    phi, spacing = rng.normal(size=(1, 6, 7, 1)), np.array([[0.7, 0.9]])
    layer = EssentiallyNonOscillatory(order, "periodic", dtype="float64")
    for found, expected in zip(layer.of_padded(pad(phi, 4, "periodic"), spacing, 4), layer(phi, spacing), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_another_order_or_boundary_is_refused():
    with pytest.raises(ValueError, match=r"order must be one of \(2, 5\). Received order=3"):
        EssentiallyNonOscillatory(3)
    with pytest.raises(ValueError, match="boundary must be one of"):
        EssentiallyNonOscillatory(5, "mirror")
