"""The moments of every named kernel are what its name says, and the solver's stencils are the catalogue's own."""

import itertools

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import COURANT, LAPLACIANS, PECLET, SCALES, named_kernels, published_kernels
from lsn_tf.numerics.consistency import moment, order_of_accuracy
from lsn_tf.numerics.stencils import STENCILS, catalogue

KERNELS = {entry.name: entry.kernel for entry in named_kernels()}
SPATIAL = {entry.name: entry.kernel for entry in named_kernels(3)}
FAMILIES = {entry.name: entry.family for entry in named_kernels()}
AXES = {"x": (0, 1), "y": (1, 0), "xx": (0, 2), "yy": (2, 0), "xy": (1, 1)}
PLANAR_LAPLACIANS = [name for name in KERNELS if "laplacian" in name and "of_gaussian" not in name]
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


def test_kernels_in_space_are_finite_cubes_with_names_of_their_own():
    assert len(SPATIAL) == len(named_kernels(3)) > len(KERNELS)
    assert {kernel.shape for kernel in SPATIAL.values()} == {(3, 3, 3)}
    rows = np.array([kernel.ravel() / np.linalg.norm(kernel) for kernel in SPATIAL.values()])
    assert np.triu(rows @ rows.T, 1).max() < 1 - 1e-4
    assert {entry.family for entry in named_kernels(3)} == {entry.family for entry in named_kernels()}


@pytest.mark.parametrize("axis", "xyz")
def test_differences_in_space_are_those_of_the_solver_and_smooth_across(axis):
    for name, stencil in catalogue(3).items():
        np.testing.assert_array_equal(SPATIAL[name], stencil.coefficients)
    derivative = tuple(int(axis == other) for other in "zyx")
    for operator in ("sobel", "scharr", "prewitt"):
        assert order_of_accuracy(SPATIAL[f"{operator}_{axis}"], derivative) == 2


@pytest.mark.parametrize("name", [*LAPLACIANS[3], *(f"gaussian_laplacian_t_{t:g}" for t in SCALES)])
def test_laplacians_in_space_have_moments_2_along_each_axis_and_order_two(name):
    low = [moment(SPATIAL[name], *q) for q in itertools.product(range(4), repeat=3) if sum(q) < 4 and max(q) != 2]
    np.testing.assert_allclose(low, 0, atol=ROUNDING)
    second = [moment(SPATIAL[name], *q) for q in [(0, 0, 2), (0, 2, 0), (2, 0, 0)]]
    np.testing.assert_allclose(second, 2, atol=ROUNDING)


def test_errors_of_laplacians_in_space_are_isotropic_where_they_are_named_mehrstellen():
    """m(2, 2, 0) = m(4, 0, 0) / 3; with 27 points the error of sixth degree is a multiple of the Laplacian too."""
    for name, kernel in SPATIAL.items():
        if name.startswith("laplacian_") and "gaussian" not in name:
            isotropic = moment(kernel, 2, 2, 0) == pytest.approx(moment(kernel, 4, 0, 0) / 3)
            assert isotropic == ("mehrstellen" in name), name
    kernel = SPATIAL["laplacian_27_mehrstellen"]
    x6, x4y2, x2y2z2 = (moment(kernel, *q) / d for q, d in (((0, 0, 6), 720), ((0, 2, 4), 48), ((2, 2, 2), 8)))
    assert x2y2z2 == pytest.approx(3 * (x4y2 - x6))  # so that x**2 + y**2 + z**2 divides the polynomial


def test_blurs_upwind_and_sharpening_in_space_keep_what_they_do_in_the_plane():
    families = {entry.name: entry.family for entry in named_kernels(3)}
    for name, kernel in SPATIAL.items():
        total = {"blur": 1, "motion blur": 1, "sharpen": 1, "emboss": 1, "identity": 1}.get(families[name], 0)
        if "upwind_step" in name or (families[name] == "scale space" and name.startswith("gaussian_t")):
            total = 1
        if not name.startswith("gabor_odd"):
            assert kernel.sum() == pytest.approx(total, abs=ROUNDING), name
        if name.startswith("upwind_") and "step" not in name:  # monotone: no neighbour has a positive weight
            assert (np.delete(kernel.ravel(), 13) <= 0).all() and kernel[1, 1, 1] == name.count("ward")


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


@pytest.mark.parametrize("name", PLANAR_LAPLACIANS)
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
