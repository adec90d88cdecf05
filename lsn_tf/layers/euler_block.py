"""A residual block read as a step of forward Euler."""

import keras


@keras.saving.register_keras_serializable("lsn_tf")
class EulerBlock(keras.layers.Layer):
    """x <- x + dt relu(K x + b): one forward Euler step of dx/dt = relu(K x + b), with 3x3 kernels K.

    Args:
        time_step: dt.

    Call arguments:
        x: (batch, height, width, channel).

    Returns:
        Shaped like x.

    Reference: Haber & Ruthotto (2017), doi:10.1088/1361-6420/aa9a90.
    """

    def __init__(self, time_step: float = 0.5, **kwargs):
        super().__init__(**kwargs)
        self.time_step = time_step

    def build(self, input_shape):
        self.rate = keras.layers.Conv2D(
            input_shape[-1], 3, padding="same", activation="relu", dtype=self.dtype_policy, name="rate"
        )
        self.rate.build(input_shape)
        self.built = True

    def call(self, x):
        return x + self.time_step * self.rate(x)

    def get_config(self):
        return {**super().get_config(), "time_step": self.time_step}
