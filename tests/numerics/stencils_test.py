"""Each stencil of the catalogue is what its name says: its derivative, its order, its relations to the others."""

import numpy as np
import pytest

from lsn_tf.numerics import consistency
from lsn_tf.numerics.stencils import STENCILS, get_stencil, stencil_kernel

WAVE_NUMBERS = (1.3, 0.8)  # (y, x), rad/mm
DERIVATIVES = [(0, 1), (1, 0), (1, 1), (0, 2), (2, 0)]


def wave(y, x, derivative=(0, 0)):
    """Returns this derivative of sin(k . x + 0.3); each differentiation is a factor k and a shift by pi / 2."""
    factor = np.prod(np.power(WAVE_NUMBERS, derivative))
    return factor * np.sin(WAVE_NUMBERS[0] * y + WAVE_NUMBERS[1] * x + 0.3 + sum(derivative) * np.pi / 2)


def truncation_error(stencil, dy, dx):
    """Returns the largest error of a stencil for the wave on 5 x 5 mm."""
    y, x = np.meshgrid(np.arange(0, 5, dy), np.arange(0, 5, dx), indexing="ij")
    offsets = [(a, b) for a in range(3) for b in range(3)]
    total = sum(stencil.coefficients[a, b] * wave(y + (a - 1) * dy, x + (b - 1) * dx) for a, b in offsets)
    py, px = stencil.derivative
    return np.abs(total / (dy**py * dx**px) - wave(y, x, stencil.derivative)).max()


@pytest.mark.parametrize("stencil", STENCILS.values(), ids=STENCILS)
def test_the_observed_order_is_the_order_stated(stencil):
    scales = [0.4, 0.2, 0.1]
    errors = [truncation_error(stencil, 0.7 * scale, 0.9 * scale) for scale in scales]
    assert consistency.observed_order(errors, scales) == pytest.approx(stencil.order, abs=0.2)


@pytest.mark.parametrize("stencil", STENCILS.values(), ids=STENCILS)
def test_the_moments_give_the_order_stated_for_its_derivative_and_none_for_another(stencil):
    orders = {d: consistency.order_of_accuracy(stencil.coefficients, d) for d in DERIVATIVES}
    assert orders == {d: stencil.order * (d == stencil.derivative) for d in DERIVATIVES}


@pytest.mark.parametrize("name", [name for name in STENCILS if name.endswith("x")])
def test_a_stencil_along_y_is_the_transpose_of_that_along_x(name):
    along_y = get_stencil(name.replace("x", "y"))
    np.testing.assert_array_equal(along_y.coefficients, get_stencil(name).coefficients.T)
    assert along_y.derivative == get_stencil(name).derivative[::-1]


@pytest.mark.parametrize("axis", ["x", "y"])
def test_forward_and_backward_differences_are_mirror_images_and_make_up_the_central_ones(axis):
    backward, forward = (get_stencil(f"{side}_{axis}").coefficients for side in ("backward", "forward"))
    np.testing.assert_array_equal(forward, -backward[::-1, ::-1])
    np.testing.assert_array_equal(get_stencil(f"central_{axis}").coefficients, (forward + backward) / 2)
    np.testing.assert_array_equal(get_stencil(f"second_{axis * 2}").coefficients, forward - backward)


def test_the_mixed_difference_is_the_product_of_the_central_ones():
    product = get_stencil("central_y").coefficients[:, [1]] @ get_stencil("central_x").coefficients[[1]]
    np.testing.assert_array_equal(get_stencil("mixed_xy").coefficients, product)


def test_a_kernel_holds_the_stencils_in_the_order_asked_for():
    names = ["second_yy", "forward_x"]
    kernel = stencil_kernel(names)
    assert kernel.shape == (3, 3, 1, 2) and kernel.dtype == np.float32
    for n, name in enumerate(names):
        np.testing.assert_array_equal(kernel[:, :, 0, n], get_stencil(name).coefficients)


def test_a_stencil_that_is_not_in_the_catalogue_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="one of .*'backward_x'.*Received 'upwind'"):
        get_stencil("upwind")
