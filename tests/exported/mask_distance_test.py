"""The distance of the graph is SciPy's."""

import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.exported import mask_distance
from lsn_tf.numerics import level_sets


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_the_distance_of_a_mask_is_the_exact_one(share, rng):
    mask, spacing = rng.random((23, 31)) < share, np.float32([0.7, 1.9])
    mask[3, 4], mask[20, 9] = True, False
    phi = mask_distance.distance_to_pixels(tf.constant(mask), tf.constant(spacing))
    np.testing.assert_allclose(phi, level_sets.distance_to_pixels(mask, spacing), rtol=1e-5)
