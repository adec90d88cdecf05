"""The linear parabolic term: diffusion of the level set function in place of motion by curvature."""

import keras

from lsn_tf.layers.boundary import check_boundary, pad, per_image
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.numerics.stencils import second_names


@keras.saving.register_keras_serializable("lsn_tf")
class Diffusion(keras.layers.Layer):
    """The Laplacian of phi by central second differences: consistent of second order *and* monotone.

    It equals kappa |grad phi| where phi is a signed distance, since kappa = div(grad phi / |grad phi|). Elsewhere it
    also smooths phi along its gradient, which keeps phi regular without reinitialisation. With it in place of curvature
    the equation is a viscous Hamilton-Jacobi equation.

    Args:
        learning: the rung of the stencils, see `StencilConv`.
        boundary: what lies beyond the frame, see `boundary.pad`.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.

    Returns:
        Shaped like phi, 1/mm. A signed distance to a disc of radius r has 1/r on its contour, to a ball 2/r.

    References: Crandall & Lions (1984), doi:10.1090/S0025-5718-1984-0744921-8 (viscosity, monotone schemes);
    Zhang, Zhang, Song & Zhang (2013), doi:10.1109/TIP.2012.2214046 (diffusion in place of reinitialisation).
    """

    halo = 1

    def __init__(self, learning: str = "frozen", boundary: str = "replicate", **kwargs):
        super().__init__(**kwargs)
        self.learning, self.boundary = learning, check_boundary(boundary)

    def build(self, phi_shape, spacing_shape=None):
        names = second_names(len(phi_shape) - 2)
        self.derivatives = StencilConv(names, self.learning, self.boundary, dtype=self.dtype_policy, name="second")
        self.derivatives.build(phi_shape)
        self.built = True

    def call(self, phi, spacing):
        return self.of_padded(pad(phi, self.halo, self.boundary), spacing)

    def of_padded(self, padded, spacing, halo: int = 1):
        """Returns the Laplacian where phi has already been padded, by `halo` pixels."""
        second = self.derivatives.of_padded(padded, spacing, halo)
        return sum(second[1:], start=second[0])

    def pullback(self, padded, spacing, cotangent, halo: int = 1):
        """Returns the Laplacian, and the derivatives of sum(cotangent * Laplacian) by differences of phi.

        The latter as of `adjoint.pull_to_differences`: the Laplacian is the sum of (D+ - D-) / h. For frozen stencils.
        """
        of_differences = []
        for axis in range(spacing.shape[1]):
            of_forward = cotangent / per_image(spacing[:, axis], spacing.shape[1])
            of_differences += [-of_forward, of_forward]
        return self.of_padded(padded, spacing, halo), of_differences, {}

    def courant_rate(self, spacing):
        """Returns the CFL number per second for a weight of one, (batch, 1, ..., 1), 1/mm**2."""
        gains = self.derivatives.gains().values()
        rate = sum(gain / spacing[:, axis] ** 2 for axis, gain in enumerate(gains))
        return per_image(rate, spacing.shape[1])

    def get_config(self):
        return {**super().get_config(), "learning": self.learning, "boundary": self.boundary}
