"""One-sided differences of higher order for Hamilton-Jacobi equations: ENO and WENO."""

import keras
from keras import ops

from lsn_tf.layers.boundary import check_boundary, image_axes, pad, per_image, shifted

ORDERS = (2, 5)
_WENO_REGULARIZATION = 1e-6  # of squared slopes, dimensionless


@keras.saving.register_keras_serializable("lsn_tf")
class EssentiallyNonOscillatory(keras.layers.Layer):
    """Backward and forward differences that adapt their stencil so as not to look across a kink of phi.

    Second order: ENO, which adds half the smaller one of two neighbouring second differences. Fifth order: WENO, the
    weighted mean of three third-order differences, fifth-order where phi is smooth. Neither is monotone.

    Args:
        order: 2 or 5.
        boundary: what lies beyond the frame, see `boundary.pad`.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.

    Returns:
        A tuple (D-y, D+y, D-x, D+x), in space with (D-z, D+z) before it, shaped like phi, dimensionless.

    Raises:
        ValueError: for another order or boundary.

    References: Osher & Shu (1991), doi:10.1137/0728049; Jiang & Peng (2000), doi:10.1137/S106482759732455X.
    """

    def __init__(self, order: int = 5, boundary: str = "replicate", **kwargs):
        super().__init__(**kwargs)
        if order not in ORDERS:
            raise ValueError(f"order must be one of {ORDERS}. Received order={order}.")
        self.order = order
        self.boundary = check_boundary(boundary)
        self.halo = 2 if order == 2 else 3
        self.built = True  # it has no weights

    def call(self, phi, spacing):
        return self.of_padded(pad(phi, self.halo, self.boundary), spacing)

    def of_padded(self, padded, spacing, halo: int | None = None):
        """Returns the differences where phi has already been padded, by `halo` pixels."""
        halo, ndim = halo or self.halo, len(image_axes(padded))
        pairs = [self._pair(padded, halo, axis, per_image(spacing[:, axis], ndim)) for axis in range(ndim)]
        return tuple(difference for pair in pairs for difference in pair)

    def _pair(self, padded, halo, axis, pixel):
        """Returns D- and D+ along one axis from the one-sided differences around each pixel."""
        reach = range(-self.halo, self.halo + 1)
        values = [shifted(padded, halo, [n * (a == axis) for a in range(len(image_axes(padded)))]) for n in reach]
        slopes = [(after - before) / pixel for before, after in zip(values, values[1:], strict=False)]
        reconstruct = _eno2 if self.order == 2 else _weno5
        return reconstruct(*slopes[:-1]), reconstruct(*slopes[:0:-1])

    def get_config(self):
        return {**super().get_config(), "order": self.order, "boundary": self.boundary}


def _eno2(far, near, beyond):
    """Returns `near` plus half the smaller of the two changes of slope; upstream slopes come first."""
    before, after = near - far, beyond - near
    return near + 0.5 * ops.where(ops.abs(before) < ops.abs(after), before, after)


def _weno5(v1, v2, v3, v4, v5):
    """Returns the weighted mean of three third-order differences, by how smooth each is; equation (2.5) ff."""
    candidates = (
        v1 / 3 - 7 * v2 / 6 + 11 * v3 / 6,
        -v2 / 6 + 5 * v3 / 6 + v4 / 3,
        v3 / 3 + 5 * v4 / 6 - v5 / 6,
    )
    roughness = (
        13 / 12 * (v1 - 2 * v2 + v3) ** 2 + 0.25 * (v1 - 4 * v2 + 3 * v3) ** 2,
        13 / 12 * (v2 - 2 * v3 + v4) ** 2 + 0.25 * (v2 - v4) ** 2,
        13 / 12 * (v3 - 2 * v4 + v5) ** 2 + 0.25 * (3 * v3 - 4 * v4 + v5) ** 2,
    )
    ideal = (0.1, 0.6, 0.3)
    weights = [g / (_WENO_REGULARIZATION + r) ** 2 for g, r in zip(ideal, roughness, strict=True)]
    return sum(w * c for w, c in zip(weights, candidates, strict=True)) / sum(weights)
