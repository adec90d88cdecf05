"""The edge indicator g: one in flat regions, small on edges; classical and learned."""

import keras
from keras import ops

from lsn_tf.layers.boundary import along, image_axes, pad, per_image
from lsn_tf.layers.stencil_conv import StencilConv
from lsn_tf.numerics.stencils import gradient_names


def smooth(image, spacing, sigma_mm: float, radius: int = 4):
    """Convolves with a Gaussian of sigma_mm, edges replicated.

    Args:
        image: (batch, [depth,] height, width, 1).
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.
        sigma_mm: its width, mm.
        radius: where it is cut, pixels; sigma_mm should not exceed half of it.
    """
    for axis in image_axes(image):
        image = _smooth_along(image, spacing[:, axis - 1], sigma_mm, radius, axis)
    return image


def _smooth_along(image, pixel, sigma_mm, radius, axis):
    offsets = ops.arange(-radius, radius + 1, dtype=image.dtype)
    weights = ops.exp(-0.5 * ((offsets[None, :] * pixel[:, None]) / sigma_mm) ** 2)
    weights = weights / ops.sum(weights, axis=1, keepdims=True)
    padded, length = pad(image, radius, axes=[axis]), ops.shape(image)[axis]
    taps = range(2 * radius + 1)
    return sum(per_image(weights[:, k], len(image_axes(image))) * along(padded, axis, k, k + length) for k in taps)


@keras.saving.register_keras_serializable("lsn_tf")
class EdgeIndicator(keras.layers.Layer):
    """g = 1 / (1 + (|grad (G_sigma * I)| / lambda)**p), with physical units and no statistic of the batch.

    Args:
        sigma_mm: width of the Gaussian that removes noise, mm.
        contrast: lambda, the gradient at which g = 1/2, HU/mm.
        power: p.
        radius: where the Gaussian is cut, pixels; sigma_mm should not exceed half of it.

    Call arguments:
        image: (batch, [depth,] height, width, 1), HU.
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.

    Returns:
        g, shaped like the image, in (0, 1].

    Raises:
        ValueError: if sigma_mm, contrast or power is not positive.

    Reference: Caselles, Kimmel & Sapiro (1997), doi:10.1023/A:1007979827043.
    """

    def __init__(self, sigma_mm: float = 1.5, contrast: float = 10.0, power: float = 2.0, radius: int = 4, **kwargs):
        super().__init__(**kwargs)
        if min(sigma_mm, contrast, power, radius) <= 0:
            raise ValueError(
                "sigma_mm, contrast, power and radius must be positive. "
                f"Received sigma_mm={sigma_mm}, contrast={contrast}, power={power}, radius={radius}."
            )
        self.sigma_mm, self.contrast, self.power, self.radius = sigma_mm, contrast, power, radius

    def build(self, image_shape, spacing_shape=None):
        names = gradient_names(len(image_shape) - 2)
        self.gradient = StencilConv(names, dtype=self.dtype_policy, name="gradient")
        self.gradient.build(image_shape)
        self.built = True

    def call(self, image, spacing):
        slopes = self.gradient(smooth(image, spacing, self.sigma_mm, self.radius), spacing)
        squared = sum(slope**2 for slope in slopes) / self.contrast**2
        return 1.0 / (1.0 + squared ** (self.power / 2))

    def get_config(self):
        config = {"sigma_mm": self.sigma_mm, "contrast": self.contrast, "power": self.power, "radius": self.radius}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("lsn_tf")
class LearnedEdgeIndicator(keras.layers.Layer):
    """g = 1 / (1 + sum over n of (K_n * I)**2): an edge indicator from learned 3x3 kernels, edges replicated.

    The published level set network learns its edge indicator so, with 16 kernels. Kernels start with zero mean,
    so that flat regions have g = 1 at the start.

    Args:
        kernels: how many.

    Call arguments:
        image: (batch, height, width, 1), in [-1, 1].

    Returns:
        g, (batch, height, width, 1), in (0, 1].

    Reference: Actor, Fuentes & Riviere (2020), doi:10.1117/12.2548871.
    """

    def __init__(self, kernels: int = 16, **kwargs):
        super().__init__(**kwargs)
        if kernels < 1:
            raise ValueError(f"kernels must be at least 1. Received kernels={kernels}.")
        self.kernels = kernels

    def build(self, image_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, 1, self.kernels), initializer=keras.initializers.HeNormal()
        )
        self.kernel.assign(self.kernel - ops.mean(self.kernel, axis=(0, 1), keepdims=True))
        self.built = True

    def call(self, image):
        edges = ops.conv(pad(image), self.kernel, padding="valid")
        return 1.0 / (1.0 + ops.sum(edges**2, axis=-1, keepdims=True))

    def get_config(self):
        return {**super().get_config(), "kernels": self.kernels}
