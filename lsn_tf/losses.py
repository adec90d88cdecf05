"""Losses of a level set function against a mask, with every case of an empty mask decided."""

import keras
from keras import ops

from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM, inside_logit


@keras.saving.register_keras_serializable("lsn_tf")
class LevelSetLoss(keras.losses.Loss):
    """Squared-difference Dice, cross-entropy and more of the occupancy p of a level set function, a weighted sum.

    Dice: sum (y - p)**2 / (sum y**2 + sum p**2), per slice, as published, with one pixel added to the denominator so
    that an empty slice has loss 0 when it is recognised. Cross-entropy: the mean over the pixels; its gradient does not
    vanish far from the contour. Length: that of the contour, sum |grad p|, in sides of the image, as Chan and Vese
    penalise it. Eikonal: the mean of (|grad phi| - 1)**2 across the contour, which keeps phi a distance there.

    Args:
        dice, cross_entropy, length, eikonal: their weights.
        width_mm: width of the occupancy, mm.

    Call arguments:
        y_true: mask, (batch, height, width, 1), in [0, 1]: the share of the pixel that lies inside.
        y_pred: phi, mm, on the grid of the mask or on one that is coarser by a whole factor, over which it is averaged;
            for the eikonal term with |grad phi| as a second channel.

    Returns:
        One value a slice, (batch,), reduced as Keras losses are.

    References: Actor, Fuentes & Riviere (2020), doi:10.1117/12.2548871 (Dice); Chan & Vese (2001),
    doi:10.1109/83.902291 (length); Li, Xu, Gui & Fox (2005), doi:10.1109/CVPR.2005.213 (eikonal).
    """

    def __init__(
        self,
        dice: float = 1.0,
        cross_entropy: float = 0.5,
        length: float = 0.0,
        eikonal: float = 0.0,
        width_mm: float = OCCUPANCY_WIDTH_MM,
        reduction: str = "sum_over_batch_size",
        name: str = "level_set_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.dice, self.cross_entropy, self.length, self.eikonal = dice, cross_entropy, length, eikonal
        self.width_mm = width_mm

    def call(self, y_true, y_pred):
        phi = ops.cast(y_pred[..., :1], "float32")
        logit = inside_logit(phi, self.width_mm)
        mask, occupancy = ops.cast(y_true, "float32"), ops.sigmoid(logit)
        if (factor := mask.shape[1] // occupancy.shape[1]) > 1:
            mask = ops.average_pool(mask, factor, strides=factor)
        difference = _sum((mask - occupancy) ** 2)
        loss = self.dice * difference / (_sum(mask**2) + _sum(occupancy**2) + 1.0)
        loss = loss + self.cross_entropy * _mean(ops.softplus(logit) - logit * mask)
        if self.length:
            loss = loss + self.length * contour_length(occupancy)
        if self.eikonal:
            across = 4.0 * occupancy * (1.0 - occupancy)
            steepness = ops.cast(y_pred[..., 1:], "float32")
            loss = loss + self.eikonal * _sum(across * (steepness - 1.0) ** 2) / (_sum(across) + 1.0)
        return loss

    def get_config(self):
        weights = {name: getattr(self, name) for name in ("dice", "cross_entropy", "length", "eikonal")}
        return {**super().get_config(), **weights, "width_mm": self.width_mm}


def contour_length(occupancy):
    """Returns sum |grad p| over the pixels, by forward differences, in sides of the image; (batch,).

    Args:
        occupancy: (batch, height, width, 1), in [0, 1].
    """
    height, width = occupancy.shape[1:3]
    down = occupancy[:, 1:, :-1] - occupancy[:, :-1, :-1]
    right = occupancy[:, :-1, 1:] - occupancy[:, :-1, :-1]
    return _sum(ops.sqrt(down**2 + right**2 + keras.config.epsilon() ** 2)) / (height * width) ** 0.5


def _sum(x):
    return ops.sum(x, axis=(1, 2, 3))


def _mean(x):
    return ops.mean(x, axis=(1, 2, 3))
