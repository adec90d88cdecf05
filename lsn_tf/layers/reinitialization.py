"""Back to a signed distance: reinitialisation of phi without moving its zero contour."""

import keras
from keras import ops

from lsn_tf.layers.boundary import image_axes, pad, per_image, shifted
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.layers.upwind import Propagation, norm
from lsn_tf.numerics.stencils import one_sided_names

_PSEUDO_TIME_STEP = 0.5  # pixels


@keras.saving.register_keras_serializable("lsn_tf")
class Reinitialization(keras.layers.Layer):
    """Relaxes phi towards |grad phi| = 1 by phi_t + sign(phi_0) (|grad phi| - 1) = 0, its zero contour held in place.

    Pixels next to the contour relax to phi_0 / |grad phi_0|, their distance to where phi_0 crosses zero between
    pixels: the sub-cell fix. Upwind differences would look across the contour there and drag it along. The distance
    is first-order accurate, the place of the contour second-order, however many steps; each step carries the distance
    half a pixel further from the contour.

    Args:
        steps: number of steps.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.

    Returns:
        phi, shaped like it, mm.

    References: Sussman, Smereka & Osher (1994), doi:10.1006/jcph.1994.1155; Russo & Smereka (2000),
    doi:10.1006/jcph.2000.6553.
    """

    def __init__(self, steps: int = 10, **kwargs):
        super().__init__(**kwargs)
        if steps < 1:
            raise ValueError(f"steps must be at least 1. Received steps={steps}.")
        self.steps = steps
        self.propagation = Propagation(dtype=self.dtype_policy)

    def build(self, phi_shape, spacing_shape=None):
        names = one_sided_names(len(phi_shape) - 2)
        self.differences = StencilConv(names, dtype=self.dtype_policy, name="one_sided")
        self.differences.build(phi_shape)
        self.built = True

    def call(self, phi, spacing):
        pixel = per_image(ops.min(spacing, axis=1), spacing.shape[1])
        sign, beside, distance = ops.sign(phi), beside_contour(phi), self._distance_to_crossing(phi, spacing, pixel)

        def relax(_, padded):
            phi = shifted(padded, 1, [0] * len(image_axes(padded)))
            gradient = self.propagation(self.differences.of_padded(padded, spacing), sign)
            change = ops.where(beside, (phi - distance) / pixel, gradient - sign)
            return pad(phi - _PSEUDO_TIME_STEP * pixel * change)

        padded = ops.fori_loop(0, self.steps, relax, pad(phi))
        return shifted(padded, 1, [0] * len(image_axes(padded)))

    def _distance_to_crossing(self, phi, spacing, pixel):
        """Returns phi / |grad phi|, mm, with the steepest of the estimates of the slope: next to a kink of phi the
        central difference may vanish."""
        one_sided = self.differences(phi, spacing)
        central = [0.5 * (d + e) for d, e in zip(one_sided[::2], one_sided[1::2], strict=True)]
        slope = norm(central)
        for difference in one_sided:
            slope = ops.maximum(slope, 0.5 * ops.abs(difference))
        smallest = keras.config.epsilon() * ops.abs(phi) / pixel  # only where all of them vanish
        return phi / ops.maximum(slope, ops.where(phi == 0, ops.ones_like(phi), smallest))

    def get_config(self):
        return {**super().get_config(), "steps": self.steps}


def beside_contour(phi):
    """Returns where phi or a neighbour along an axis lies on the other side of the contour, or on it."""
    padded, ndim = pad(phi), len(image_axes(phi))
    lowest = highest = phi
    for axis in range(ndim):
        for side in (-1, 1):
            neighbour = shifted(padded, 1, [side * (a == axis) for a in range(ndim)])
            lowest, highest = ops.minimum(lowest, neighbour), ops.maximum(highest, neighbour)
    return ops.logical_and(lowest <= 0, highest >= 0)
