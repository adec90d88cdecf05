"""One step of forward Euler for the level set equation: a residual block."""

import keras
from keras import ops

from lsn_tf.layers.curvature import Curvature
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.layers.upwind import Propagation, Transport

UPWIND = ("backward_y", "forward_y", "backward_x", "forward_x")


@keras.saving.register_keras_serializable("lsn_tf")
class LevelSetStep(keras.layers.Layer):
    """phi <- phi - dt (V |grad phi| + a . grad phi - epsilon kappa |grad phi|).

    With frozen or monotone stencils and dt from `cfl_time_step`, the propagation and transport steps are
    monotone for any fields: the maximum principle holds and phi_0 -> phi is non-expansive in the maximum norm.

    Args:
        scheme: "godunov" or "osher_sethian", see `Propagation`.
        learning: the rung of all stencils, "frozen", "consistent" or "free", see `StencilConv`.

    Call arguments:
        phi: (batch, height, width, 1), mm.
        fields: the coefficients of the equation, a dict with any of
            "speed": V, (batch, height, width, 1), mm/s, positive expands;
            "velocity": a = (ay, ax), (batch, height, width, 2), mm/s;
            "curvature_weight": epsilon >= 0, (batch, height, width, 1), mm**2/s.
        spacing: (batch, 2), pixel size (dy, dx), mm.
        time_step: dt, (batch, 1, 1, 1), s.

    Returns:
        phi after the step, (batch, height, width, 1), mm.

    Reference: Osher & Sethian (1988), doi:10.1016/0021-9991(88)90002-2.
    """

    def __init__(self, scheme: str = "godunov", learning: str = "frozen", **kwargs):
        super().__init__(**kwargs)
        self.scheme, self.learning = scheme, learning
        self.differences = StencilConv(UPWIND, learning, dtype=self.dtype_policy, name="one_sided")
        self.propagation = Propagation(scheme, dtype=self.dtype_policy, name="propagation")
        self.transport = Transport(dtype=self.dtype_policy, name="transport")
        self.curvature = Curvature(True, learning=learning, dtype=self.dtype_policy, name="curvature")

    def build(self, phi_shape, *_, **__):
        self.differences.build(phi_shape)
        self.curvature.build(phi_shape)
        self.built = True

    def call(self, phi, fields, spacing, time_step):
        return phi - time_step * self.rate(phi, fields, spacing)

    def rate(self, phi, fields, spacing):
        """Returns V |grad phi| + a . grad phi - epsilon kappa |grad phi|, (batch, height, width, 1), mm/s."""
        differences = self.differences(phi, spacing)
        terms = []
        if "speed" in fields:
            terms.append(self.propagation(differences, fields["speed"]))
        if "velocity" in fields:
            terms.append(self.transport(differences, fields["velocity"]))
        if "curvature_weight" in fields:
            terms.append(-fields["curvature_weight"] * self.curvature(phi, spacing))
        return sum(terms[1:], start=terms[0])

    def courant_rate(self, fields, spacing):
        """Returns the CFL number per second of time step, (batch, height, width, 1): cfl = dt * courant_rate."""
        dy, dx = spacing[:, 0, None, None, None], spacing[:, 1, None, None, None]
        gains = self.differences.gains()
        gain_y = ops.maximum(gains["backward_y"], gains["forward_y"]) / dy
        gain_x = ops.maximum(gains["backward_x"], gains["forward_x"]) / dx
        rate = 0.0
        if "speed" in fields:
            rate = rate + ops.abs(fields["speed"]) * self._reach(gain_y, gain_x)
        if "velocity" in fields:
            speed_y, speed_x = ops.abs(fields["velocity"][..., :1]), ops.abs(fields["velocity"][..., 1:])
            rate = rate + speed_y * gain_y + speed_x * gain_x
        if "curvature_weight" in fields:
            gain_yy, gain_xx = self.curvature.gains()
            rate = rate + fields["curvature_weight"] * (gain_yy / dy**2 + gain_xx / dx**2)
        return rate

    def _reach(self, gain_y, gain_x):
        """Bounds the derivative of |grad phi| with respect to the pixel itself, by Cauchy and Schwarz.

        Of the two differences along an axis Godunov takes the steeper one, Osher and Sethian may take both.
        """
        sides = 1.0 if self.scheme == "godunov" else 2.0
        return ops.sqrt(sides * (gain_y**2 + gain_x**2))

    def get_config(self):
        return {**super().get_config(), "scheme": self.scheme, "learning": self.learning}


def cfl_time_step(courant_rate, cfl: float, longest=float("inf")):
    """Returns the longest stable time step of each image, (batch, 1, 1, 1), s.

    dt * courant_rate <= cfl < 1 for every pixel; at most `longest`, which also serves an image that does not move.
    """
    fastest = ops.max(courant_rate, axis=(1, 2, 3), keepdims=True)
    return ops.minimum(cfl / ops.maximum(fastest, 1e-12), longest)
