"""Changes of grid are averages: constants, bounds and linear functions survive, and equal sizes change nothing."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.resample import Refine, Resample, area_weights, linear_weights

SIZES = [(12, 10), (6, 5), (24, 20), (7, 13), (1, 1)]
every_method = pytest.mark.parametrize("method", ["area", "linear"])
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


def resample(x, size, method):
    return ops.convert_to_numpy(Resample(method)(x, size=size))


@every_size
@pytest.mark.parametrize("weights", [area_weights, linear_weights])
def test_weights_are_not_negative_and_add_up_to_one(weights, size):
    for length, new_length in zip((12, 10), size, strict=True):
        matrix = ops.convert_to_numpy(weights(length, new_length))
        assert matrix.shape == (new_length, length) and (matrix >= 0).all()
        np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-5)


@every_method
def test_equal_sizes_change_nothing(method, rng):
    x = rng.normal(size=(2, 12, 10, 3)).astype(np.float32)
    np.testing.assert_array_equal(resample(x, (12, 10), method), x)


@every_method
@every_size
def test_bounds_are_kept_and_constants_too(method, size, rng):
    x = rng.normal(size=(1, 12, 10, 1)).astype(np.float32)
    resampled = resample(x, size, method)
    assert resampled.shape == (1, *size, 1)
    assert x.min() - 1e-5 <= resampled.min() and resampled.max() <= x.max() + 1e-5
    np.testing.assert_allclose(resample(0 * x + 3.3, size, method), 3.3, rtol=1e-5)


def linear(size):
    """Returns 2 y - 3 x at the pixel centres of a grid over the unit square."""
    y, x = ((np.arange(n) + 0.5) / n for n in size)
    return (2 * y[:, None] - 3 * x[None, :])[None, ..., None].astype(np.float32)


@pytest.mark.parametrize(("method", "size"), [("linear", size) for size in SIZES[:4]] + [("area", (6, 5))])
def test_linear_functions_are_reproduced_where_no_edge_is_near(method, size):
    resampled, exact = resample(linear((12, 10)), size, method), linear(size)
    y, x = ((np.arange(n) + 0.5) / n for n in size)
    inner = (abs(y - 0.5) <= 0.5 - 0.5 / 12)[:, None] & (abs(x - 0.5) <= 0.5 - 0.5 / 10)[None, :]
    np.testing.assert_allclose(resampled[0, inner], exact[0, inner], atol=1e-5)


@every_size
def test_area_averages_conserve_the_mean(size, rng):
    x = rng.normal(size=(1, 12, 10, 1)).astype(np.float32)
    assert resample(x, size, "area").mean() == pytest.approx(x.mean(), abs=1e-5)


def test_area_averages_over_whole_pixels_are_their_means(rng):
    x = rng.normal(size=(2, 12, 10, 1)).astype(np.float32)
    means = x.reshape(2, 6, 2, 5, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(resample(x, (6, 5), "area"), means, atol=1e-6)


@every_method
def test_transposing_the_input_transposes_the_output(method, rng):
    x = rng.normal(size=(1, 12, 10, 1)).astype(np.float32)
    turned = resample(x.transpose(0, 2, 1, 3), (13, 7), method)
    np.testing.assert_allclose(turned.transpose(0, 2, 1, 3), resample(x, (7, 13), method), atol=1e-5)


def test_refining_is_linear_interpolation_to_twice_the_size(rng):
    x = rng.normal(size=(2, 6, 5, 1)).astype(np.float32)
    np.testing.assert_allclose(ops.convert_to_numpy(Refine()(x)), resample(x, (12, 10), "linear"), atol=1e-6)


def test_refining_preserves_order_and_constants_exactly(rng):
    lower = rng.normal(size=(1, 6, 5, 1)).astype(np.float32)
    upper = lower + rng.random(lower.shape).astype(np.float32)
    assert (ops.convert_to_numpy(Refine()(lower)) <= ops.convert_to_numpy(Refine()(upper))).all()
    np.testing.assert_array_equal(ops.convert_to_numpy(Refine()(0 * lower + 5.3)), np.float32(5.3))


def test_refining_in_space_refines_every_plane_and_between_them(rng):
    """A volume that is the same along one axis is refined as its planes are."""
    plane = rng.normal(size=(1, 6, 5, 1)).astype(np.float32)
    refined = ops.convert_to_numpy(Refine()(plane))
    for axis in (1, 2, 3):
        volume = np.repeat(np.expand_dims(plane, axis), 3, axis=axis)
        expected = np.repeat(np.expand_dims(refined, axis), 6, axis=axis)
        np.testing.assert_allclose(ops.convert_to_numpy(Refine()(volume)), expected, atol=1e-6)


def test_another_method_is_refused():
    with pytest.raises(ValueError, match='"area" or "linear". Received \'cubic\''):
        Resample("cubic")
