"""From a level set function to the probability that a pixel lies inside."""

import keras
import numpy as np
from keras import ops

from lsn_tf.numerics.level_sets import INSIDE

OCCUPANCY_WIDTH_MM = 1.5  # about half a pixel of a 128 x 128 slice with a field of view of 384 mm


def inside_logit(phi, width_mm: float = OCCUPANCY_WIDTH_MM):
    """Returns the logit of the occupancy: the depth inside the contour in units of width_mm; shaped like phi."""
    return phi * (INSIDE / width_mm)


def occupancy_of(phi: np.ndarray) -> np.ndarray:
    """Returns what the layer `Occupancy` makes of phi, mm, in NumPy; shaped like phi."""
    return 0.5 + 0.5 * np.tanh(inside_logit(phi) * 0.5)  # the sigmoid, but nothing overflows


@keras.saving.register_keras_serializable("lsn_tf")
class Occupancy(keras.layers.Layer):
    """A smoothed Heaviside function of phi: one half on the contour, one deep inside.

    Args:
        width_mm: the distance over which it changes, mm.

    Call arguments:
        phi: (batch, height, width, 1), mm.

    Returns:
        The occupancy, shaped like phi, in [0, 1].
    """

    def __init__(self, width_mm: float = OCCUPANCY_WIDTH_MM, **kwargs):
        super().__init__(**kwargs)
        if width_mm <= 0:
            raise ValueError(f"width_mm must be positive. Received width_mm={width_mm}.")
        self.width_mm = width_mm

    def call(self, phi):
        return ops.sigmoid(inside_logit(phi, self.width_mm))

    def get_config(self):
        return {**super().get_config(), "width_mm": self.width_mm}
