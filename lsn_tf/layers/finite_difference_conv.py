"""A convolution that can be nothing but a differential operator of second order."""

import keras
import numpy as np
from keras import ops

from lsn_tf.numerics.stencils import gradient_names, mixed_names, second_names, stencil_kernel

DIFFERENCES = (*gradient_names(2), *second_names(2), *mixed_names(2))


@keras.saving.register_keras_serializable("lsn_tf")
class FiniteDifferenceConv(keras.layers.Layer):
    """A 3x3 convolution whose every kernel is a combination of u, u_x, u_y, u_xx, u_yy and u_xy, differenced centrally.

    So it has two thirds of the weights of `keras.layers.Conv2D`, and its kernels span six of their nine dimensions.

    Args:
        filters: channels of the output.
        activation: as of Keras.

    Call arguments:
        x: (batch, height, width, channel).

    Returns:
        (batch, height, width, filters).
    """

    def __init__(self, filters: int, activation: str | None = None, **kwargs):
        super().__init__(**kwargs)
        if filters < 1:
            raise ValueError(f"filters must be at least 1. Received filters={filters}.")
        self.filters, self.activation = filters, keras.activations.get(activation)

    def build(self, input_shape):
        identity = np.zeros((3, 3, 1), np.float32)
        identity[1, 1] = 1.0
        stencils = np.concatenate([identity, stencil_kernel(DIFFERENCES)[:, :, 0]], axis=-1)
        self.stencils = stencils / np.linalg.norm(stencils, axis=(0, 1))  # so that no derivative drowns the others
        shape = (stencils.shape[-1], input_shape[-1], self.filters)
        self.coefficients = self.add_weight(name="coefficients", shape=shape, initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    @property
    def kernel(self):
        """The convolution kernel, (3, 3, channel, filters)."""
        stencils = ops.convert_to_tensor(self.stencils, self.variable_dtype)
        return ops.einsum("hwk,kio->hwio", stencils, self.coefficients)

    def call(self, x):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return self.activation(ops.conv(x, kernel, padding="same") + ops.cast(self.bias, self.compute_dtype))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "filters": self.filters, "activation": activation}
