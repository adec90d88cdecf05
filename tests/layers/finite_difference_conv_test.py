"""Its kernels are finite differences: polynomials up to order two are all that they can tell apart."""

import keras
import numpy as np
import pytest

from lsn_tf.layers import FiniteDifferenceConv


@pytest.fixture
def layer(rng):
    layer = FiniteDifferenceConv(3, activation="relu")
    layer.build((None, 8, 9, 2))
    layer.bias.assign(rng.normal(size=3))
    return layer


def test_it_is_the_convolution_with_its_kernel(layer, rng):
    x = rng.normal(size=(2, 8, 9, 2)).astype(np.float32)
    plain = keras.layers.Conv2D(3, 3, padding="same", activation="relu")
    plain.build(x.shape)
    plain.set_weights([layer.kernel, layer.bias])
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-5, atol=1e-5)


def test_the_kernels_span_six_dimensions_and_have_nothing_to_do_with_the_rest(layer):
    """Of the nine dimensions those are out of reach whose lowest moment is of order three or four."""
    span = np.linalg.svd(layer.stencils.reshape(9, -1).astype(float))
    assert (span[1] > 0.1).sum() == 6
    first, second = np.float32([-0.5, 0, 0.5]), np.float32([1, -2, 1])
    quartic = np.outer(second, second) / 4  # u_xxyy
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    for odd in (np.outer(second, first), np.outer(first, second)):  # u_xyy and u_xxy, up to their first derivatives
        residual = odd.ravel() - span[0][:, :6] @ (span[0][:, :6].T @ odd.ravel())
        assert np.linalg.norm(residual) > 0.1
        np.testing.assert_allclose(np.tensordot(residual.reshape(3, 3), kernel, 2), 0, atol=1e-6)
    residual = quartic.ravel() - span[0][:, :6] @ (span[0][:, :6].T @ quartic.ravel())
    np.testing.assert_allclose(np.tensordot(residual.reshape(3, 3), kernel, 2), 0, atol=1e-6)


def test_its_kernels_begin_with_the_energy_of_those_of_a_convolution():
    ours, plain = FiniteDifferenceConv(64), keras.layers.Conv2D(64, 3)
    for layer in (ours, plain):
        layer.build((None, 8, 9, 64))
    energies = [np.sum(np.square(keras.ops.convert_to_numpy(layer.kernel))) for layer in (ours, plain)]
    assert energies[0] == pytest.approx(energies[1], rel=0.1)


def test_it_has_two_thirds_of_the_weights_of_a_convolution_and_comes_back_from_its_configuration(layer):
    assert layer.count_params() == 6 * 2 * 3 + 3
    again = FiniteDifferenceConv.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_no_filters_are_refused():
    with pytest.raises(ValueError, match="filters must be at least 1. Received filters=0"):
        FiniteDifferenceConv(0)
