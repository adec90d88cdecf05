"""Changes of grid inside a model: area averages of images, linear interpolation of level set functions."""

import keras
from keras import ops

from lsn_tf.layers.boundary import along, image_axes, pad


def area_weights(length, new_length):
    """Returns W, (new_length, length): each new pixel is the mean of the old ones over the area that it covers."""
    old, new, scale = _grids(length, new_length)
    overlap = ops.minimum(new + scale, old + 1.0) - ops.maximum(new, old)
    return ops.relu(overlap) / scale


def linear_weights(length, new_length):
    """Returns W, (new_length, length): linear interpolation between pixel centres, constant beyond the outermost."""
    old, new, scale = _grids(length, new_length)
    position = ops.clip(new + 0.5 * scale - 0.5, 0.0, ops.cast(length, "float32") - 1.0)
    return ops.relu(1.0 - ops.abs(position - old))


def _grids(length, new_length):
    """Returns the left borders of the old pixels, (1, length), of the new ones, (new_length, 1), and the scale."""
    scale = ops.cast(length, "float32") / ops.cast(new_length, "float32")
    return ops.arange(length, dtype="float32")[None, :], ops.arange(new_length, dtype="float32")[:, None] * scale, scale


def on_square(x, beyond=None):
    """Returns x, (batch, height, width, channel), amidst a square: beside it its outermost pixels, or a number."""
    size = size_of(x)
    side = larger(*size)
    for axis, length in zip((1, 2), size, strict=True):
        place = ops.arange(side) - (side - length) // 2
        x = ops.take(x, ops.clip(place, 0, length - 1), axis)
        if beyond is not None:
            within = (place >= 0) & (place < length)
            x = ops.where(ops.expand_dims(within, [n for n in range(4) if n != axis]), x, beyond)
    return x


def from_square(square, size):
    """Returns the (height, width) in the middle of a square: what `on_square` has put there."""
    side = larger(*size)
    for axis, length in zip((1, 2), size, strict=True):
        square = ops.take(square, ops.arange(length) + (side - length) // 2, axis)
    return square


def size_of(image):
    """Returns height and width: both numbers, or both tensors if one is not known, as layers take them."""
    size = ops.shape(image)[1:3]
    return tuple(map(ops.convert_to_tensor, size)) if any(map(ops.is_tensor, size)) else size


def larger(one, other):
    """Returns the larger of two sizes: numbers where the shape is known, tensors where it is not."""
    return ops.maximum(one, other) if ops.is_tensor(one) or ops.is_tensor(other) else max(one, other)


@keras.saving.register_keras_serializable("lsn_tf")
class Resample(keras.layers.Layer):
    """Resamples a tensor to another height and width, axis by axis.

    Both ways are averages with weights that are not negative and add up to one: bounds are kept, and the order of
    two level set functions too.

    Args:
        method: "area" for images (no aliasing when the grid becomes coarser) or "linear" for level set functions.

    Call arguments:
        x: (batch, height, width, channel).
        size: the new (height, width).

    Returns:
        (batch, new height, new width, channel), float32.
    """

    def __init__(self, method: str, **kwargs):
        super().__init__(**kwargs)
        if method not in ("area", "linear"):
            raise ValueError(f'method must be "area" or "linear". Received {method!r}.')
        self.method = method

    def call(self, x, size):
        weights = area_weights if self.method == "area" else linear_weights
        height, width = ops.shape(x)[1], ops.shape(x)[2]
        x = ops.einsum("ih,bhwc->biwc", weights(height, size[0]), x)
        return ops.einsum("jw,biwc->bijc", weights(width, size[1]), x)

    def get_config(self):
        return {**super().get_config(), "method": self.method}


@keras.saving.register_keras_serializable("lsn_tf")
class Refine(keras.layers.Layer):
    """phi on a grid twice as fine, by linear interpolation between pixel centres; edges replicated.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.

    Returns:
        (batch, [2 depth,] 2 height, 2 width, 1), mm.
    """

    def call(self, phi):
        for axis in image_axes(phi):
            phi = _doubled(phi, axis)
        return phi


def _doubled(x, axis):
    """Puts two values in the place of each: three quarters of its own and one quarter of the nearer neighbour's."""
    padded, shape = pad(x, axes=[axis]), list(ops.shape(x))
    before, after = along(padded, axis, 0, -2), along(padded, axis, 2, None)
    pair = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    shape[axis] = 2 * shape[axis]
    return ops.reshape(pair, shape)
