"""One step in time of the level set equation: a residual block."""

import keras
from keras import ops

from lsn_tf.layers.boundary import check_boundary, pad, per_image, shifted
from lsn_tf.layers.curvature import Curvature, MonotoneCurvature
from lsn_tf.layers.diffusion import Diffusion
from lsn_tf.layers.essentially_non_oscillatory import EssentiallyNonOscillatory
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.layers.upwind import Propagation, Transport
from lsn_tf.numerics.stencils import one_sided_names

DIFFERENCES = ("first_order", "eno2", "weno5")
CURVATURES = ("central", "monotone", "diffusion")
# Shu & Osher's form of total variation diminishing Runge-Kutta methods: stage k is a mean of the beginning and one
# Euler step from stage k - 1, with this weight of the latter.
INTEGRATORS = {"euler": (1.0,), "tvd_rk2": (1.0, 1 / 2), "tvd_rk3": (1.0, 1 / 4, 2 / 3)}


@keras.saving.register_keras_serializable("lsn_tf")
class LevelSetStep(keras.layers.Layer):
    """phi <- phi - dt (V |grad phi| + a . grad phi - epsilon kappa |grad phi|), in the plane or in space.

    With first-order differences, frozen stencils, a boundary that does not extrapolate, and dt from `cfl_time_step`,
    the propagation and transport steps are monotone for any fields: the maximum principle holds and phi_0 -> phi is
    non-expansive in the maximum norm. With curvature="monotone" or "diffusion" the whole step is. Stencils that have
    learned must be looked at, see `certificate`.

    Args:
        scheme: "godunov" or "osher_sethian", see `Propagation`.
        learning: the rung of all stencils, "frozen", "consistent" or "free", see `StencilConv`.
        differences: one-sided differences, "first_order", "eno2" or "weno5", see `EssentiallyNonOscillatory`. The
            latter two are unstable with "euler".
        integrator: "euler", "tvd_rk2" or "tvd_rk3", of order 1, 2 and 3. Second-order differences want the second,
            WENO the third.
        curvature: "central", see `Curvature`, "monotone", see `MonotoneCurvature`, or "diffusion", which puts the
            Laplacian of phi in the place of kappa |grad phi|, see `Diffusion`.
        boundary: what lies beyond the frame, see `boundary.pad`.
        curvature_radius: radius of the ring of the monotone curvature, pixels. A fixed ring resolves 8 * radius
            directions: its error does not vanish with the pixel size.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.
        fields: the coefficients of the equation, a dict with any of
            "speed": V, shaped like phi, mm/s, positive expands;
            "velocity": a = ([az,] ay, ax), (batch, [depth,] height, width, 2 or 3), mm/s;
            "curvature_weight": epsilon >= 0, shaped like phi, mm**2/s.
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.
        time_step: dt, (batch, 1, ..., 1), s.

    Returns:
        phi after the step, shaped like phi, mm.

    Raises:
        ValueError: for another scheme, rung, difference, integrator, curvature or boundary, or learning with
            differences that are not stencils.

    References: Osher & Sethian (1988), doi:10.1016/0021-9991(88)90002-2; Shu & Osher (1988),
    doi:10.1016/0021-9991(88)90177-5.
    """

    def __init__(
        self,
        scheme: str = "godunov",
        learning: str = "frozen",
        differences: str = "first_order",
        integrator: str = "euler",
        curvature: str = "central",
        boundary: str = "replicate",
        curvature_radius: int = 2,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check("differences", differences, DIFFERENCES)
        _check("integrator", integrator, tuple(INTEGRATORS))
        _check("curvature", curvature, CURVATURES)
        if learning != "frozen" and differences != "first_order":
            raise ValueError(
                f"stencils can learn with first-order differences only. Received learning={learning!r} "
                f"with differences={differences!r}, whose stencils follow phi."
            )
        self.scheme, self.learning, self.integrator = scheme, learning, integrator
        self.differences, self.curvature, self.curvature_radius = differences, curvature, curvature_radius
        self.boundary = check_boundary(boundary)
        self.propagation = Propagation(scheme, dtype=self.dtype_policy, name="propagation")
        self.transport = Transport(dtype=self.dtype_policy, name="transport")

    def build(self, phi_shape, *_, **__):
        common = {"boundary": self.boundary, "dtype": self.dtype_policy}
        if self.differences == "first_order":
            names = one_sided_names(len(phi_shape) - 2)
            self.one_sided = StencilConv(names, self.learning, name="one_sided", **common)
        else:
            order = int(self.differences[-1])
            self.one_sided = EssentiallyNonOscillatory(order, name="one_sided", **common)
        if self.curvature == "central":
            self.bending = Curvature(True, learning=self.learning, name="curvature", **common)
        elif self.curvature == "diffusion":
            self.bending = Diffusion(self.learning, name="curvature", **common)
        else:
            self.bending = MonotoneCurvature(self.curvature_radius, name="curvature", **common)
        for part in (self.one_sided, self.bending, self.propagation, self.transport):
            part.build(phi_shape)
        self.halo = max(self.one_sided.halo, self.bending.halo)
        self.built = True

    def call(self, phi, fields, spacing, time_step):
        return self.of_padded(self.padded(phi), fields, spacing, time_step)

    def padded(self, phi):
        """Returns phi with as many pixels around it as a step looks at."""
        return pad(phi, self.halo, self.boundary)

    def of_padded(self, padded, fields, spacing, time_step):
        """Returns phi after a step from a phi that has already been padded: in a loop, XLA fuses this better."""
        phi = shifted(padded, self.halo, [0] * (len(padded.shape) - 2))
        stage = phi - time_step * self._rate(padded, fields, spacing)
        for weight in INTEGRATORS[self.integrator][1:]:
            euler = stage - time_step * self.rate(stage, fields, spacing)
            stage = phi + weight * (euler - phi)  # so that a constant remains one to the last bit
        return stage

    def rate(self, phi, fields, spacing):
        """Returns V |grad phi| + a . grad phi - epsilon kappa |grad phi|, shaped like phi, mm/s."""
        return self._rate(self.padded(phi), fields, spacing)

    def _rate(self, padded, fields, spacing):
        terms = []
        if "speed" in fields or "velocity" in fields:
            differences = self.one_sided.of_padded(padded, spacing, self.halo)
        if "speed" in fields:
            terms.append(self.propagation(differences, fields["speed"]))
        if "velocity" in fields:
            terms.append(self.transport(differences, fields["velocity"]))
        if "curvature_weight" in fields:
            terms.append(-fields["curvature_weight"] * self.bending.of_padded(padded, spacing, self.halo))
        return sum(terms[1:], start=terms[0])

    def courant_rate(self, fields, spacing):
        """Returns the CFL number per second of time step, shaped like phi: cfl = dt * courant_rate."""
        gains = self._gains(spacing)
        rate = 0.0
        if "speed" in fields:
            rate = rate + ops.abs(fields["speed"]) * self._reach(gains)
        if "velocity" in fields:
            velocity = ops.abs(fields["velocity"])
            rate = rate + sum(velocity[..., axis : axis + 1] * gain for axis, gain in enumerate(gains))
        if "curvature_weight" in fields:
            rate = rate + fields["curvature_weight"] * self.bending.courant_rate(spacing)
        return rate

    def _gains(self, spacing):
        """Returns for each axis the larger gain of its two differences, per mm, (batch, 1, ..., 1)."""
        ndim, gains = spacing.shape[1], {}
        if isinstance(self.one_sided, StencilConv):
            gains = self.one_sided.gains()
        names = one_sided_names(ndim)
        pairs = [[gains.get(name, 1.0) for name in names[2 * axis : 2 * axis + 2]] for axis in range(ndim)]
        return [_larger(*pair) / per_image(spacing[:, axis], ndim) for axis, pair in enumerate(pairs)]

    def _reach(self, gains):
        """Bounds the derivative of |grad phi| with respect to the pixel itself, by Cauchy and Schwarz.

        Of the two differences along an axis Godunov takes the steeper one, Osher and Sethian may take both.
        """
        sides = 1.0 if self.scheme == "godunov" else 2.0
        return ops.sqrt(sides * sum(gain**2 for gain in gains))

    def get_config(self):
        config = {"scheme": self.scheme, "learning": self.learning, "differences": self.differences}
        config |= {
            "integrator": self.integrator,
            "curvature": self.curvature,
            "curvature_radius": self.curvature_radius,
            "boundary": self.boundary,
        }
        return {**super().get_config(), **config}


def cfl_time_step(courant_rate, cfl: float, longest=float("inf")):
    """Returns the longest stable time step of each image, (batch, 1, ..., 1), s.

    dt * courant_rate <= cfl < 1 for every pixel; at most `longest`, which also serves an image that does not move.
    """
    fastest = ops.max(courant_rate, axis=tuple(range(1, len(courant_rate.shape))), keepdims=True)
    return ops.minimum(cfl / ops.maximum(fastest, 1e-12), longest)


def _larger(one, other):
    return max(one, other) if isinstance(one, float) and isinstance(other, float) else ops.maximum(one, other)


def _check(name, value, known):
    if value not in known:
        raise ValueError(f"{name} must be one of {known}. Received {value!r}.")
