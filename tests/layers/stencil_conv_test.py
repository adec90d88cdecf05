"""Shifted slices are the convolution, in physical units, and the rungs of the ladder start as one method."""

import keras
import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.boundary import BOUNDARIES, pad
from lsn_tf.layers.stencil_conv import LEARNING, StencilConv
from lsn_tf.numerics.consistency import moment_conditions
from lsn_tf.numerics.stencils import STENCILS, catalogue, get_stencil

NAMES = tuple(STENCILS)
INTERIOR = (slice(None), slice(1, -1), slice(1, -1))


def built(learning, names=NAMES):
    layer = StencilConv(names, learning)
    layer.build((None, None, None, 1))
    return layer


def derivatives(layer, phi, spacing):
    """Returns the derivatives as channels of one array."""
    return np.concatenate([ops.convert_to_numpy(d) for d in layer(phi, spacing)], axis=-1)


def trained(learning, spacing, rng):
    """Returns a layer after some steps of Adam towards random targets."""
    layer = built(learning)
    phi, pixel = keras.Input((8, 9, 1)), keras.Input((2,))
    model = keras.Model([phi, pixel], ops.concatenate(layer(phi, pixel), axis=-1))
    model.compile(keras.optimizers.Adam(0.1), "mse")
    for _ in range(5):
        model.train_on_batch([rng.normal(size=(1, 8, 9, 1)), spacing], rng.normal(size=(1, 8, 9, len(NAMES))))
    return layer


def broken_moments(layer):
    """Returns, stencil by stencil, by how much the conditions A c = b are violated."""
    kernel = ops.convert_to_numpy(layer.kernel).reshape(9, -1)
    conditions = [moment_conditions(get_stencil(name)) for name in layer.stencils]
    return np.array([np.abs(rows @ kernel[:, n] - b).max() for n, (rows, b) in enumerate(conditions)])


@pytest.mark.parametrize("learning", LEARNING)
def test_shifted_slices_are_the_convolution_with_the_kernel(learning, rng):
    layer = built(learning)
    if learning == "free":
        layer.kernel.assign(rng.normal(size=layer.kernel.shape))
    phi = rng.normal(size=(2, 8, 9, 1)).astype(np.float32)
    convolved = ops.conv(ops.convert_to_tensor(np.pad(phi, [(0, 0), (1, 1), (1, 1), (0, 0)], "edge")), layer.kernel)
    np.testing.assert_allclose(derivatives(layer, phi, np.ones((2, 2), np.float32)), convolved, atol=1e-5)


@pytest.mark.parametrize("learning", ["frozen", "free"])
def test_shifted_slices_of_space_are_the_convolution_with_the_kernel_in_physical_units(learning, rng):
    names, pixel = tuple(catalogue(3)), np.array([2.5, 0.7, 0.9])
    layer = StencilConv(names, learning, dtype="float64")
    layer.build((None, None, None, None, 1))
    if learning == "free":
        layer.kernel.assign(rng.normal(size=layer.kernel.shape))
    phi = rng.normal(size=(2, 4, 5, 6, 1))
    padded = np.pad(phi, [(0, 0), (1, 1), (1, 1), (1, 1), (0, 0)], "edge")
    kernel = ops.convert_to_tensor(ops.convert_to_numpy(layer.kernel), "float64")
    unit = np.array([np.prod(pixel ** np.array(catalogue(3)[name].derivative)) for name in names])
    convolved = ops.convert_to_numpy(ops.conv(ops.convert_to_tensor(padded, "float64"), kernel)) / unit
    np.testing.assert_allclose(derivatives(layer, phi, np.stack([pixel, pixel])), convolved, atol=1e-11)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_beyond_the_frame_is_what_the_boundary_says(boundary, rng):
    phi = rng.normal(size=(1, 4, 5, 6, 1))
    pixel, layer = np.array([[2.5, 0.7, 0.9]]), StencilConv(tuple(catalogue(3)), boundary=boundary, dtype="float64")
    found = derivatives(layer, phi, pixel)
    wide = StencilConv(layer.stencils, dtype="float64")
    expected = derivatives(wide, ops.convert_to_numpy(pad(phi, 2, boundary)), pixel)[:, 2:-2, 2:-2, 2:-2]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_more_padding_than_needed_changes_nothing(rng, spacing):
    phi, layer = rng.normal(size=(1, 5, 6, 1)).astype(np.float32), built("frozen")
    found = layer.of_padded(pad(phi, 3), spacing, 3)
    np.testing.assert_array_equal(np.concatenate(found, axis=-1), derivatives(layer, phi, spacing))


