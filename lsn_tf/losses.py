"""Losses of a level set function against a mask, with every case of an empty mask decided."""

import keras
from keras import ops

from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM, inside_logit


@keras.saving.register_keras_serializable("lsn_tf")
class LevelSetLoss(keras.losses.Loss):
    """Squared-difference Dice plus cross-entropy of the occupancy p of a level set function.

    sum (y - p)**2 / (sum y**2 + sum p**2), per slice, as published, with one pixel added to the denominator so that
    an empty slice has loss 0 when it is recognised; plus `cross_entropy` times the mean binary cross-entropy, whose
    gradient does not vanish far from the contour.

    Args:
        cross_entropy: weight of the cross-entropy.
        width_mm: width of the occupancy, mm.

    Call arguments:
        y_true: mask, (batch, height, width, 1), in [0, 1]: the share of the pixel that lies inside.
        y_pred: phi, mm, on the grid of the mask or on one that is coarser by a whole factor, over which it is averaged.

    Returns:
        One value a slice, (batch,), reduced as Keras losses are.

    Reference: Actor, Fuentes & Riviere (2020), doi:10.1117/12.2548871 (the Dice term).
    """

    def __init__(
        self,
        cross_entropy: float = 0.5,
        width_mm: float = OCCUPANCY_WIDTH_MM,
        reduction: str = "sum_over_batch_size",
        name: str = "level_set_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.cross_entropy, self.width_mm = cross_entropy, width_mm

    def call(self, y_true, y_pred):
        logit = inside_logit(ops.cast(y_pred, "float32"), self.width_mm)
        mask, occupancy = ops.cast(y_true, "float32"), ops.sigmoid(logit)
        if (factor := mask.shape[1] // occupancy.shape[1]) > 1:
            mask = ops.average_pool(mask, factor, strides=factor)
        axes = (1, 2, 3)
        difference = ops.sum((mask - occupancy) ** 2, axis=axes)
        dice_term = difference / (ops.sum(mask**2, axis=axes) + ops.sum(occupancy**2, axis=axes) + 1.0)
        entropy = ops.mean(ops.softplus(logit) - logit * mask, axis=axes)
        return dice_term + self.cross_entropy * entropy

    def get_config(self):
        return {**super().get_config(), "cross_entropy": self.cross_entropy, "width_mm": self.width_mm}
