"""The constraint is the projection of `numerics.consistency`, kernel by kernel."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.constraints import Consistent
from lsn_tf.numerics.consistency import order_of_accuracy
from lsn_tf.numerics.stencils import catalogue, stencil_kernel

in_plane_and_space = pytest.mark.parametrize("ndim", [2, 3])


def project(kernel, dtype="float32"):
    ndim = kernel.ndim - 2
    return ops.convert_to_numpy(Consistent(tuple(catalogue(ndim)), ndim)(ops.convert_to_tensor(kernel, dtype)))


def random_kernel(rng, ndim):
    return rng.normal(size=(3,) * ndim + (1, len(catalogue(ndim))))


@in_plane_and_space
def test_each_kernel_of_a_random_weight_becomes_the_derivative_of_its_own_name(ndim, rng):
    projected = project(random_kernel(rng, ndim))
    for n, stencil in enumerate(catalogue(ndim).values()):
        order = order_of_accuracy(projected[..., 0, n], stencil.derivative, tolerance=1e-5)
        assert order >= stencil.order, stencil.name


@in_plane_and_space
def test_the_catalogue_is_not_changed(ndim):
    kernel = stencil_kernel(tuple(catalogue(ndim)), ndim)
    np.testing.assert_allclose(project(kernel), kernel, rtol=0, atol=5e-7)


@in_plane_and_space
def test_projecting_twice_is_projecting_once(ndim, rng):
    once = project(random_kernel(rng, ndim))
    np.testing.assert_allclose(project(once), once, atol=2e-6)


def test_a_weight_of_double_precision_is_projected_in_double_precision(rng):
    projected = project(random_kernel(rng, 3), "float64")
    assert projected.dtype == np.float64
    for n, stencil in enumerate(catalogue(3).values()):
        assert order_of_accuracy(projected[..., 0, n], stencil.derivative, tolerance=1e-13) >= stencil.order
