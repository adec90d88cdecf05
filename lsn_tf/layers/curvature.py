"""The parabolic term of the level set equation: motion by mean curvature."""

import keras
from keras import ops

from lsn_tf.layers.stencil_conv import StencilConv

CENTRAL = ("central_y", "central_x", "second_yy", "second_xx", "mixed_xy")


@keras.saving.register_keras_serializable("lsn_tf")
class Curvature(keras.layers.Layer):
    """Mean curvature of the level sets of phi, kappa = div(grad phi / |grad phi|), or kappa |grad phi|.

    Central differences; second-order accurate where |grad phi| is not small.

    Args:
        times_gradient: whether to return kappa |grad phi|, as the equation has it, rather than kappa.
        epsilon: Added to |grad phi|**2 so that flat regions have kappa = 0, not NaN.
        learning: the rung of the stencils, see `StencilConv`.

    Call arguments:
        phi: (batch, height, width, 1), mm.
        spacing: (batch, 2), pixel size (dy, dx), mm.

    Returns:
        (batch, height, width, 1), 1/mm. A disc of radius r has kappa = 1/r.

    Raises:
        ValueError: if epsilon is not positive.

    Reference: Osher & Sethian (1988), doi:10.1016/0021-9991(88)90002-2.
    """

    def __init__(self, times_gradient: bool = False, epsilon: float = 1e-6, learning: str = "frozen", **kwargs):
        super().__init__(**kwargs)
        if epsilon <= 0:
            raise ValueError(f"epsilon must be positive. Received epsilon={epsilon}.")
        self.times_gradient = times_gradient
        self.epsilon = epsilon
        self.learning = learning
        self.derivatives = StencilConv(CENTRAL, learning, dtype=self.dtype_policy, name="central")

    def build(self, phi_shape, spacing_shape=None):
        self.derivatives.build(phi_shape)
        self.built = True

    def call(self, phi, spacing):
        phi_y, phi_x, phi_yy, phi_xx, phi_xy = self.derivatives(phi, spacing)
        bending = phi_xx * phi_y**2 - 2 * phi_x * phi_y * phi_xy + phi_yy * phi_x**2
        squared = phi_x**2 + phi_y**2 + self.epsilon
        return bending / (squared if self.times_gradient else squared * ops.sqrt(squared))

    def gains(self):
        """Returns the gains of the two second differences, which enter the CFL number."""
        gains = self.derivatives.gains()
        return gains["second_yy"], gains["second_xx"]

    def get_config(self):
        config = {"times_gradient": self.times_gradient, "epsilon": self.epsilon, "learning": self.learning}
        return {**super().get_config(), **config}
