"""The contour from which the evolution starts when the user gives none."""

import keras
from keras import ops

from lsn_tf.numerics.level_sets import INSIDE


@keras.saving.register_keras_serializable("lsn_tf")
class InitialContour(keras.layers.Layer):
    """The signed distance to a disc at a fixed place of the field of view.

    Args:
        centre: (y, x) of its centre as a fraction of height and width. In axial CT shown as radiologists do,
            the liver lies left of the middle.
        radius: as a fraction of the smaller side of the field of view.

    Call arguments:
        image: (batch, height, width, channel); only its shape counts.
        spacing: (batch, 2), pixel size (dy, dx), mm.

    Returns:
        phi, (batch, height, width, 1), mm.
    """

    def __init__(self, centre: tuple[float, float] = (0.45, 0.35), radius: float = 0.15, **kwargs):
        super().__init__(**kwargs)
        if radius <= 0:
            raise ValueError(f"radius must be a positive fraction of the field of view. Received radius={radius}.")
        self.centre = tuple(centre)
        self.radius = radius

    def call(self, image, spacing):
        height, width = ops.shape(image)[1], ops.shape(image)[2]
        y, y_size = self._offset(height, spacing[:, 0], self.centre[0])
        x, x_size = self._offset(width, spacing[:, 1], self.centre[1])
        distance = ops.sqrt(y[:, :, None] ** 2 + x[:, None, :] ** 2)
        radius = self.radius * ops.minimum(y_size, x_size)
        return -INSIDE * (distance - radius[:, None, None])[..., None]

    def _offset(self, length, pixel, fraction):
        """Returns the distances, mm, of the pixel centres to the disc's centre, (batch, length), and the side, mm."""
        size = pixel * ops.cast(length, pixel.dtype)
        centres = (ops.arange(length, dtype=pixel.dtype) + 0.5)[None, :] * pixel[:, None]
        return centres - fraction * size[:, None], size

    def get_config(self):
        return {**super().get_config(), "centre": self.centre, "radius": self.radius}
