"""The models, LSE, LSN and U-Net, with one signature: {image, spacing[, phi_0]} -> phi."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from lsn_tf.models.any_size import AnySize
from lsn_tf.models.level_set import LevelSetNetwork
from lsn_tf.models.unet import UNet

PRESETS: dict[str, Callable[..., keras.Model]] = {
    "lse": partial(LevelSetNetwork, name="lse", width=0, balloon=1.0, attraction=1.0),
    "lsn": partial(LevelSetNetwork, name="lsn", steps=12, further_steps=36, curvature="diffusion", edges="none"),
    # Improves a contour that is near already: it moves the front on the two finest grids alone, by 15 pixels.
    "lsn_refiner": partial(
        LevelSetNetwork,
        name="lsn_refiner",
        steps=12,
        curvature="diffusion",
        edges="none",
        initial_contour="given",
        depth=5,
        scales=2,
    ),
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


def parse_model(text: str) -> tuple[str, dict[str, Any]]:
    """Returns the preset and the options of "PRESET" or "PRESET:NAME=VALUE,NAME=VALUE".

    A value is a number, True or False, numbers joined by "-" (a tuple), or else a word.

    Raises:
        ValueError: for another preset, or an option without a value.
    """
    preset, _, rest = text.partition(":")
    if preset not in PRESETS:
        raise ValueError(f"model must be one of {sorted(PRESETS)}, with options as in lsn:width=8. Received {text!r}.")
    options = {}
    for option in rest.split(",") if rest else ():
        name, equals, value = option.partition("=")
        if not (name and equals and value):
            raise ValueError(f"options of a model must be NAME=VALUE, as in lsn:width=8,steps=4. Received {text!r}.")
        options[name] = _parsed(value)
    return preset, options


def _parsed(value: str) -> Any:
    for parse in (int, float, {"True": True, "False": False}.__getitem__, _numbers):
        try:
            return parse(value)
        except (ValueError, KeyError):
            continue
    return value


def _numbers(value: str) -> tuple[int, ...]:
    return tuple(int(part) for part in value.split("-"))


def build_model(text: str, window: tuple[float, float]) -> keras.Model:
    """Returns an untrained model.

    Args:
        text: a preset of `PRESETS`, with options of its constructor if wanted, e.g. "lsn:width=8", see `parse_model`.
        window: (low, high) of the HU window, the model's first layer.

    Raises:
        ValueError: for another preset, or an option that the model does not have.
    """
    preset, options = parse_model(text)
    model = PRESETS[preset]
    known = [name for name in inspect.signature(model.func).parameters if name not in ("window", "name")]
    for name in options:
        if name not in known:
            raise ValueError(f"options of {preset} must be among {known}. Received {name!r} in {text!r}.")
    return model(window, **options)


__all__ = ["PRESETS", "AnySize", "LevelSetNetwork", "UNet", "build_model", "parse_model"]
