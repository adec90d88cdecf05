"""The three models, LSE, LSN and U-Net, with one signature: {image, spacing} -> phi."""

from collections.abc import Callable
from functools import partial

import keras

from lsn_tf.models.any_size import AnySize
from lsn_tf.models.level_set import LevelSetNetwork
from lsn_tf.models.unet import UNet

PRESETS: dict[str, Callable[..., keras.Model]] = {
    "lse": partial(LevelSetNetwork, name="lse", width=0, balloon=1.0, attraction=1.0),
    "lsn": partial(LevelSetNetwork, name="lsn"),
    # The published network: one grid, a learned edge indicator of 16 kernels, steps that share their weights and
    # dt = 0.05; its defects mended (upwind differences, edges replicated, physical units, signed distance).
    "lsn_2019": partial(
        LevelSetNetwork,
        name="lsn_2019",
        width=0,
        scales=1,
        steps=80,
        time_step=0.05,
        edges="learned",
        balloon=4.0,
        attraction=1.0,
    ),
    "unet": partial(UNet, name="unet"),
    # The published U-Net: 14,608 kernels of 3x3 in 18 convolutions. The deepest decoder stage takes no skip
    # connection: of the arrangements with these filters it is the one with that number of kernels.
    "unet_2019": partial(UNet, name="unet_2019", filters=(16, 16, 16, 32, 64), dropout=0.5, deepest_skip=False),
}


def build_model(preset: str, window: tuple[float, float]) -> keras.Model:
    """Returns an untrained model.

    Args:
        preset: one of `PRESETS`.
        window: (low, high) of the HU window, the model's first layer.

    Raises:
        ValueError: for another preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"model must be one of {sorted(PRESETS)}. Received {preset!r}.")
    return PRESETS[preset](window)


__all__ = ["PRESETS", "AnySize", "LevelSetNetwork", "UNet", "build_model"]
