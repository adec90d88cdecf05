"""The hyperbolic terms of the level set equation: propagation along the normal and transport by a vector field."""

import keras
from keras import ops

SCHEMES = ("godunov", "osher_sethian")


def _norm(y, x):
    """Returns sqrt(y**2 + x**2) whose derivative where both vanish is 0, not NaN."""
    squared = y * y + x * x
    positive = squared > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def _steepest(backward, forward, scheme):
    """Returns the upwind |derivative| along one axis of a front that expands."""
    from_left, from_right = ops.relu(backward), ops.relu(-forward)
    return ops.maximum(from_left, from_right) if scheme == "godunov" else _norm(from_left, from_right)


@keras.saving.register_keras_serializable("lsn_tf")
class Propagation(keras.layers.Layer):
    """Motion along the normal, V |grad phi|, by upwind differences; first-order accurate and monotone.

    With D- and D+ the backward and forward differences, for V > 0
    Godunov / Rouy-Tourin: |grad phi|**2 = sum over axes of max(max(D-, 0)**2, min(D+, 0)**2);
    Osher-Sethian:         |grad phi|**2 = sum over axes of max(D-, 0)**2 + min(D+, 0)**2;
    for V < 0 both change their sign: a front that shrinks is one that expands in -phi.

    Args:
        scheme: "godunov" or "osher_sethian".

    Call arguments:
        differences: (D-y, D+y, D-x, D+x), each (batch, height, width, 1), of phi in mm: dimensionless.
        speed: V, (batch, height, width, 1), mm/s; positive expands.

    Returns:
        V |grad phi|, (batch, height, width, 1), mm/s.

    References: Osher & Sethian (1988), doi:10.1016/0021-9991(88)90002-2; Rouy & Tourin (1992), doi:10.1137/0729053.
    """

    def __init__(self, scheme: str = "godunov", **kwargs):
        super().__init__(**kwargs)
        if scheme not in SCHEMES:
            raise ValueError(f"scheme must be one of {SCHEMES}. Received {scheme!r}.")
        self.scheme = scheme

    def call(self, differences, speed):
        side = ops.where(speed > 0, 1.0, -1.0)
        backward_y, forward_y, backward_x, forward_x = (side * difference for difference in differences)
        steepest_y = _steepest(backward_y, forward_y, self.scheme)
        steepest_x = _steepest(backward_x, forward_x, self.scheme)
        return speed * _norm(steepest_y, steepest_x)

    def get_config(self):
        return {**super().get_config(), "scheme": self.scheme}


@keras.saving.register_keras_serializable("lsn_tf")
class Transport(keras.layers.Layer):
    """Transport by a vector field, a . grad phi, upwind on the sign of a; first-order accurate and monotone.

    Call arguments:
        differences: (D-y, D+y, D-x, D+x), each (batch, height, width, 1), of phi in mm: dimensionless.
        velocity: a = (ay, ax), (batch, height, width, 2), mm/s.

    Returns:
        a . grad phi, (batch, height, width, 1), mm/s.
    """

    def call(self, differences, velocity):
        backward_y, forward_y, backward_x, forward_x = differences
        return _upwind(velocity[..., :1], backward_y, forward_y) + _upwind(velocity[..., 1:], backward_x, forward_x)


def _upwind(velocity, backward, forward):
    return velocity * ops.where(velocity > 0, backward, forward)
