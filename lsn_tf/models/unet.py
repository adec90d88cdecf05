"""The U-Net, with the signature of a level set model: its output is phi, not a probability."""

from collections.abc import Sequence

import keras
from keras import layers

from lsn_tf.layers import HounsfieldWindow
from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.models.encoder_decoder import encoder_decoder, two_convolutions
from lsn_tf.models.image_to_phi import ImageToPhi, model_inputs
from lsn_tf.numerics.level_sets import INSIDE


@keras.saving.register_keras_serializable("lsn_tf")
class UNet(ImageToPhi):
    """A 2-D U-Net whose logit is read as a level set function, phi = -width * logit.

    Args:
        window: (low, high) of the HU window, its first layer.
        filters: channels at each scale, finest first.
        dropout: share of channels dropped at the bottom during training.
        deepest_skip: whether the deepest decoder stage is joined to the encoder.

    Call arguments:
        inputs: {"image": (batch, height, width, 1) in HU, "spacing": (batch, 2) = (dy, dx) in mm}; height and width
            are multiples of 2**(len(filters) - 1). A U-Net does not use the spacing.

    Returns:
        phi, (batch, height, width, 1), mm-like, negative inside; the occupancy of phi is the sigmoid of the logit.

    Reference: Ronneberger, Fischer & Brox (2015), doi:10.1007/978-3-319-24574-4_28.
    """

    def __init__(
        self,
        window: tuple[float, float],
        filters: Sequence[int] = (16, 16, 16, 16, 16),
        dropout: float = 0.0,
        deepest_skip: bool = True,
        name: str = "unet",
    ):
        inputs = model_inputs()
        image = HounsfieldWindow(window, name="window")(inputs["image"])
        features = encoder_decoder(image, filters, two_convolutions, dropout, deepest_skip)[-1]
        logit = layers.Conv2D(1, 1, dtype="float32", name="logit")(features)
        phi = layers.Rescaling(INSIDE * OCCUPANCY_WIDTH_MM, dtype="float32", name="phi")(logit)
        config = {"window": tuple(window), "filters": tuple(filters), "dropout": dropout, "deepest_skip": deepest_skip}
        super().__init__(inputs, phi, divisor=2 ** (len(filters) - 1), config=config, name=name)
