"""A trained model for images of any size: it works on the grid it was trained on and answers on the image's own."""

import keras
from keras import ops

from lsn_tf.layers.resample import Resample, from_square, larger, on_square, size_of


class AnySize(keras.Model):
    """Clips an image to a model's HU window, area-averages it to the model's grid, and interpolates phi back.

    The grid is a square, as in training: the longer side of the image becomes `image_size` pixels, and what is left
    beside the shorter one is air. Where a front starts and how wide the coarsest grid is depend on it. Spacing follows,
    so phi remains in mm. An image on the model's grid already passes unchanged. It is clipped first, as in training:
    air beside the body must not darken its border more than the window lets it.

    Args:
        model: a trained model, {image, spacing} -> phi, with a layer "window".
        image_size: pixels of the side of its grid, that it was trained with.

    Call arguments:
        inputs: {"image": (batch, height, width, 1) in HU, "spacing": (batch, 2) = (dy, dx) in mm}; any size. A model
            that starts from a given contour has "phi_0" too, shaped like image, mm.

    Returns:
        phi, (batch, height, width, 1), mm, negative inside.
    """

    def __init__(self, model: keras.Model, image_size: int, **kwargs):
        super().__init__(**kwargs)
        if image_size < 1 or image_size % model.divisor:
            raise ValueError(
                f"image_size must be a positive multiple of {model.divisor} for {model.name}. Received {image_size}."
            )
        self.model = model
        self.image_size = image_size
        self.window = model.get_layer("window").window
        self.area = Resample("area", name="area")
        self.linear = Resample("linear", name="linear")
        for resample in (self.area, self.linear):
            resample.build((None, None, None, 1))
        self.built = True  # as the model is

    def call(self, inputs):
        return self.from_grid(self.model(self.grid_inputs(inputs)), size=size_of(inputs["image"]))

    def grid_inputs(self, inputs):
        """Returns what the model itself is given: image, spacing and, if there is one, phi_0 on its own grid."""
        low, high = self.window
        image = on_square(ops.clip(inputs["image"], low, high), beyond=low)
        scale = ops.cast(larger(*size_of(image)), "float32") / self.image_size
        on_grid = {"image": self._averaged(image), "spacing": inputs["spacing"] * scale}
        return on_grid | ({"phi_0": self.phi_to_grid(inputs["phi_0"])} if "phi_0" in inputs else {})

    def phi_to_grid(self, phi):
        """Returns phi, (batch, height, width, 1), on the model's grid; beside the image it goes on as at its border."""
        return self._averaged(on_square(phi))

    def from_grid(self, phi, size):
        """Returns phi from the model's grid on that of an image of this (height, width)."""
        side = larger(*size)
        return from_square(self.linear(phi, size=(side, side)), size)

    def _averaged(self, square):
        return self.area(square, size=(self.image_size, self.image_size))
