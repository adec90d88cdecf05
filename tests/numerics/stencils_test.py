"""Each stencil of the catalogue is what its name says: its derivative, its order, its relations to the others."""

import itertools

import numpy as np
import pytest

from lsn_tf.numerics import consistency
from lsn_tf.numerics.stencils import (
    STENCILS,
    catalogue,
    get_stencil,
    gradient_names,
    mixed_names,
    one_sided_names,
    second_names,
    stencil_kernel,
)

WAVE_NUMBERS = (1.1, 1.3, 0.8)  # (z, y, x), rad/mm
PIXEL = (1.1, 0.7, 0.9)
EVERY = [stencil for ndim in (2, 3) for stencil in catalogue(ndim).values()]
every_stencil = pytest.mark.parametrize("stencil", EVERY, ids=lambda s: f"{s.coefficients.ndim}d-{s.name}")


def wave(axes, derivative):
    """Returns this derivative of sin(k . x + 0.3); each differentiation is a factor k and a shift by pi / 2."""
    numbers = WAVE_NUMBERS[-len(axes) :]
    phase = sum(k * x for k, x in zip(numbers, axes, strict=True))
    return np.prod(np.power(numbers, derivative)) * np.sin(phase + 0.3 + sum(derivative) * np.pi / 2)


def truncation_error(stencil, scale):
    """Returns the largest error of a stencil for the wave on 3 mm along each axis."""
    ndim = len(stencil.derivative)
    pixel = scale * np.array(PIXEL[-ndim:])
    axes = np.meshgrid(*(np.arange(0, 3, h) for h in pixel), indexing="ij")
    total = 0.0
    for index in zip(*np.nonzero(stencil.coefficients), strict=True):
        neighbour = [x + (a - 1) * h for x, a, h in zip(axes, index, pixel, strict=True)]
        total = total + stencil.coefficients[index] * wave(neighbour, (0,) * ndim)
    return np.abs(total / np.prod(pixel**stencil.derivative) - wave(axes, stencil.derivative)).max()


@every_stencil
def test_the_observed_order_is_the_order_stated(stencil):
    scales = [0.4, 0.2, 0.1]
    errors = [truncation_error(stencil, scale) for scale in scales]
    assert consistency.observed_order(errors, scales) == pytest.approx(stencil.order, abs=0.2)


@every_stencil
def test_the_moments_give_the_order_stated_for_its_derivative_and_none_for_another(stencil):
    derivatives = [d for d in itertools.product(range(3), repeat=stencil.coefficients.ndim) if 1 <= sum(d) <= 2]
    orders = {d: consistency.order_of_accuracy(stencil.coefficients, d) for d in derivatives}
    assert orders == {d: stencil.order * (d == stencil.derivative) for d in derivatives}


def test_the_catalogue_of_the_plane_is_the_textbook_one():
    straight, rows = [0, 1, 0], {"backward": [-1, 1, 0], "forward": [0, -1, 1], "central": [-0.5, 0, 0.5]}
    expected = {f"{kind}_x": np.outer(straight, row) for kind, row in rows.items()}
    expected |= {f"{kind}_y": np.outer(row, straight) for kind, row in rows.items()}
    expected |= {"second_xx": np.outer(straight, [1, -2, 1]), "second_yy": np.outer([1, -2, 1], straight)}
    expected["mixed_xy"] = np.array([[0.25, 0, -0.25], [0, 0, 0], [-0.25, 0, 0.25]])
    assert STENCILS.keys() == expected.keys()
    for name, coefficients in expected.items():
        np.testing.assert_array_equal(STENCILS[name].coefficients, coefficients)


@pytest.mark.parametrize("axis", range(3), ids="zyx")
def test_a_stencil_of_space_in_a_plane_that_holds_its_axes_is_that_of_the_plane(axis):
    plane_axes = "zyx".replace("zyx"[axis], "")
    to_plane = str.maketrans(plane_axes, "yx")
    inside = {name: s for name, s in catalogue(3).items() if "zyx"[axis] not in name.partition("_")[2]}
    assert {_renamed(name, to_plane) for name in inside} == STENCILS.keys()
    for name, stencil in inside.items():
        planes = np.moveaxis(stencil.coefficients, axis, 0)
        np.testing.assert_array_equal(planes[1], get_stencil(_renamed(name, to_plane)).coefficients)
        assert not planes[[0, 2]].any()


def _renamed(name, table):
    kind, _, axes = name.partition("_")
    return f"{kind}_{axes.translate(table)}"


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_terms_of_the_equation_use_every_stencil_once(ndim):
    names = [*one_sided_names(ndim), *gradient_names(ndim), *second_names(ndim), *mixed_names(ndim)]
    assert sorted(names) == sorted(catalogue(ndim))


@pytest.mark.parametrize("ndim", [1, 4])
def test_another_dimension_is_refused(ndim):
    with pytest.raises(ValueError, match=f"ndim must be 2 or 3.*Received ndim={ndim}"):
        catalogue(ndim)


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
    assert stencil_kernel(["mixed_yz"], ndim=3).shape == (3, 3, 3, 1, 1)


def test_a_stencil_that_is_not_in_the_catalogue_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="one of .*'backward_x'.*Received 'upwind'"):
        get_stencil("upwind")
    with pytest.raises(ValueError, match="Received 'central_z'"):
        get_stencil("central_z", ndim=2)
