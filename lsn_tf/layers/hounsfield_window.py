"""The model's first layer: from Hounsfield units of any type to a window in [-1, 1]."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("lsn_tf")
class HounsfieldWindow(keras.layers.Layer):
    """Clips CT intensities to a window and scales it to [-1, 1].

    Args:
        window: (low, high), HU.

    Call arguments:
        image: (batch, height, width, 1), HU.

    Returns:
        (batch, height, width, 1), in [-1, 1].

    Raises:
        ValueError: if low is not below high.
    """

    def __init__(self, window: tuple[float, float], **kwargs):
        super().__init__(**kwargs)
        low, high = window
        if not low < high:
            raise ValueError(f"window must be (low, high) in HU with low < high. Received {tuple(window)}.")
        self.window = (float(low), float(high))

    def call(self, image):
        low, high = self.window
        image = ops.cast(image, self.compute_dtype)
        return (ops.clip(image, low, high) - low) * (2.0 / (high - low)) - 1.0

    def get_config(self):
        return {**super().get_config(), "window": self.window}
