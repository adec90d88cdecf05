"""The constraint is the projection of `numerics.consistency`, kernel by kernel."""

import numpy as np
from keras import ops

from lsn_tf.layers.constraints import Consistent
from lsn_tf.numerics.consistency import order_of_accuracy
from lsn_tf.numerics.stencils import STENCILS, get_stencil, stencil_kernel

NAMES = tuple(STENCILS)


def project(kernel):
    return ops.convert_to_numpy(Consistent(NAMES)(ops.convert_to_tensor(kernel, "float32")))


def test_each_kernel_of_a_random_weight_becomes_the_derivative_of_its_own_name(rng):
    projected = project(rng.normal(size=(3, 3, 1, len(NAMES))))
    for n, stencil in enumerate(map(get_stencil, NAMES)):
        order = order_of_accuracy(projected[:, :, 0, n], stencil.derivative, tolerance=1e-5)
        assert order >= stencil.order, stencil.name


def test_the_catalogue_is_not_changed():
    np.testing.assert_allclose(project(stencil_kernel(NAMES)), stencil_kernel(NAMES), rtol=0, atol=5e-7)


def test_projecting_twice_is_projecting_once(rng):
    once = project(rng.normal(size=(3, 3, 1, len(NAMES))))
    np.testing.assert_allclose(project(once), once, atol=1e-6)
