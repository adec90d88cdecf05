"""A distorted phi becomes a signed distance again, and its front stays where it is."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.reinitialization import Reinitialization
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.exact_solutions import moving_circle
from lsn_tf.numerics.level_sets import pixel_centres

RADIUS = 4.0
DISTORTIONS = {
    "steep": lambda y, x: 3.0,
    "shallow": lambda y, x: 0.4,
    "uneven": lambda y, x: np.exp(0.5 * np.sin(x) * np.cos(0.7 * y)),
}
every_distortion = pytest.mark.parametrize("distortion", DISTORTIONS.values(), ids=DISTORTIONS)


def reinitialize(phi, pixel, steps):
    phi = np.asarray(phi, np.float32)[None, ..., None]
    return ops.convert_to_numpy(Reinitialization(steps)(phi, np.array([pixel], np.float32)))[0, ..., 0]


def recovered(scale, distortion):
    """Returns the exact distance, what is recovered after the characteristics have gone 4 mm, and the pixel size."""
    pixel = (0.7 * scale, 0.9 * scale)
    shape = [2 * round(8 / h) + 1 for h in pixel]
    exact = moving_circle(shape, pixel, RADIUS)
    return exact, reinitialize(exact * distortion(*pixel_centres(shape, pixel)), pixel, int(8 / pixel[0])), pixel


@every_distortion
def test_the_distance_near_the_front_is_recovered_with_order_one(distortion):
    scales, errors = [1.0, 0.5, 0.25], []
    for scale in scales:
        exact, found, _ = recovered(scale, distortion)
        errors.append(np.abs(found - exact)[np.abs(exact) < 1.5].max())
    assert observed_order(errors, scales) == pytest.approx(1, abs=0.2)


@every_distortion
def test_the_front_moves_by_less_than_half_a_pixel(distortion):
    exact, found, pixel = recovered(0.5, distortion)
    middle_y, middle_x = (n // 2 for n in exact.shape)
    for ray, h in [(found[middle_y:, middle_x], pixel[0]), (found[middle_y, middle_x:], pixel[1])]:
        assert abs(h * np.interp(0.0, ray, np.arange(len(ray))) - RADIUS) < 0.5 * h


def test_a_distance_along_an_axis_is_a_steady_state(spacing):
    plane = 0.9 * (np.arange(14) - 6.5) + np.zeros((8, 14))
    found = reinitialize(plane, spacing[0], 3)
    np.testing.assert_allclose(found[:, 3:-3], plane[:, 3:-3], atol=1e-5)


def test_minus_phi_becomes_minus_the_distance(rng, spacing):
    phi = rng.normal(size=(9, 10))
    np.testing.assert_allclose(reinitialize(-phi, spacing[0], 5), -reinitialize(phi, spacing[0], 5), atol=1e-6)


def test_where_there_is_no_contour_a_phi_of_zero_stays_zero(spacing):
    np.testing.assert_array_equal(reinitialize(np.zeros((5, 6)), spacing[0], 3), 0)


def test_no_step_at_all_is_refused():
    with pytest.raises(ValueError, match="at least 1. Received steps=0"):
        Reinitialization(0)
