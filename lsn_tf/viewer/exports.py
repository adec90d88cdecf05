"""What of a contour is saved: its depths -> the values of a NIfTI file."""

import numpy as np

from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.viewer import depths


def probability(depth: np.ndarray) -> np.ndarray:
    """Returns what the layer `Occupancy` makes of phi: of each voxel the probability to be inside."""
    return 0.5 + 0.5 * np.tanh(depths.to_phi(depth) * np.float32(0.5 * INSIDE / OCCUPANCY_WIDTH_MM))


EXPORTS = {"mask": depths.is_inside, "phi": depths.to_phi, "probability": probability}
