"""What of a contour is saved: its depths -> the values of a NIfTI file."""

import numpy as np

from lsn_tf.layers.occupancy import occupancy_of
from lsn_tf.viewer import depths


def probability(depth: np.ndarray) -> np.ndarray:
    """Returns of each voxel the probability to be inside."""
    return occupancy_of(depths.to_phi(depth))


EXPORTS = {"mask": depths.is_inside, "phi": depths.to_phi, "probability": probability}
