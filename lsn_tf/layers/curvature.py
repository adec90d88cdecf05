"""The parabolic term of the level set equation: motion by mean curvature."""

import itertools

import keras
from keras import ops

from lsn_tf.layers.boundary import check_boundary, image_axes, pad, per_image, shifted
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.numerics.sorting import sorting_network
from lsn_tf.numerics.stencils import gradient_names, mixed_names, second_names


@keras.saving.register_keras_serializable("lsn_tf")
class Curvature(keras.layers.Layer):
    """Mean curvature of the level sets of phi, kappa = div(grad phi / |grad phi|), or kappa |grad phi|.

    Central differences; second-order accurate where |grad phi| is not small, and not monotone. In space it is the sum
    of both principal curvatures. Where the central gradient vanishes, as at a minimum of phi, so does kappa |grad phi|:
    that pixel stays.

    Args:
        times_gradient: whether to return kappa |grad phi|, as the equation has it, rather than kappa.
        epsilon: Added to |grad phi|**2 so that flat regions have kappa = 0, not NaN.
        learning: the rung of the stencils, see `StencilConv`.
        boundary: what lies beyond the frame, see `boundary.pad`.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.

    Returns:
        Shaped like phi, 1/mm. A disc of radius r has kappa = 1/r, a ball 2/r.

    Raises:
        ValueError: if epsilon is not positive.

    Reference: Osher & Sethian (1988), doi:10.1016/0021-9991(88)90002-2.
    """

    halo = 1

    def __init__(
        self,
        times_gradient: bool = False,
        epsilon: float = 1e-6,
        learning: str = "frozen",
        boundary: str = "replicate",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if epsilon <= 0:
            raise ValueError(f"epsilon must be positive. Received epsilon={epsilon}.")
        self.times_gradient = times_gradient
        self.epsilon = epsilon
        self.learning, self.boundary = learning, check_boundary(boundary)

    def build(self, phi_shape, spacing_shape=None):
        ndim = len(phi_shape) - 2
        names = gradient_names(ndim) + second_names(ndim) + mixed_names(ndim)
        self.derivatives = StencilConv(names, self.learning, self.boundary, dtype=self.dtype_policy, name="central")
        self.derivatives.build(phi_shape)
        self.built = True

    def call(self, phi, spacing):
        return self.of_padded(pad(phi, self.halo, self.boundary), spacing)

    def of_padded(self, padded, spacing, halo: int = 1):
        """Returns the curvature where phi has already been padded, by `halo` pixels."""
        return self._curvature(*self._derivatives(padded, spacing, halo))

    def _derivatives(self, padded, spacing, halo):
        """Returns the first and second derivatives along each axis, and the mixed ones of each pair of axes."""
        ndim = len(image_axes(padded))
        derivatives = self.derivatives.of_padded(padded, spacing, halo)
        pairs = itertools.combinations(range(ndim), 2)
        return derivatives[:ndim], derivatives[ndim : 2 * ndim], dict(zip(pairs, derivatives[2 * ndim :], strict=True))

    def _curvature(self, first, second, mixed):
        squares = [slope**2 for slope in first]
        bending = sum(second[a] * _of_the_others(squares, a) for a in range(len(first)))
        for (a, b), cross in mixed.items():
            bending = bending - 2 * first[a] * first[b] * cross
        return bending / self._divisor(squares)

    def _divisor(self, squares):
        squared = sum(squares) + self.epsilon
        return squared if self.times_gradient else squared * ops.sqrt(squared)

    def pullback(self, padded, spacing, cotangent, halo: int = 1):
        """Returns the curvature, and the derivatives of sum(cotangent * curvature) by differences of phi.

        The latter as of `adjoint.pull_to_differences`: central differences are (D- + D+) / 2 and (D+ - D-) / h. For
        frozen stencils.
        """
        first, second, mixed = self._derivatives(padded, spacing, halo)
        curvature, squares = self._curvature(first, second, mixed), [slope**2 for slope in first]
        scale = cotangent / self._divisor(squares)
        power = 1 if self.times_gradient else 3 / 2  # of |grad phi|**2 in the divisor
        of_divisor = 2 * power * cotangent * curvature / (sum(squares) + self.epsilon)
        of_first = [slope * (2 * scale * _of_the_others(second, a) - of_divisor) for a, slope in enumerate(first)]
        for (a, b), cross in mixed.items():
            of_first[a] = of_first[a] - 2 * scale * first[b] * cross
            of_first[b] = of_first[b] - 2 * scale * first[a] * cross
        of_mixed = {(a, b): -2 * scale * first[a] * first[b] for a, b in mixed}
        of_differences = []
        for a, slope in enumerate(of_first):
            of_second = scale * _of_the_others(squares, a) / per_image(spacing[:, a], len(first))
            of_differences += [slope / 2 - of_second, slope / 2 + of_second]
        return curvature, of_differences, of_mixed

    def courant_rate(self, spacing):
        """Returns the CFL number per second for a weight of one, (batch, 1, ..., 1), 1/mm**2.

        The weight of each second difference is 1 - n**2 with n the normal's part along its axis. These are at most one
        and sum to one in the plane, to two in space: all axes count but the one whose pixels are widest.
        """
        ndim, gains = spacing.shape[1], self.derivatives.gains()
        rates = ops.stack([gains[name] / spacing[:, axis] ** 2 for axis, name in enumerate(second_names(ndim))], axis=1)
        return per_image(ops.sum(rates, axis=1) - ops.min(rates, axis=1), ndim)

    def get_config(self):
        config = {"times_gradient": self.times_gradient, "epsilon": self.epsilon}
        return {**super().get_config(), **config, "learning": self.learning, "boundary": self.boundary}


def _of_the_others(terms, axis):
    """Returns the sum of the terms of all axes but one."""
    return sum(term for other, term in enumerate(terms) if other != axis)


@keras.saving.register_keras_serializable("lsn_tf")
class MonotoneCurvature(keras.layers.Layer):
    """kappa |grad phi| in the plane as twice a median over directions: monotone, whatever phi.

    With d the offsets to the pixels on a square ring around each pixel, it is
    2 median of (phi(x + d) - phi(x)) / |d|**2: the median picks the directions along the level set, where this is the
    second derivative. Every term grows with the neighbours, so Euler steps within `courant_rate` keep the maximum
    principle and the order of level set functions, which central differences cannot.

    The error is O(radius**2 h**2 + 1 / radius): the wider the ring, the more directions. Where |grad phi| does not vary
    along the level sets, as for a signed distance, the second term is 1 / radius**2, and a radius in pixels that grows
    as 1 / sqrt(h) makes it first-order accurate; for any other phi that makes it of order 1/2.

    Args:
        radius: of the ring, pixels.
        boundary: what lies beyond the frame, see `boundary.pad`.

    Call arguments:
        phi: (batch, height, width, 1), mm.
        spacing: (batch, 2), pixel size (dy, dx), mm.

    Returns:
        kappa |grad phi|, (batch, height, width, 1), 1/mm.

    Raises:
        ValueError: if radius < 1, or for phi in space, where mean curvature is no median.

    Reference: after Oberman (2004), doi:10.1007/s00211-004-0566-1; here on pixels alone, of any spacing.
    """

    def __init__(self, radius: int = 2, boundary: str = "replicate", **kwargs):
        super().__init__(**kwargs)
        if radius < 1:
            raise ValueError(f"radius must be at least 1 pixel. Received radius={radius}.")
        self.radius, self.boundary = radius, check_boundary(boundary)

    @property
    def halo(self) -> int:
        """How many pixels away it looks."""
        return self.radius

    def build(self, phi_shape, spacing_shape=None):
        if len(phi_shape) != 4:
            raise ValueError(
                f"phi must be (batch, height, width, 1) for the monotone curvature. Received shape {tuple(phi_shape)}. "
                'Use curvature="central" for volumes.'
            )
        self.built = True

    def call(self, phi, spacing):
        return self.of_padded(pad(phi, self.halo, self.boundary), spacing)

    def of_padded(self, padded, spacing, halo: int | None = None):
        """Returns the curvature where phi has already been padded, by `halo` pixels."""
        halo = halo or self.halo
        phi = shifted(padded, halo, (0, 0))
        bends = [(shifted(padded, halo, d) - phi) / self._squared(d, spacing) for d in self._ring()]
        for i, j in sorting_network(len(bends)):  # XLA fuses minima and maxima, and sorts slowly
            bends[i], bends[j] = ops.minimum(bends[i], bends[j]), ops.maximum(bends[i], bends[j])
        half = len(bends) // 2
        return bends[half - 1] + bends[half]

    def _ring(self):
        offsets = range(-self.radius, self.radius + 1)
        return [d for d in itertools.product(offsets, repeat=2) if max(map(abs, d)) == self.radius]

    def _squared(self, offset, spacing):
        return per_image(sum((step * spacing[:, axis]) ** 2 for axis, step in enumerate(offset)), 2)

    def courant_rate(self, spacing):
        """Returns the CFL number per second for a weight of one, (batch, 1, 1, 1), 1/mm**2."""
        return 2 / per_image((self.radius * ops.min(spacing, axis=1)) ** 2, 2)

    def get_config(self):
        return {**super().get_config(), "radius": self.radius, "boundary": self.boundary}
