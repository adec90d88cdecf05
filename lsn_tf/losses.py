"""Losses of a level set function against a mask, with every case of an empty mask decided."""

import keras
from keras import ops

from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM, inside_logit

EXPANSION_LOGIT = 4.0  # s/mm: where the front expands at 1 mm/s, the logit that the pixel is target


@keras.saving.register_keras_serializable("lsn_tf")
class LevelSetLoss(keras.losses.Loss):
    """Squared-difference Dice, cross-entropy and more of the occupancy p of a level set function, a weighted sum.

    Dice: sum (y - p)**2 / (sum y**2 + sum p**2), per slice, as published, with one pixel added to the denominator so
    that an empty slice has loss 0 when it is recognised. Cross-entropy: the mean over the pixels; its gradient does not
    vanish far from the contour. Speed: both again, of the sign of V: the front shall expand where the target is and
    retreat elsewhere, as in region competition. What is asked of phi reaches V only on the way to pixels that come out
    wrong, this reaches it everywhere; since V is bounded it never becomes zero. Length: that of the contour,
    sum |grad p|, in sides of the image, as Chan and Vese penalise it. Eikonal: the mean of (|grad phi| - 1)**2 across
    the contour, which keeps phi a distance there.

    Args:
        dice, cross_entropy, speed, length, eikonal: their weights.
        width_mm: width of the occupancy, mm.

    Call arguments:
        y_true: mask, (batch, height, width, 1), in [0, 1]: the share of the pixel that lies inside.
        y_pred: phi, mm, on the grid of the mask or on one that is coarser by a whole factor, over which it is averaged;
            for the speed term with V, mm/s, positive expands, as its second channel; for the eikonal term with
            |grad phi| as its last.

    Returns:
        One value a slice, (batch,), reduced as Keras losses are.

    References: Actor, Fuentes & Riviere (2020), doi:10.1117/12.2548871 (Dice); Zhu & Yuille (1996),
    doi:10.1109/34.537343 (region competition); Chan & Vese (2001), doi:10.1109/83.902291 (length);
    Li, Xu, Gui & Fox (2005), doi:10.1109/CVPR.2005.213 (eikonal).
    """

    def __init__(
        self,
        dice: float = 1.0,
        cross_entropy: float = 0.5,
        speed: float = 0.0,
        length: float = 0.0,
        eikonal: float = 0.0,
        width_mm: float = OCCUPANCY_WIDTH_MM,
        reduction: str = "sum_over_batch_size",
        name: str = "level_set_loss",
        **kwargs,
    ):
        super().__init__(name=name, reduction=reduction, **kwargs)
        self.dice, self.cross_entropy, self.speed = dice, cross_entropy, speed
        self.length, self.eikonal = length, eikonal
        self.width_mm = width_mm

    def call(self, y_true, y_pred):
        mask, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        if (factor := mask.shape[1] // y_pred.shape[1]) > 1:
            mask = ops.average_pool(mask, factor, strides=factor)
        logit = inside_logit(y_pred[..., :1], self.width_mm)
        occupancy = ops.sigmoid(logit)
        loss = self._disagreement(mask, logit)
        if self.speed:
            loss = loss + self.speed * self._disagreement(mask, EXPANSION_LOGIT * y_pred[..., 1:2])
        if self.length:
            loss = loss + self.length * contour_length(occupancy)
        if self.eikonal:
            across = 4.0 * occupancy * (1.0 - occupancy)
            loss = loss + self.eikonal * _sum(across * (y_pred[..., -1:] - 1.0) ** 2) / (_sum(across) + 1.0)
        return loss

    def _disagreement(self, mask, logit):
        """Returns the weighted Dice and cross-entropy of a mask and the logit that a pixel is inside, (batch,)."""
        occupancy = ops.sigmoid(logit)
        dice = _sum((mask - occupancy) ** 2) / (_sum(mask**2) + _sum(occupancy**2) + 1.0)
        return self.dice * dice + self.cross_entropy * _mean(ops.softplus(logit) - logit * mask)

    def get_config(self):
        weights = {name: getattr(self, name) for name in ("dice", "cross_entropy", "speed", "length", "eikonal")}
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
