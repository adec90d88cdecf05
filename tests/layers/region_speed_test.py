"""Region speeds follow the intensities inside phi, image by image."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers import ChanVese, IntensitySpeed
from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.solver.solving import solve
from lsn_tf.solver.stopping import STEADY, Stopping

SHAPES = pytest.mark.parametrize("shape", [(1, 12, 14, 1), (1, 5, 12, 14, 1)], ids=["2-D", "3-D"])


def front(shape):
    """Returns phi whose first half of columns lies inside."""
    return np.broadcast_to(np.arange(shape[-2])[:, None] - shape[-2] / 2 + 0.5, shape).astype(np.float32)


def evaluate(layer, image, phi):
    return ops.convert_to_numpy(layer(np.float32(image), np.float32(phi)))


def with_probes(shape, inner, *probes):
    """Returns an image that is `inner` inside, with these values at pixels outside."""
    image = np.where(inside(front(shape)), inner, 0.0)
    image[..., 0, -len(probes) :, 0] = probes
    return image


@SHAPES
def test_the_front_expands_at_the_mean_of_its_inside_and_rests_a_width_away(shape):
    probes = (100, 70, 130, 100 + 30 * np.sqrt(1.5), 115)
    speed = evaluate(IntensitySpeed(width=30.0, contraction=0.4), with_probes(shape, 100.0, *probes), front(shape))
    for found in speed[..., 0, -5:, 0].reshape(-1, 5):
        np.testing.assert_allclose(found, [1, 0, 0, -0.4, 0.75], atol=1e-5)
    np.testing.assert_allclose(speed[inside(front(shape))], 1)


@SHAPES
def test_the_window_widens_with_the_spread_of_the_inside(shape):
    """Columns inside are 90 and 110 in turn: mean 100 less what an odd number of them adds, deviation 10."""
    image = np.where(inside(front(shape)), 100.0, 0.0)
    image[..., 0:6, 0] += np.tile([-10.0, 10.0], 3)
    image[..., 6, 0] = 100.0
    deviation = np.sqrt(6 / 7) * 10
    width = np.sqrt(20**2 + (1.5 * deviation) ** 2)
    image[..., 0, -2:, 0] = 100 + width, 100 - width
    speed = evaluate(IntensitySpeed(width=20.0, spread=1.5), image, front(shape))
    np.testing.assert_allclose(speed[..., 0, -2:, 0], 0, atol=1e-5)


def test_the_mean_counts_as_at_least_the_lowest():
    shape = (1, 12, 14, 1)
    image = with_probes(shape, 10.0, 40, 72, 8)
    speed = evaluate(IntensitySpeed(width=32.0, lowest_mean=40.0), image, front(shape))
    np.testing.assert_allclose(speed[0, 0, -3:, 0], [1, 0, 0], atol=1e-5)
    above = evaluate(IntensitySpeed(width=32.0, lowest_mean=5.0), image, front(shape))
    np.testing.assert_allclose(above, evaluate(IntensitySpeed(width=32.0), image, front(shape)))


@pytest.mark.parametrize("layer", [IntensitySpeed(), ChanVese()], ids=["intensity", "chan_vese"])
def test_an_image_of_a_batch_has_the_speed_that_it_has_alone(layer, rng):
    image = 100 + 30 * rng.normal(size=(3, 12, 14, 1)) + np.arange(3).reshape(3, 1, 1, 1) * 50
    phi = rng.normal(size=image.shape)
    together = evaluate(layer, image, phi)
    for n in range(3):
        np.testing.assert_allclose(evaluate(layer, image[n : n + 1], phi[n : n + 1])[0], together[n], atol=1e-5)


@pytest.mark.parametrize("layer", [IntensitySpeed(), ChanVese()], ids=["intensity", "chan_vese"])
@pytest.mark.parametrize("side", [-1.0, 1.0], ids=["all inside", "all outside"])
def test_without_a_front_the_speed_is_finite(layer, side, rng):
    speed = evaluate(layer, 100 * rng.normal(size=(1, 8, 9, 1)), np.full((1, 8, 9, 1), side))
    assert np.abs(speed).max() <= 1


@SHAPES
def test_chan_vese_is_one_at_the_inner_mean_and_minus_one_at_the_outer(shape):
    outside = ~inside(front(shape))
    image = np.where(outside, -40.0, 100.0)
    image[..., 0, -2:, 0] = 30.0, 1000.0  # half-way to the inside, and a bone
    c2 = image[outside].mean()
    image[..., 1, -1, 0] = c2
    c2 = image[outside].mean()
    expected = np.clip((2 * image - 100 - c2) / (100 - c2), -1, 1)
    np.testing.assert_allclose(evaluate(ChanVese(), image, front(shape)), expected, atol=1e-4)
    plain = np.where(outside, -40.0, 100.0)
    np.testing.assert_allclose(evaluate(ChanVese(), plain, front(shape)), np.where(outside, -1, 1), atol=1e-5)
    np.testing.assert_allclose(evaluate(ChanVese(), -plain, front(shape)), np.where(outside, -1, 1), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 100.3, -987.7])
def test_chan_vese_rests_where_inside_and_outside_look_the_same(value):
    phi = ball((61, 67), (1.0, 1.0), (29.7, 31.1), 17.3)[None, ..., None]
    np.testing.assert_array_equal(evaluate(ChanVese(), np.full(phi.shape, value), phi), 0)


def test_chan_vese_finds_the_region_of_an_image_of_two_values():
    shape, spacing = (40, 36), np.array([[0.7, 0.9]], np.float32)
    region = ball(shape, spacing[0], (13.0, 17.0), 8.0) < 0
    region |= np.indices(shape).sum(axis=0) < 26  # not convex, and a corner
    image = np.where(region, 130.0, 20.0)[None, ..., None]
    phi = ball(shape, spacing[0], (12.0, 15.0), 5.0)[None, ..., None]
    layer = ChanVese()
    solution = solve(
        phi,
        lambda phi: {"speed": layer(image, phi)},
        spacing,
        stopping=Stopping(rms_mm=0.01, frame_share=None),
    )
    assert solution.reasons == (STEADY,)
    np.testing.assert_array_equal(inside(solution.phi[0, ..., 0]), region)


@pytest.mark.parametrize("arguments", [{"width": 0.0}, {"spread": -1.0}, {"contraction": -0.1}])
def test_an_impossible_window_is_refused(arguments):
    with pytest.raises(ValueError, match="must be positive"):
        IntensitySpeed(**arguments)
