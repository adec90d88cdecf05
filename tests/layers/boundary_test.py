"""Padding is that of NumPy for each boundary condition, and shifts are neighbours."""

import keras
import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.boundary import BOUNDARIES, check_boundary, pad, shifted

SHAPES = [(2, 5, 6, 3), (2, 4, 5, 6, 1)]
every_boundary = pytest.mark.parametrize("boundary", BOUNDARIES)
every_radius = pytest.mark.parametrize("radius", [1, 3])
in_plane_and_space = pytest.mark.parametrize("shape", SHAPES, ids=["plane", "space"])


def numpy_pad(x, radius, boundary, axes):
    widths = [(radius, radius) if axis in axes else (0, 0) for axis in range(x.ndim)]
    if boundary == "periodic":
        return np.pad(x, widths, "wrap")
    if boundary == "replicate":
        return np.pad(x, widths, "edge")
    return np.pad(x, widths, "reflect", reflect_type="odd")


@every_boundary
@every_radius
@in_plane_and_space
def test_padding_is_that_of_numpy(boundary, radius, shape, rng):
    radius = 1 if boundary == "extrapolate" else radius  # further out, an odd reflection is no linear extrapolation
    x = rng.normal(size=shape)
    np.testing.assert_allclose(pad(x, radius, boundary), numpy_pad(x, radius, boundary, range(1, x.ndim - 1)))


@every_boundary
def test_only_the_axes_asked_for_are_padded(boundary, rng):
    x = rng.normal(size=(2, 4, 5, 6, 1))
    np.testing.assert_allclose(pad(x, 1, boundary, axes=(1, 3)), numpy_pad(x, 1, boundary, (1, 3)))


@every_radius
@in_plane_and_space
def test_a_plane_that_is_extrapolated_remains_a_plane(radius, shape):
    slopes = (0.3, -2.0, 0.7)
    wide = sum(s * i for s, i in zip(slopes, np.indices([n + 2 * radius for n in shape[1:-1]]), strict=False))
    inner = wide[(slice(radius, -radius),) * wide.ndim][None, ..., None]
    np.testing.assert_allclose(pad(inner, radius, "extrapolate")[0, ..., 0], wide, atol=1e-12)


@every_boundary
@in_plane_and_space
def test_a_single_pixel_along_an_axis_is_its_own_neighbour(boundary, shape, rng):
    x = rng.normal(size=shape)[:, :1]
    padded = ops.convert_to_numpy(pad(x, 3, boundary, axes=[1]))
    np.testing.assert_array_equal(padded, np.repeat(x, 7, axis=1))


def test_a_period_shorter_than_the_padding_is_repeated(rng):
    x = rng.normal(size=(1, 2, 5, 1))
    np.testing.assert_array_equal(pad(x, 3, "periodic"), numpy_pad(x, 3, "periodic", (1, 2)))


@pytest.mark.parametrize("halo", [1, 3])
@pytest.mark.parametrize("offset", [(0, 0, 0), (1, 0, -1), (-1, 1, 1)])
def test_shifting_reads_the_neighbours_of_all_pixels(halo, offset, rng):
    x = rng.normal(size=(2, 4, 5, 6, 1))
    neighbours = np.roll(x, [-d for d in offset], axis=(1, 2, 3))
    np.testing.assert_array_equal(shifted(pad(x, halo, "periodic"), halo, offset), neighbours)


def test_the_farthest_neighbours_are_at_the_rim_of_the_padding(rng):
    x = rng.normal(size=(1, 4, 5, 1))
    padded = ops.convert_to_numpy(pad(x, 3, "extrapolate"))
    np.testing.assert_array_equal(shifted(padded, 3, (3, -3)), padded[:, 6:, :-6])


@every_boundary
def test_an_image_of_unknown_size_is_padded_too(boundary):
    symbolic = pad(keras.KerasTensor((None, None, None, 1)), 2, boundary)
    assert symbolic.shape == (None, None, None, 1)


def test_another_boundary_is_refused():
    with pytest.raises(ValueError, match="'replicate', 'periodic', 'extrapolate'.*Received 'mirror'"):
        check_boundary("mirror")