def test_a_stencil_along_z_is_refused_in_the_plane(spacing):
    with pytest.raises(ValueError, match="Received 'central_z'"):
        StencilConv(("central_z",))(np.ones((1, 5, 6, 1), np.float32), spacing)


def test_all_rungs_give_bit_equal_output_until_they_are_trained(spacing, rng):
    phi = rng.normal(size=(1, 8, 9, 1)).astype(np.float32)
    frozen, consistent, free = (derivatives(built(learning), phi, spacing) for learning in LEARNING)
    np.testing.assert_array_equal(frozen, consistent)
    np.testing.assert_array_equal(frozen, free)


def test_a_frozen_stencil_has_no_weight_and_the_others_have_one_that_is_trained():
    assert [len(built(learning).trainable_weights) for learning in LEARNING] == [0, 1, 1]


def test_a_consistent_stencil_learns_and_remains_a_finite_difference(spacing, rng):
    layer = trained("consistent", spacing, rng)
    start = built("consistent").kernel
    assert (np.abs(ops.convert_to_numpy(layer.kernel - start)).max(axis=(0, 1, 2)) > 0.01).all()
    assert broken_moments(layer).max() < 1e-5


def test_a_free_stencil_need_not_remain_one(spacing, rng):
    assert (broken_moments(trained("free", spacing, rng)) > 0.01).all()


@pytest.mark.parametrize("learning", LEARNING)
def test_a_constant_has_derivatives_that_are_exactly_zero(learning, spacing):
    phi = np.full((1, 5, 6, 1), 57.3, np.float32)
    np.testing.assert_array_equal(derivatives(built(learning), phi, spacing), 0)


def test_derivatives_of_a_quadratic_are_in_physical_units(spacing):
    y, x = np.meshgrid(np.arange(6) * 0.7, np.arange(7) * 0.9, indexing="ij")
    phi = (2 * y - 3 * x + 0.5 * y**2 + 2 * x**2 - x * y)[None, ..., None]
    names = ("central_y", "central_x", "second_yy", "second_xx", "mixed_xy")
    exact = [2 + y - x, -3 + 4 * x - y, 1 + 0 * y, 4 + 0 * y, -1 + 0 * y]
    found = derivatives(StencilConv(names), phi, spacing)
    np.testing.assert_allclose(found[INTERIOR], np.stack(exact, axis=-1)[None][INTERIOR], atol=1e-4)


def test_each_slice_has_its_own_spacing(rng):
    phi = np.repeat(rng.normal(size=(1, 5, 6, 1)), 2, axis=0).astype(np.float32)
    fine, coarse = derivatives(StencilConv(("central_y", "second_xx")), phi, np.array([[0.5, 0.5], [1, 2]], np.float32))
    np.testing.assert_allclose(fine[..., 0], 2 * coarse[..., 0], rtol=1e-6)
    np.testing.assert_allclose(fine[..., 1], 16 * coarse[..., 1], rtol=1e-6)


def test_nothing_flows_through_the_frame(spacing, rng):
    phi = rng.normal(size=(1, 5, 6, 1)).astype(np.float32)
    found = derivatives(StencilConv(("backward_y", "forward_y", "backward_x", "forward_x")), phi, spacing)
    for channel, frame in enumerate([np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]]):
        np.testing.assert_array_equal(found[0, ..., channel][frame], 0)


@pytest.mark.parametrize("radius", [1, 3])
@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_padding_replicates_the_edge(radius, axes, rng):
    x = rng.normal(size=(2, 4, 5, 3)).astype(np.float32)
    widths = [(radius, radius) if axis in axes else (0, 0) for axis in range(4)]
    np.testing.assert_array_equal(ops.convert_to_numpy(pad(x, radius, axes=axes)), np.pad(x, widths, "edge"))


@pytest.mark.parametrize("learning", LEARNING)
def test_the_gain_is_one_for_one_sided_differences_and_two_for_second_ones(learning):
    expected = {"backward": 1, "forward": 1, "central": 0.5, "second": 2, "mixed": 0.5}
    gains = {name: float(gain) for name, gain in built(learning).gains().items()}
    assert gains == {name: expected[name.split("_")[0]] for name in NAMES}


def test_gains_follow_what_a_stencil_has_learned():
    layer = built("free", ("backward_x", "second_yy"))
    layer.kernel.assign(-3 * layer.kernel)
    assert {name: float(gain) for name, gain in layer.gains().items()} == {"backward_x": 3, "second_yy": 6}


def test_another_rung_or_stencil_is_refused():
    with pytest.raises(ValueError, match="'frozen', 'consistent', 'free'.*Received 'fixed'"):
        StencilConv(NAMES, "fixed")
    with pytest.raises(ValueError, match="stencil must be one of"):
        StencilConv(("upwind",))
