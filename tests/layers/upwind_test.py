"""The hyperbolic terms are first-order accurate, and look only where the information comes from."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.layers.upwind import SCHEMES, Propagation, Transport
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.exact_solutions import paraboloid
from lsn_tf.numerics.stencils import one_sided_names

SCALES = [1.0, 0.5, 0.25]
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)
every_side = pytest.mark.parametrize("side", [1.0, -1.0], ids=["positive", "negative"])


def differences(phi, pixel):
    phi = np.asarray(phi, np.float32)[None, ..., None]
    return StencilConv(one_sided_names(2))(phi, np.array([pixel], np.float32))


def propagate(phi, pixel, speed, scheme="godunov"):
    speed = np.broadcast_to(np.float32(speed), phi.shape)[None, ..., None]
    return ops.convert_to_numpy(Propagation(scheme)(differences(phi, pixel), speed))[0, ..., 0]


def transport(phi, pixel, velocity):
    velocity = np.broadcast_to(np.float32(velocity), (1, *phi.shape, 2))
    return ops.convert_to_numpy(Transport()(differences(phi, pixel), velocity))[0, ..., 0]


def grid(scale):
    """Returns pixel size and the pixel centres of about 13 x 13 mm about 0."""
    pixel = (0.7 * scale, 0.9 * scale)
    y, x = (h * np.arange(-(n // 2), n // 2 + 1) for h, n in zip(pixel, (18 / scale, 14 / scale), strict=True))
    return pixel, *np.meshgrid(y, x, indexing="ij")


@every_scheme
@every_side
def test_propagation_is_first_order_accurate(scheme, side):
    errors = []
    for scale in SCALES:
        pixel, y, x = grid(scale)
        phi, gradient = paraboloid(y.shape, pixel, focus_mm=3.0)
        error = np.abs(propagate(phi, pixel, 2 * side, scheme) - 2 * side * gradient)
        errors.append(error[(np.hypot(y, x) > 1) & (np.hypot(y, x) < 5)].max())
    assert observed_order(errors, SCALES) == pytest.approx(1, abs=0.2)


@every_scheme
@every_side
def test_a_plane_along_an_axis_has_an_exact_gradient(scheme, side):
    pixel = (0.5, 0.25)  # powers of two, so that floating point is exact
    for slope in (1.5, -1.5):
        plane = slope * pixel[0] * np.arange(6)[:, None] + np.zeros((6, 7))
        np.testing.assert_array_equal(propagate(plane, pixel, side, scheme)[1:-1], side * 1.5)
        plane = slope * pixel[1] * np.arange(7)[None, :] + np.zeros((6, 7))
        np.testing.assert_array_equal(propagate(plane, pixel, side, scheme)[:, 1:-1], side * 1.5)


def test_the_schemes_are_those_of_their_names():
    phi = np.array([[0.0, 0, 0], [3, 5, 1], [0, 2, 0]])  # D-y 5, D+y -3, D-x 2, D+x -4
    assert propagate(phi, (1, 1), 1.0)[1, 1] == pytest.approx(np.hypot(5, 4))
    assert propagate(phi, (1, 1), 1.0, "osher_sethian")[1, 1] == pytest.approx(np.sqrt(25 + 9 + 4 + 16))
    assert propagate(phi, (1, 1), -1.0)[1, 1] == propagate(phi, (1, 1), -1.0, "osher_sethian")[1, 1] == 0
    assert propagate(-phi, (1, 1), -1.0)[1, 1] == pytest.approx(-np.hypot(5, 4))


def test_another_scheme_is_refused():
    with pytest.raises(ValueError, match="'godunov', 'osher_sethian'.*Received 'central'"):
        Propagation("central")


def test_transport_is_first_order_accurate():
    errors = []
    for scale in SCALES:
        pixel, y, x = grid(scale)
        found = transport(np.sin(0.5 * y + 0.4 * x), pixel, (0.6, -0.8))
        errors.append(np.abs(found - (0.6 * 0.5 - 0.8 * 0.4) * np.cos(0.5 * y + 0.4 * x))[1:-1, 1:-1].max())
    assert observed_order(errors, SCALES) == pytest.approx(1, abs=0.2)


@every_side
def test_transport_of_a_plane_is_exact(side):
    pixel, y, x = grid(1.0)
    found = transport(2 * y - 3 * x, pixel, (side * 0.6, 0.8))
    np.testing.assert_allclose(found[1:-1, 1:-1], side * 1.2 - 2.4, atol=1e-5)


@every_side
@pytest.mark.parametrize("axis", [0, 1], ids=["y", "x"])
def test_transport_sees_the_neighbour_upstream_and_no_other(side, axis, rng):
    phi, velocity = rng.normal(size=(5, 5)), np.zeros(2)
    velocity[axis] = side
    before = transport(phi, (0.7, 0.9), velocity)[2, 2]
    for offset in (-1, 1):
        changed = phi.copy()
        changed[tuple(np.array([2, 2]) + offset * np.eye(2, dtype=int)[axis])] += 1.0
        moves = transport(changed, (0.7, 0.9), velocity)[2, 2] != before
        assert moves == (offset == -side)
