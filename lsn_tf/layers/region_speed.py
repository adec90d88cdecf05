"""Speeds from regions: the front expands over what looks like its inside. Their statistics follow phi."""

import keras
from keras import ops

from lsn_tf.layers.boundary import image_axes
from lsn_tf.numerics.level_sets import INSIDE

AIR_HU = -1000.0
ROUNDING = 1e-4  # float32: relative, of the mean of a volume


def _mean_where(image, where):
    """Returns the mean of the image where `where` is one, (batch, 1, ..., 1); 0 where that is nowhere."""
    axes = (*image_axes(image), len(image.shape) - 1)
    count = ops.sum(where, axis=axes, keepdims=True)
    return ops.sum(where * image, axis=axes, keepdims=True) / ops.maximum(count, 1)


@keras.saving.register_keras_serializable("lsn_tf")
class IntensitySpeed(keras.layers.Layer):
    """V = clip(1 - ((I - mu) / w)**2, -contraction, 1) with mu and s mean and standard deviation of I inside phi.

    One where the image looks like the inside, zero at mu - w and mu + w, negative beyond, with
    w**2 = width**2 + (spread s)**2: a region in which intensities vary more is given a wider window.

    Args:
        width: half the width of the window of a homogeneous region, HU.
        spread: standard deviations by which it widens.
        contraction: the fastest that the front goes back, as a share of the speed at which it expands.
        lowest_mean: mu is at least this, HU: what the organ is known to have, wherever a seed point may lie.

    Call arguments:
        image: I, (batch, [depth,] height, width, 1), HU.
        phi: shaped like the image, mm.

    Returns:
        V, shaped like the image, in [-contraction, 1].

    Raises:
        ValueError: if width is not positive, or spread or contraction is negative.

    References: threshold level sets, Lefohn, Cates & Whitaker (2003), doi:10.1007/978-3-540-39899-8_70; the normal
    distribution of a region, Zhu & Yuille (1996), doi:10.1109/34.537343.
    """

    def __init__(
        self,
        width: float = 32.0,
        spread: float = 1.4,
        contraction: float = 0.25,
        lowest_mean: float = AIR_HU,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if width <= 0 or min(spread, contraction) < 0:
            raise ValueError(
                "width must be positive, spread and contraction not negative. "
                f"Received width={width}, spread={spread}, contraction={contraction}."
            )
        self.width, self.spread, self.contraction, self.lowest_mean = width, spread, contraction, lowest_mean

    def call(self, image, phi):
        inside = ops.cast(phi * INSIDE > 0, image.dtype)
        mean = _mean_where(image, inside)
        variance = _mean_where((image - mean) ** 2, inside)
        squared = (image - ops.maximum(mean, self.lowest_mean)) ** 2 / (self.width**2 + self.spread**2 * variance)
        return ops.clip(1 - squared, -self.contraction, 1)

    def get_config(self):
        config = {"width": self.width, "spread": self.spread, "contraction": self.contraction}
        config["lowest_mean"] = self.lowest_mean
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("lsn_tf")
class ChanVese(keras.layers.Layer):
    """V = ((I - c2)**2 - (I - c1)**2) / (c1 - c2)**2, with c1 and c2 the means of I inside and outside phi.

    The region term of active contours without edges, in units of the contrast: one at c1, minus one at c2, zero
    half-way; clipped to [-1, 1], so that a bright bone does not dictate the time step.

    Call arguments:
        image: I, (batch, [depth,] height, width, 1), HU.
        phi: shaped like the image, mm.

    Returns:
        V, shaped like the image, in [-1, 1]; 0 where inside and outside look the same.

    Reference: Chan & Vese (2001), doi:10.1109/83.902291.
    """

    def call(self, image, phi):
        inside = ops.cast(phi * INSIDE > 0, image.dtype)
        c1, c2 = _mean_where(image, inside), _mean_where(image, 1 - inside)
        contrast = c1 - c2
        same = ops.abs(contrast) <= ROUNDING * (ops.abs(c1) + ops.abs(c2))
        return ops.where(same, 0.0, ops.clip((2 * image - c1 - c2) / ops.where(same, 1.0, contrast), -1, 1))
