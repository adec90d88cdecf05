"""The projection makes any kernel a finite difference, changes none that is one, and orders are read off correctly."""

import numpy as np
import pytest

from lsn_tf.numerics import consistency
from lsn_tf.numerics.stencils import catalogue, get_stencil

ROUNDING = 1e-13
EVERY = [stencil for ndim in (2, 3) for stencil in catalogue(ndim).values()]
every_stencil = pytest.mark.parametrize("stencil", EVERY, ids=lambda s: f"{s.coefficients.ndim}d-{s.name}")


def project(stencil, coefficients):
    matrix, offset = consistency.consistent_projection(stencil)
    return (matrix @ np.ravel(coefficients) + offset).reshape(stencil.coefficients.shape)


@every_stencil
def test_the_projection_leaves_its_own_stencil_unchanged(stencil):
    np.testing.assert_allclose(project(stencil, stencil.coefficients), stencil.coefficients, rtol=0, atol=ROUNDING)


@every_stencil
def test_the_projection_makes_a_random_kernel_consistent(stencil, rng):
    kernel = rng.normal(size=stencil.coefficients.shape)
    assert consistency.order_of_accuracy(kernel, stencil.derivative) == 0
    assert consistency.order_of_accuracy(project(stencil, kernel), stencil.derivative) >= stencil.order


@every_stencil
def test_projecting_twice_is_projecting_once(stencil, rng):
    once = project(stencil, rng.normal(size=stencil.coefficients.shape))
    np.testing.assert_allclose(project(stencil, once), once, rtol=0, atol=ROUNDING)


@every_stencil
def test_no_consistent_stencil_is_nearer_than_the_projection(stencil, rng):
    kernel, another = rng.normal(size=(2, *stencil.coefficients.shape))
    nearest = project(stencil, kernel)
    right_angle = np.sum((kernel - nearest) * (project(stencil, another) - nearest))
    assert right_angle == pytest.approx(0, abs=ROUNDING)


@every_stencil
def test_a_consistent_stencil_keeps_something_to_learn(stencil, rng):
    assert np.abs(project(stencil, rng.normal(size=stencil.coefficients.shape)) - stencil.coefficients).max() > 0.01


def test_moments_are_those_of_the_definition():
    kernel = np.zeros((3, 3))
    kernel[0, 2] = 3.0  # at offset (-1, 1)
    moments = {(qy, qx): consistency.moment(kernel, qy, qx) for qy in range(3) for qx in range(3)}
    assert moments == {(qy, qx): 3.0 * (-1) ** qy for qy in range(3) for qx in range(3)}


def test_moments_in_space_have_three_powers():
    kernel = np.zeros((3, 3, 3))
    kernel[0, 2, 1] = 3.0  # at offset (-1, 1, 0)
    powers = list(np.ndindex(3, 3, 3))
    assert [consistency.moment(kernel, *q) for q in powers] == [3.0 * (-1) ** q[0] * (q[2] == 0) for q in powers]


def test_the_conditions_state_the_moments_of_the_derivative():
    rows, target = consistency.moment_conditions(get_stencil("second_yy"))
    assert rows.shape == (10, 9)  # the powers (qy, qx) with qy + qx < 4
    np.testing.assert_allclose(rows @ get_stencil("second_yy").coefficients.ravel(), target)
    assert sorted(target)[-2:] == [0, 2]  # 2! for the second derivative, nothing else
    rows, target = consistency.moment_conditions(get_stencil("mixed_xz", ndim=3))
    assert rows.shape == (20, 27) and sorted(target)[-2:] == [0, 1]


def test_errors_that_fall_with_a_power_of_the_spacing_have_that_order():
    spacings = [0.4, 0.2, 0.1]
    for order in (1, 2, 3.5):
        assert consistency.observed_order([7 * h**order for h in spacings], spacings) == pytest.approx(order)
