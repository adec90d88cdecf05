"""Back to a signed distance: reinitialisation of phi without moving its zero contour."""

import keras
from keras import ops

from lsn_tf.layers.level_set_step import UPWIND
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.layers.upwind import Propagation


@keras.saving.register_keras_serializable("lsn_tf")
class Reinitialization(keras.layers.Layer):
    """Relaxes phi towards |grad phi| = 1 by phi_t + S (|grad phi| - 1) = 0 with S = phi_0 / sqrt(phi_0**2 + h**2).

    First-order accurate; each step carries the distance half a pixel further from the contour.

    Args:
        steps: number of steps.

    Call arguments:
        phi: (batch, height, width, 1), mm.
        spacing: (batch, 2), pixel size (dy, dx), mm.

    Returns:
        phi, (batch, height, width, 1), mm.

    Reference: Sussman, Smereka & Osher (1994), doi:10.1006/jcph.1994.1155.
    """

    def __init__(self, steps: int = 10, **kwargs):
        super().__init__(**kwargs)
        if steps < 1:
            raise ValueError(f"steps must be at least 1. Received steps={steps}.")
        self.steps = steps
        self.differences = StencilConv(UPWIND, dtype=self.dtype_policy, name="one_sided")
        self.propagation = Propagation(dtype=self.dtype_policy)

    def build(self, phi_shape, spacing_shape=None):
        self.differences.build(phi_shape)
        self.built = True

    def call(self, phi, spacing):
        pixel = ops.min(spacing, axis=1)[:, None, None, None]
        sign = phi / ops.sqrt(phi**2 + pixel**2)
        for _ in range(self.steps):
            gradient = self.propagation(self.differences(phi, spacing), sign)
            phi = phi - 0.5 * pixel * (gradient - sign)
        return phi

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}
