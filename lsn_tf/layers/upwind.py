"""The hyperbolic terms of the level set equation: propagation along the normal and transport by a vector field."""

import keras
from keras import ops

SCHEMES = ("godunov", "osher_sethian")


def norm(components):
    """Returns the root of the sum of squares, whose derivative where all vanish is 0, not NaN."""
    squared = sum(component * component for component in components)
    positive = squared > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def _pairs(differences):
    """Returns (D-, D+) of each axis."""
    return list(zip(differences[::2], differences[1::2], strict=True))


def _steepest(backward, forward, scheme):
    """Returns the upwind |derivative| along one axis of a front that expands."""
    from_left, from_right = ops.relu(backward), ops.relu(-forward)
    return ops.maximum(from_left, from_right) if scheme == "godunov" else norm([from_left, from_right])


@keras.saving.register_keras_serializable("lsn_tf")
class Propagation(keras.layers.Layer):
    """Motion along the normal, V |grad phi|, by upwind differences; first-order accurate and monotone.

    With D- and D+ the backward and forward differences, for V > 0
    Godunov / Rouy-Tourin: |grad phi|**2 = sum over axes of max(max(D-, 0)**2, min(D+, 0)**2);
    Osher-Sethian:         |grad phi|**2 = sum over axes of max(D-, 0)**2 + min(D+, 0)**2;
    for V < 0 both change their sign: a front that shrinks is one that expands in -phi. With differences of higher
    order they are of that order, and no longer monotone.

    Args:
        scheme: "godunov" or "osher_sethian".

    Call arguments:
        differences: (D-y, D+y, D-x, D+x), in space with (D-z, D+z) before it, of phi in mm: dimensionless; each
            (batch, [depth,] height, width, 1).
        speed: V, shaped like phi, mm/s; positive expands.

    Returns:
        V |grad phi|, shaped like phi, mm/s.

    References: Osher & Sethian (1988), doi:10.1016/0021-9991(88)90002-2; Rouy & Tourin (1992), doi:10.1137/0729053.
    """

    def __init__(self, scheme: str = "godunov", **kwargs):
        super().__init__(**kwargs)
        if scheme not in SCHEMES:
            raise ValueError(f"scheme must be one of {SCHEMES}. Received {scheme!r}.")
        self.scheme = scheme

    def call(self, differences, speed):
        expands = speed > 0
        outward = [ops.where(expands, difference, -difference) for difference in differences]
        return speed * norm([_steepest(backward, forward, self.scheme) for backward, forward in _pairs(outward)])

    def pullback(self, differences, speed, cotangent):
        """Returns the derivatives of sum(cotangent * V |grad phi|) by V and by each of the differences."""
        outward = ops.where(speed > 0, ops.ones_like(speed), -ops.ones_like(speed))
        parts = []
        for backward, forward in _pairs(differences):
            from_left, from_right = ops.relu(outward * backward), ops.relu(-outward * forward)
            taken = (from_left >= from_right, from_left < from_right) if self.scheme == "godunov" else (True, True)
            parts += [ops.where(taken[0], from_left, 0.0), ops.where(taken[1], -from_right, 0.0)]
        steepness = norm(parts)
        scale = cotangent * speed * outward / ops.where(steepness > 0, steepness, 1.0)
        return cotangent * steepness, [scale * part for part in parts]

    def get_config(self):
        return {**super().get_config(), "scheme": self.scheme}


@keras.saving.register_keras_serializable("lsn_tf")
class Transport(keras.layers.Layer):
    """Transport by a vector field, a . grad phi, upwind on the sign of a; first-order accurate and monotone.

    With differences of higher order it is of that order, and no longer monotone.

    Call arguments:
        differences: (D-y, D+y, D-x, D+x), in space with (D-z, D+z) before it, of phi in mm: dimensionless; each
            (batch, [depth,] height, width, 1).
        velocity: a = ([az,] ay, ax), (batch, [depth,] height, width, 2 or 3), mm/s.

    Returns:
        a . grad phi, shaped like phi, mm/s.
    """

    def call(self, differences, velocity):
        terms = [
            _upwind(velocity[..., axis : axis + 1], backward, forward)
            for axis, (backward, forward) in enumerate(_pairs(differences))
        ]
        return sum(terms[1:], start=terms[0])

    def pullback(self, differences, velocity, cotangent):
        """Returns the derivatives of sum(cotangent * a . grad phi) by a and by each of the differences."""
        derivatives, pulls = [], []
        for axis, (backward, forward) in enumerate(_pairs(differences)):
            along_axis = velocity[..., axis : axis + 1]
            derivatives.append(ops.where(along_axis > 0, backward, forward))
            pulls += [cotangent * ops.relu(along_axis), -cotangent * ops.relu(-along_axis)]
        return cotangent * ops.concatenate(derivatives, axis=-1), pulls


def _upwind(velocity, backward, forward):
    return velocity * ops.where(velocity > 0, backward, forward)
