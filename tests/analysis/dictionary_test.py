"""The moments of every named kernel are what its name says, and the solver's stencils are the catalogue's own."""

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import COURANT, PECLET, SCALES, named_kernels, published_kernels
from lsn_tf.numerics.consistency import moment, order_of_accuracy
from lsn_tf.numerics.stencils import STENCILS

KERNELS = {entry.name: entry.kernel for entry in named_kernels()}
FAMILIES = {entry.name: entry.family for entry in named_kernels()}
AXES = {"x": (0, 1), "y": (1, 0), "xx": (0, 2), "yy": (2, 0), "xy": (1, 1)}
LAPLACIANS = [name for name in KERNELS if "laplacian" in name and "of_gaussian" not in name]
ROUNDING = 1e-6


def of_family(family):
    return [name for name in KERNELS if FAMILIES[name] == family]


def moments(name, degree):
    return [moment(KERNELS[name], qy, degree - qy) for qy in range(degree + 1)]


def test_names_are_unique_and_kernels_three_by_three():
    assert len(KERNELS) == len(named_kernels())
    assert {kernel.shape for kernel in KERNELS.values()} == {(3, 3)}


def test_no_two_named_kernels_are_multiples_of_each_other():
    rows = np.array([kernel.ravel() / np.linalg.norm(kernel) for kernel in KERNELS.values()])
    assert np.triu(rows @ rows.T, 1).max() < 1 - 1e-4


@pytest.mark.parametrize("name", STENCILS)
def test_the_solvers_stencils_are_named(name):
    np.testing.assert_array_equal(KERNELS[name], STENCILS[name].coefficients)


@pytest.mark.parametrize("operator", ["central", "sobel", "scharr", "prewitt"])
def test_first_differences_are_the_derivative_with_order_two(operator):
    assert order_of_accuracy(KERNELS[f"{operator}_x"], (0, 1)) == 2
    assert order_of_accuracy(KERNELS[f"{operator}_y"], (1, 0)) == 2


@pytest.mark.parametrize("operator", ["sobel", "scharr", "prewitt"])
def test_diagonal_first_differences_look_along_the_diagonals(operator):
    down_right, up_right = (moments(f"{operator}_{name}", 1) for name in ("diagonal", "antidiagonal"))
    assert down_right[0] == pytest.approx(down_right[1]) and up_right[0] == pytest.approx(-up_right[1])
    assert down_right[0] > 0.5 and up_right[0] > 0.5
    assert np.allclose(moments(f"{operator}_diagonal", 0) + moments(f"{operator}_diagonal", 2), 0)


@pytest.mark.parametrize("name", LAPLACIANS)
def test_laplacians_are_the_sum_of_the_second_derivatives_with_order_two(name):
    assert np.allclose(moments(name, 0) + moments(name, 1) + moments(name, 3), 0, atol=ROUNDING)
    np.testing.assert_allclose(moments(name, 2), [2, 0, 2], atol=ROUNDING)


def test_the_error_of_mehrstellen_and_of_the_nine_points_is_told_apart_by_the_fourth_moments():
    """The Mehrstellen error is h**2 / 12 times the Laplacian squared, which needs m(2, 2) = m(4, 0) / 3."""
    m = {name: moments(name, 4) for name in ("laplacian_mehrstellen", "laplacian_9")}
    assert m["laplacian_mehrstellen"][2] == pytest.approx(m["laplacian_mehrstellen"][0] / 3)
    assert m["laplacian_9"][2] == pytest.approx(2 * m["laplacian_9"][0] / 3)


@pytest.mark.parametrize(("x", "wind_x"), [("backward", 1), ("forward", -1)])
@pytest.mark.parametrize(("y", "wind_y"), [("backward", 1), ("forward", -1)])
def test_upwind_transport_is_monotone_and_consistent(x, wind_x, y, wind_y):
    name = f"upwind_{x}_x_{y}_y"
    assert moments(name, 0) == [0] and moments(name, 1) == [wind_x, wind_y]
    neighbours = np.delete(KERNELS[name].ravel(), 4)
    assert (neighbours <= 0).all() and KERNELS[name][1, 1] == 2
    assert KERNELS[name][1, 1 - wind_x] == -1 and KERNELS[name][1 - wind_y, 1] == -1  # it looks where the wind is from


