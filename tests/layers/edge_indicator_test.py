"""The edge indicator is one where the image is flat, the frame included, and small on edges, in physical units."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.edge_indicator import EdgeIndicator, LearnedEdgeIndicator
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.level_sets import pixel_centres

PIXEL = (0.7, 0.9)
MARGIN = EdgeIndicator().radius + 1
INNER = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]


def edge_indicator(image, pixel=PIXEL, **arguments):
    image = np.asarray(image, np.float32)[None, ..., None]
    return ops.convert_to_numpy(EdgeIndicator(**arguments)(image, np.array([pixel], np.float32)))[0, ..., 0]


def gradient(image, pixel=PIXEL, **arguments):
    """Returns |grad (G * I)|, HU/mm, read back from g = 1 / (1 + (|grad| / 10)**2)."""
    return 10 * np.sqrt(1 / edge_indicator(image, pixel, contrast=10.0, **arguments) - 1)


def test_a_constant_image_has_no_edge_its_frame_included():
    np.testing.assert_array_equal(edge_indicator(np.full((12, 13), 57.3)), 1)


def test_the_frame_is_no_edge_when_the_image_varies_inside(rng):
    image = np.full((24, 24), 80.0)
    image[11:13, 11:13] += 500 * rng.random((2, 2))
    g = edge_indicator(image)
    np.testing.assert_array_equal(np.concatenate([g[0], g[-1], g[:, 0], g[:, -1]]), 1)
    assert g.min() < 0.9


def test_the_edge_indicator_is_in_the_half_open_unit_interval(rng):
    g = edge_indicator(1000 * rng.normal(size=(20, 20)))
    assert (g > 0).all() and (g <= 1).all() and g.min() < 0.1


def test_a_slice_alone_is_the_same_slice_in_a_batch(rng):
    images = (np.array([1, 1000]).reshape(2, 1, 1, 1) * rng.normal(size=(2, 14, 15, 1))).astype(np.float32)
    spacing = np.array([PIXEL, (2.0, 1.0)], np.float32)
    together = ops.convert_to_numpy(EdgeIndicator()(images, spacing))
    for n in range(2):
        alone = ops.convert_to_numpy(EdgeIndicator()(images[n : n + 1], spacing[n : n + 1]))
        np.testing.assert_allclose(alone[0], together[n], rtol=1e-6)


@pytest.mark.parametrize("power", [1.0, 2.0, 4.0])
def test_a_ramp_of_some_hu_per_mm_is_an_edge_of_that_contrast(power):
    y, x = pixel_centres((14, 15), PIXEL)
    g = edge_indicator(4 * y - 3 * x, contrast=10.0, power=power)  # |grad I| = 5 HU/mm
    np.testing.assert_allclose(g[INNER], 1 / (1 + 0.5**power), rtol=1e-4)


@pytest.mark.parametrize("axis", [0, 1], ids=["y", "x"])
def test_smoothing_damps_a_wave_as_a_gaussian_of_that_width_in_mm_does(axis):
    wave = 10 * np.sin(pixel_centres((40, 40), PIXEL)[axis])  # one rad/mm
    damping = np.exp(-(1.2**2) / 2) * np.sin(PIXEL[axis]) / PIXEL[axis]  # of G_sigma, of the central difference
    assert gradient(wave, sigma_mm=1.2)[INNER].max() == pytest.approx(10 * damping, rel=0.03)


def test_with_smoothing_over_some_pixels_the_edge_indicator_is_second_order_accurate():
    scales, errors = [0.4, 0.2, 0.1], []
    for scale in scales:
        pixel = (0.7 * scale, 0.9 * scale)
        y, x = pixel_centres((round(7 / pixel[0]), round(7 / pixel[1])), pixel)
        exact = 1 / (1 + (5 * np.cos(0.8 * y + 0.6 * x) / 10) ** 2)
        errors.append(np.abs(edge_indicator(5 * np.sin(0.8 * y + 0.6 * x), pixel, sigma_mm=scale) - exact)[INNER].max())
    assert observed_order(errors, scales) == pytest.approx(2, abs=0.2)


def test_transposing_or_reflecting_the_image_does_so_to_the_edge_indicator(rng):
    image = 100 * rng.normal(size=(14, 15))
    g = edge_indicator(image)
    np.testing.assert_allclose(edge_indicator(image.T, PIXEL[::-1]), g.T, rtol=1e-3)
    np.testing.assert_allclose(edge_indicator(image[::-1]), g[::-1], rtol=1e-3)
    np.testing.assert_allclose(edge_indicator(image[:, ::-1]), g[:, ::-1], rtol=1e-3)


@pytest.mark.parametrize("axis", range(3), ids="zyx")
def test_a_volume_that_does_not_change_along_an_axis_has_the_edges_of_its_slice(axis, rng):
    image = 30 * rng.normal(size=(9, 10))
    volume = np.repeat(np.expand_dims(image, axis), 5, axis)
    g = EdgeIndicator(dtype="float64")(volume[None, ..., None], np.insert(PIXEL, axis, 2.5)[None])[0, ..., 0]
    flat = EdgeIndicator(dtype="float64")(image[None, ..., None], np.array([PIXEL]))[0, ..., 0]
    np.testing.assert_allclose(g, np.repeat(np.expand_dims(flat, axis), 5, axis), rtol=1e-11)


def test_permuting_the_axes_of_a_volume_permutes_its_edge_indicator(rng):
    volume, pixel, axes = 30 * rng.normal(size=(7, 8, 9)), np.array([2.5, 0.7, 0.9]), [2, 0, 1]
    g = EdgeIndicator(dtype="float64")(volume[None, ..., None], pixel[None])[0, ..., 0]
    permuted = EdgeIndicator(dtype="float64")(volume.transpose(axes)[None, ..., None], pixel[axes][None])[0, ..., 0]
    np.testing.assert_allclose(permuted, ops.convert_to_numpy(g).transpose(axes), rtol=1e-11)


@pytest.mark.parametrize("argument", ["sigma_mm", "contrast", "power"])
def test_arguments_that_are_not_positive_are_refused(argument):
    with pytest.raises(ValueError, match=f"must be positive.*{argument}=0"):
        EdgeIndicator(**{argument: 0})


def test_learned_kernels_see_no_edge_in_a_flat_image_at_the_start_its_frame_included():
    for level in (-1.0, 0.3, 1.0):
        g = LearnedEdgeIndicator()(np.full((1, 6, 7, 1), level, np.float32))
        np.testing.assert_allclose(g, 1, rtol=1e-6)


def test_learned_kernels_make_the_edge_indicator_of_their_formula(rng):
    layer, image = LearnedEdgeIndicator(2), rng.normal(size=(1, 5, 6, 1)).astype(np.float32)
    layer.build(image.shape)
    kernel = np.zeros((3, 3, 1, 2))
    kernel[1, 2, 0, 0], kernel[2, 1, 0, 1] = 2.0, 3.0
    layer.kernel.assign(kernel)
    padded = np.pad(image[0, ..., 0], 1, "edge")
    right, below = padded[1:-1, 2:], padded[2:, 1:-1]
    np.testing.assert_allclose(layer(image)[0, ..., 0], 1 / (1 + (2 * right) ** 2 + (3 * below) ** 2), rtol=1e-5)


def test_no_learned_kernel_at_all_is_refused():
    with pytest.raises(ValueError, match="at least 1. Received kernels=0"):
        LearnedEdgeIndicator(0)
