"""Shares add up as Parseval says, moments are those of numerics, and named stencils are the derivatives they claim."""

import itertools
import math

import numpy as np
import pytest

from lsn_tf.analysis import identification
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.templates import make_templates
from lsn_tf.numerics import consistency
from lsn_tf.numerics.stencils import catalogue

KERNELS = {entry.name: entry.kernel for entry in named_kernels()}
SHAPES = [(3, 3), (5, 5), (7, 7), (3, 3, 3)]


def operator_of(kernel, tolerance=1e-4):
    operator, accuracy = identification.operators(np.asarray(kernel)[None], tolerance)
    return identification.operator_names(np.shape(kernel))[operator[0]], accuracy[0]


def powers_below(degree, ndim):
    return [q for q in itertools.product(range(degree), repeat=ndim) if sum(q) < degree]


def monomial(powers, shape):
    """Returns x**qx y**qy ... about the centre, flattened."""
    return np.prod([x**q for x, q in zip(np.indices(shape) - shape[0] // 2, powers, strict=True)], axis=0).ravel()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shares_are_those_of_the_orthogonal_projection(shape, rng):
    """P projects on what annihilates polynomials: the share is |P k|**2 / |k|**2, here by the pseudo-inverse."""
    kernels = rng.normal(size=(40, *shape))
    shares = identification.finite_difference_shares(kernels)
    assert shares.shape[1] == identification.highest_order(shape) == len(shape) * (shape[0] - 1)
    rows = kernels.reshape(40, -1)
    for order in range(1, shares.shape[1] + 1):
        conditions = np.array([monomial(q, shape) for q in powers_below(order, len(shape))])
        projected = rows - rows @ np.linalg.pinv(conditions) @ conditions
        np.testing.assert_allclose(shares[:, order - 1], (projected**2).sum(1) / (rows**2).sum(1), atol=1e-5)
        rank = np.linalg.matrix_rank(conditions.astype(float))
        assert identification.finite_difference_dimension(shape, order) == rows.shape[1] - rank


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_share_of_order_one_and_the_dc_energy_are_the_whole(shape, rng):
    kernels = rng.normal(size=(100, *shape))
    whole = identification.finite_difference_shares(kernels)[:, 0] + identification.dc_energy(kernels)
    np.testing.assert_allclose(whole, 1, rtol=1e-5)


def test_white_noise_has_the_shares_of_the_dimensions(rng):
    shares = identification.finite_difference_shares(rng.normal(size=(200_000, 3, 3))).mean(axis=0)
    np.testing.assert_allclose(shares, np.array([8, 6, 3, 1]) / 9, atol=0.002)
    assert [identification.finite_difference_dimension(3, order) for order in (1, 2, 3, 4)] == [8, 6, 3, 1]


def test_white_noise_in_space_has_a_dc_energy_of_one_in_27_and_the_shares_of_the_dimensions(rng):
    noise = rng.normal(size=(100_000, 3, 3, 3))
    shares = identification.finite_difference_shares(noise).mean(axis=0)
    np.testing.assert_allclose(shares, np.array([26, 23, 17, 10, 4, 1]) / 27, atol=0.002)
    assert identification.dc_energy(noise).mean() == pytest.approx(1 / 27, rel=0.02)


def test_dc_energy_is_one_for_constants_and_zero_for_differences():
    energy = identification.dc_energy(np.stack([np.full((3, 3), -2.0), KERNELS["sobel_x"], np.zeros((3, 3))]))
    np.testing.assert_allclose(energy, [1, 0, 0], atol=1e-6)


def test_moments_are_those_of_numerics(rng):
    plane = [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0)]
    assert identification.moment_powers(2) == plane and len(identification.moment_powers(3)) == 10
    for ndim in (2, 3):
        kernels = rng.normal(size=(5, *(3,) * ndim))
        powers = identification.moment_powers(ndim)
        expected = [[consistency.moment(kernel, *q) for q in powers] for kernel in kernels]
        np.testing.assert_allclose(identification.moments(kernels), expected, rtol=1e-4, atol=1e-5)


def partial(derivative):
    return "".join(axis * n for axis, n in zip("xyz", derivative[::-1], strict=False)) or "identity"


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_solvers_stencils_are_their_derivatives_with_their_order(ndim):
    for stencil in catalogue(ndim).values():
        assert operator_of(-3 * stencil.coefficients) == (partial(stencil.derivative), stencil.order)
        assert consistency.order_of_accuracy(stencil.coefficients, stencil.derivative) == stencil.order


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernels_that_are_exact_for_polynomials_are_their_derivative_with_their_order(shape, rng):
    """Random kernels which map every polynomial of degree below d + p, and no more, to its derivative of degree d."""
    width, ndim = shape[0], len(shape)
    for derivative in [q for q in powers_below(width, ndim) if sum(q) < width][:12]:
        for accuracy in range(1, width - max(derivative)):
            exact = powers_below(sum(derivative) + accuracy, ndim)
            conditions = np.array([monomial(q, shape) for q in exact], float)
            target = [math.prod(map(math.factorial, q)) * (q == derivative) for q in exact]
            inverse, free = np.linalg.pinv(conditions), rng.normal(size=conditions.shape[1])
            kernel = inverse @ target + free - inverse @ (conditions @ free)
            np.testing.assert_allclose(conditions @ kernel, target, atol=1e-8)
            assert operator_of(kernel.reshape(shape)) == (partial(derivative), accuracy)


@pytest.mark.parametrize(
    ("row", "derivative", "accuracy"),
    [
        ((1 / 12, -2 / 3, 0, 2 / 3, -1 / 12), "x", 4),
        ((-1 / 12, 4 / 3, -5 / 2, 4 / 3, -1 / 12), "xx", 4),
        ((-1 / 2, 1, 0, -1, 1 / 2), "xxx", 2),
        ((1, -4, 6, -4, 1), "xxxx", 2),
        ((0, 0, -3 / 2, 2, -1 / 2), "x", 2),
        ((-1 / 60, 3 / 20, -3 / 4, 0, 3 / 4, -3 / 20, 1 / 60), "x", 6),
        ((1 / 90, -3 / 20, 3 / 2, -49 / 18, 3 / 2, -3 / 20, 1 / 90), "xx", 6),
        ((0, 1 / 6, -1, 1 / 2, 1 / 3, 0, 0), "x", 3),  # upwind of third order
        ((1, -6, 15, -20, 15, -6, 1), "xxxxxx", 2),
    ],
)
def test_wide_classical_stencils_have_their_order_along_each_axis(row, derivative, accuracy):
    """Fornberg (1988), doi:10.1090/S0025-5718-1988-0935077-0."""
    point = np.arange(len(row)) == len(row) // 2
    assert operator_of(np.outer(point, row)) == (derivative, accuracy)
    assert operator_of(np.outer(row, point)) == (derivative.replace("x", "y"), accuracy)


@pytest.mark.parametrize("size", [5, 7])
def test_a_frame_of_zeros_changes_neither_operator_nor_accuracy(size):
    stack = np.stack(list(KERNELS.values()))
    framed = np.pad(stack, ((0, 0), *[((size - 3) // 2,) * 2] * 2))
    for tolerance in (1e-4, identification.VANISHES):
        operator, accuracy = identification.operators(stack, tolerance)
        wide_operator, wide_accuracy = identification.operators(framed, tolerance)
        names, wide_names = identification.operator_names(3), identification.operator_names(size)
        assert [names[n] for n in operator] == [wide_names[n] for n in wide_operator]
        np.testing.assert_array_equal(np.minimum(wide_accuracy, 3), accuracy)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_noise_of_half_a_per_cent_does_not_hide_the_solvers_stencils(shape, rng):
    for stencil in catalogue(len(shape)).values():
        kernel = np.pad(stencil.coefficients, (shape[0] - 3) // 2) / np.linalg.norm(stencil.coefficients)
        noise = rng.normal(0, 0.005 / np.sqrt(kernel.size), (500, *shape))
        operator, _ = identification.operators(kernel + noise)
        name = identification.operator_names(shape).index(partial(stencil.derivative))
        assert np.mean(operator == name) > 0.99, stencil.name


def test_laplacians_in_space_are_and_those_in_a_plane_of_it_are_not():
    spatial = {entry.name: entry.kernel for entry in named_kernels(3)}
    for name in spatial:
        if name.startswith(("laplacian_", "gaussian_laplacian")):
            assert operator_of(spatial[name], 1e-3) == ("laplacian", 2), name
    assert operator_of(spatial["second_xx"] + spatial["second_yy"])[0] == "mixed"
    assert operator_of(spatial["laplacian_7"] + spatial["mixed_yz"])[0] == "mixed"


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
    assert operator_of(wide) == ("x", 4)


def test_a_moment_within_the_tolerance_counts_as_none():
    shifted = KERNELS["central_x"] + 0.01
    assert operator_of(shifted, 0.05) == ("x", 2) and operator_of(shifted, 0.001)[0] == "identity"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_identity_has_the_highest_accuracy_that_is_told(shape):
    kernel = np.zeros(shape)
    kernel[tuple(side // 2 for side in shape)] = 1
    assert operator_of(kernel) == ("identity", shape[0])


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
