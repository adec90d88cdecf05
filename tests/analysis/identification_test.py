"""Shares add up as Parseval says, moments are those of numerics, and named stencils are the derivatives they claim."""

import numpy as np
import pytest

from lsn_tf.analysis import identification
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.templates import make_templates
from lsn_tf.numerics import consistency
from lsn_tf.numerics.stencils import STENCILS

KERNELS = {entry.name: entry.kernel for entry in named_kernels()}


def operator_of(kernel, tolerance=1e-4):
    operator, accuracy = identification.operators(np.asarray(kernel)[None], tolerance)
    return identification.operator_names(len(kernel))[operator[0]], accuracy[0]


def monomials_below(degree, size):
    offsets = np.arange(size) - size // 2
    return [np.outer(offsets**p, offsets**q) for p in range(degree) for q in range(degree) if p + q < degree]


@pytest.mark.parametrize("size", [3, 5])
def test_shares_are_those_of_the_orthogonal_projection(size, rng):
    """P projects on what annihilates polynomials: the share is |P k|**2 / |k|**2, here by the pseudo-inverse."""
    kernels = rng.normal(size=(40, size, size))
    shares = identification.finite_difference_shares(kernels)
    rows = kernels.reshape(40, -1)
    for order in range(1, shares.shape[1] + 1):
        conditions = np.array([m.ravel() for m in monomials_below(order, size)])
        projected = rows - rows @ np.linalg.pinv(conditions) @ conditions
        np.testing.assert_allclose(shares[:, order - 1], (projected**2).sum(1) / (rows**2).sum(1), atol=1e-5)


def test_the_share_of_order_one_and_the_dc_energy_are_the_whole(rng):
    kernels = rng.normal(size=(100, 3, 3))
    whole = identification.finite_difference_shares(kernels)[:, 0] + identification.dc_energy(kernels)
    np.testing.assert_allclose(whole, 1, rtol=1e-5)


def test_white_noise_has_the_shares_of_the_dimensions(rng):
    shares = identification.finite_difference_shares(rng.normal(size=(200_000, 3, 3))).mean(axis=0)
    np.testing.assert_allclose(shares, np.array([8, 6, 3, 1]) / 9, atol=0.002)
    assert [identification.finite_difference_dimension(9, order) for order in (1, 2, 3, 4)] == [8, 6, 3, 1]


def test_dc_energy_is_one_for_constants_and_zero_for_differences():
    energy = identification.dc_energy(np.stack([np.full((3, 3), -2.0), KERNELS["sobel_x"], np.zeros((3, 3))]))
    np.testing.assert_allclose(energy, [1, 0, 0], atol=1e-6)


def test_moments_are_those_of_numerics(rng):
    kernels = rng.normal(size=(5, 3, 3))
    expected = [[consistency.moment(kernel, *q) for q in identification.MOMENTS] for kernel in kernels]
    np.testing.assert_allclose(identification.moments(kernels), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", STENCILS)
def test_the_solvers_stencils_are_their_derivatives_with_their_order(name):
    stencil = STENCILS[name]
    py, px = stencil.derivative
    assert operator_of(-3 * stencil.coefficients) == ("x" * px + "y" * py, stencil.order)
    assert consistency.order_of_accuracy(stencil.coefficients, stencil.derivative) == stencil.order


@pytest.mark.parametrize(
    ("name", "operator", "accuracy"),
    [
        ("identity", "identity", 3),
        ("gaussian_blur", "identity", 2),
        ("upwind_step_backward_x", "identity", 1),
        ("sobel_y", "y", 2),
        ("sobel_diagonal", "mixed", 2),
        ("laplacian_5", "laplacian", 2),
        ("laplacian_mehrstellen", "laplacian", 2),
        ("laplacian_diagonal", "laplacian", 2),
        ("advection_diffusion_x_peclet_1", "x", 1),
        ("gabor_even_45", "mixed", 2),
    ],
)
def test_named_kernels_are_the_operators_they_approximate(name, operator, accuracy):
    assert operator_of(KERNELS[name]) == (operator, accuracy)


def test_products_of_differences_are_higher_derivatives():
    first, second = np.array([-0.5, 0, 0.5]), np.array([1, -2, 1])
    assert operator_of(np.outer(first, second)) == ("xxy", 2)
    assert operator_of(np.outer(second, first)) == ("xyy", 2)
    assert operator_of(np.outer(second, second)) == ("xxyy", 2)


def test_a_fourth_difference_in_a_wider_kernel_is_one():
    row = np.array([1, -4, 6, -4, 1])
    assert operator_of(np.outer([0, 0, 1, 0, 0], row)) == ("xxxx", 2)
    wide = np.outer([0, 0, 1, 0, 0], np.array([1, -8, 0, 8, -1]) / 12)
    assert operator_of(wide) == ("x", 3)  # of order 4, of which 3 are told


def test_a_moment_within_the_tolerance_counts_as_none():
    shifted = KERNELS["central_x"] + 0.01
    assert operator_of(shifted, 0.05) == ("x", 2) and operator_of(shifted, 0.001)[0] == "identity"


def test_a_kernel_of_zeros_is_no_operator():
    assert operator_of(np.zeros((3, 3))) == ("none", 0)


def test_dead_is_relative_to_the_largest_weight_of_the_layer():
    kernels = np.stack([scale * KERNELS["identity"] for scale in (-10.0, 0.11, 0.09, 0.0)])
    assert identification.dead(kernels).tolist() == [False, False, True, True]
    assert identification.dead(np.zeros((2, 3, 3))).all()


def test_the_table_has_one_value_a_kernel_in_each_column(rng):
    kernels = np.concatenate([rng.normal(size=(9000, 3, 3)), np.zeros((1, 3, 3))])
    templates = make_templates()
    table = identification.describe(kernels, templates)
    assert {column.shape for column in table.values()} == {(9001,)}
    assert all(np.isfinite(column).all() for column in table.values())
    one = identification.describe(kernels[8999:9000], templates)
    for name in table:
        np.testing.assert_allclose(one[name][0], table[name][8999], rtol=1e-5, atol=1e-6, err_msg=name)
    assert list(table)[:4] == ["norm", "dc_energy", "m00", "m01"]