@pytest.mark.parametrize("name", [name for name in KERNELS if "upwind_step" in name])
def test_a_step_of_upwind_transport_is_an_average_with_the_neighbour_upwind(name):
    kernel = KERNELS[name]
    assert kernel.sum() == 1 and kernel[1, 1] == 1 - COURANT and sorted(kernel.ravel())[-2:] == [0.5, 0.5]
    side, axis = name.split("_")[-2:]
    assert moment(kernel, *AXES[axis]) == (-COURANT if side == "backward" else COURANT)


@pytest.mark.parametrize("axis", "xy")
@pytest.mark.parametrize("peclet", PECLET)
@pytest.mark.parametrize(("direction", "wind"), [("", 1), ("_reversed", -1)])
def test_advection_diffusion_has_the_moments_of_both(axis, peclet, direction, wind):
    name = f"advection_diffusion_{axis}{direction}_peclet_{peclet:g}"
    assert moments(name, 0) == [0] and moment(KERNELS[name], *AXES[axis]) == wind
    np.testing.assert_allclose(moments(name, 2), np.array([-2, 0, -2]) / peclet)


@pytest.mark.parametrize("name", of_family("blur") + of_family("motion blur"))
def test_blurs_are_averages_that_move_nothing(name):
    assert KERNELS[name].min() >= 0 and KERNELS[name].sum() == pytest.approx(1)
    np.testing.assert_allclose(moments(name, 1), 0, atol=ROUNDING)


@pytest.mark.parametrize("name", of_family("sharpen"))
def test_sharpening_keeps_constants_and_subtracts_second_derivatives(name):
    assert KERNELS[name].sum() == pytest.approx(1)
    m = moments(name, 2)
    assert m[0] == m[2] < 0 and m[1] == 0


def test_emboss_keeps_constants_and_adds_a_slope():
    assert moments("emboss", 0) == [1] and moments("emboss", 1) == [6, 6]
    assert moments("emboss_reversed", 0) == [1] and moments("emboss_reversed", 1) == [-6, -6]


@pytest.mark.parametrize("name", of_family("Laplacian of Gaussian"))
def test_the_laplacian_of_gaussian_is_a_multiple_of_the_laplacian(name):
    assert np.allclose(moments(name, 0) + moments(name, 1), 0, atol=ROUNDING)
    m = moments(name, 2)
    assert m[0] == pytest.approx(m[2]) and m[1] == pytest.approx(0, abs=ROUNDING) and m[0] > 0.5


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_gabor_kernels_have_mean_zero_and_stripes_across_their_angle(angle):
    y, x = np.mgrid[-1:2, -1:2]
    assert np.allclose(moments(f"gabor_even_{angle}", 0) + moments(f"gabor_odd_{angle}", 0), 0, atol=ROUNDING)
    odd, even = KERNELS[f"gabor_odd_{angle}"], KERNELS[f"gabor_even_{angle}"]
    slope = np.array([np.sum(odd * x), np.sum(odd * y)])
    assert slope / np.linalg.norm(slope) == pytest.approx(
        [np.cos(np.radians(angle)), np.sin(np.radians(angle))], abs=ROUNDING
    )
    np.testing.assert_allclose(odd, -odd[::-1, ::-1], atol=ROUNDING)
    np.testing.assert_allclose(even, even[::-1, ::-1], atol=ROUNDING)


@pytest.mark.parametrize("t", SCALES)
def test_gaussian_derivatives_are_derivatives_of_a_blur(t):
    assert moments(f"gaussian_t_{t:g}", 0) == [pytest.approx(1)]
    for axis, degree in AXES.items():
        if axis != "xy":
            assert order_of_accuracy(KERNELS[f"gaussian_{axis}_t_{t:g}"], degree) == 2


def test_wider_gaussians_blur_more_and_none_more_than_a_mean():
    variances = [moment(KERNELS[f"gaussian_t_{t:g}"], 0, 2) for t in SCALES]
    assert 0 < variances[0] < variances[1] < variances[2] < 2 / 3


def test_the_published_kernels_are_eleven():
    assert len(published_kernels()) == 11  # seven names and Sobel in four directions
