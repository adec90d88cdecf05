"""A trained model for images of any size: it works on the grid it was trained on and answers on the image's own."""

import keras
from keras import ops

from lsn_tf.layers.resample import Resample


class AnySize(keras.Model):
    """Clips an image to a model's HU window, area-averages it to the model's grid, and interpolates phi back.

    The longer side becomes `image_size` pixels, the other one what keeps the pixels nearly square; spacing follows,
    axis by axis, so phi remains in mm. An image on the model's grid already passes unchanged. It is clipped first, as
    in training: air beside the body must not darken its border more than the window lets it.

    Args:
        model: a trained model, {image, spacing} -> phi, with a layer "window".
        image_size: pixels of the longer side that it was trained with.

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
        self.to_grid = Resample("area", name="to_grid")
        self.from_grid = Resample("linear", name="from_grid")
        self.built = True  # the model is built already, and resampling has no weights

    def call(self, inputs):
        return self.from_grid(self.model(self.grid_inputs(inputs)), size=_size(inputs["image"]))

    def grid_inputs(self, inputs):
        """Returns what the model itself is given: image, spacing and, if there is one, phi_0 on its own grid."""
        image, spacing = inputs["image"], inputs["spacing"]
        size = _size(image)
        grid = self._grid(*size)
        scale = ops.stack([ops.cast(n, "float32") / ops.cast(m, "float32") for n, m in zip(size, grid, strict=True)])
        clipped = {**inputs, "image": ops.clip(image, *self.window)}
        on_grid = {name: self.to_grid(clipped[name], size=grid) for name in ("image", "phi_0") if name in clipped}
        return {**on_grid, "spacing": spacing * scale}

    def _grid(self, height, width):
        """Returns the grid's height and width: multiples of the model's divisor in the image's proportions."""
        divisor, longest = self.model.divisor, _larger(height, width)
        return tuple(
            _larger((self.image_size * n + longest * divisor // 2) // (longest * divisor), 1) * divisor
            for n in (height, width)
        )


def _size(image):
    """Returns height and width: both numbers, or both tensors if one is not known, as layers take them."""
    size = ops.shape(image)[1:3]
    return tuple(map(ops.convert_to_tensor, size)) if any(map(ops.is_tensor, size)) else size


def _larger(one, other):
    """Returns the larger of two sizes: numbers where the shape is known, tensors where it is not."""
    return ops.maximum(one, other) if ops.is_tensor(one) or ops.is_tensor(other) else max(one, other)
