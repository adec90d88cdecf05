"""What makes an LSE a level set network: a learned correction of the equation's coefficients."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("lsn_tf")
class SpeedCorrection(keras.layers.Layer):
    """Corrects the fields of the classical equation by learned ones, bounded, and zero at initialisation.

    V <- V + tanh(v) in mm/s, epsilon <- epsilon 2 sigmoid(e), and a <- a + tanh(w) if there is transport,
    where v, e and w come from a convolution of the features whose kernel starts at zero. So the untrained network
    *is* the classical solver, and the corrected weight of curvature never becomes negative.

    Args:
        steps: for how many steps separate fields are wanted; 1 if all steps share them.
        transport: whether the velocity a is corrected too.

    Call arguments:
        fields: the classical fields, a dict of "speed" and, where there are such terms, "velocity" and
            "curvature_weight", see `LevelSetStep`.
        features: (batch, height, width, channel).

    Returns:
        The corrected fields, `steps` times as many channels each.
    """

    def __init__(self, steps: int = 1, transport: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.steps, self.transport = steps, transport

    def build(self, fields_shape, features_shape):
        maps = self.steps * (1 + ("curvature_weight" in fields_shape) + 2 * self.transport)
        # Of the global precision, like the network before it; the fields keep the precision of this layer.
        self.head = keras.layers.Conv2D(maps, 3, padding="same", kernel_initializer="zeros", name="head")
        self.head.build(features_shape)
        self.built = True

    def call(self, fields, features):
        maps = ops.cast(self.head(features), self.compute_dtype)
        n = self.steps
        corrected = {name: ops.tile(field, (1, 1, 1, n)) for name, field in fields.items()}
        corrected["speed"] = corrected["speed"] + ops.tanh(maps[..., :n])
        if "curvature_weight" in fields:
            corrected["curvature_weight"] = corrected["curvature_weight"] * (2 * ops.sigmoid(maps[..., n : 2 * n]))
        if self.transport:
            corrected["velocity"] = corrected.get("velocity", 0.0) + ops.tanh(maps[..., -2 * n :])
        return corrected

    def get_config(self):
        return {**super().get_config(), "steps": self.steps, "transport": self.transport}
