"""The rows of a study: models with options, of which some are the model's and some the training's."""

import dataclasses
import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any

from lsn_tf.artifacts import file_name
from lsn_tf.models import PRESETS, parse_model

# Spaces, semicolons, and those commas after which no NAME= follows, which would be one more option.
_BETWEEN_MODELS = re.compile(r"[\s;]+|,(?!\w+=)")


@dataclasses.dataclass(frozen=True)
class Variant:
    """A model and how it is trained.

    Attributes:
        label: as it was given, e.g. "lsn:width=8,epochs=20".
        model: what `build_model` takes, "lsn:width=8".
        training: options of the training, {"epochs": 20}.
    """

    label: str
    model: str
    training: Mapping[str, Any]

    @property
    def preset(self) -> str:
        return self.label.partition(":")[0]


def parse_variants(text: str, of_training: Collection[str]) -> tuple[Variant, ...]:
    """Returns the variants in "lse,lsn:width=8,steps=4,unet", also separated by spaces or semicolons.

    Args:
        text: models as in `lsn_tf.models.parse_model`.
        of_training: names of options that are not the model's but the training's.

    Raises:
        ValueError: for none, an unknown preset or option, or two that would share a folder.
    """
    variants = tuple(parse_variant(label, of_training) for label in _BETWEEN_MODELS.split(text) if label)
    folders = [file_name(variant.label) for variant in variants]
    if len(set(folders)) != len(folders) or not variants:
        raise ValueError(f"models must be different ones, one at least, as in lse,lsn:width=8,unet. Received {text!r}.")
    return variants


def parse_variant(label: str, of_training: Collection[str]) -> Variant:
    """Returns one variant, see `parse_variants`."""
    preset, options = parse_model(label)
    of_model = [name for name in inspect.signature(PRESETS[preset].func).parameters if name not in ("window", "name")]
    for name in options:
        if name not in of_model and name not in of_training:
            raise ValueError(
                f"options of {preset} must be among {of_model}, or of the training, {sorted(of_training)}. "
                f"Received {name!r} in {label!r}."
            )
    kept = [option for option in label.partition(":")[2].split(",") if option.partition("=")[0] not in of_training]
    training = {name: value for name, value in options.items() if name in of_training}
    return Variant(label, preset + ":" * any(kept) + ",".join(kept), training)
