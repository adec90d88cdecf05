"""The signature that all models share: {image, spacing} -> phi; with phi_0 for one that starts from a given contour."""

from collections.abc import Mapping
from typing import Any

import keras


def model_inputs() -> dict[str, keras.KerasTensor]:
    """Returns symbolic inputs: image, (batch, height, width, 1) in HU, and spacing, (batch, 2) = (dy, dx) in mm."""
    return {
        "image": keras.Input((None, None, 1), name="image", dtype="float32"),
        "spacing": keras.Input((2,), name="spacing", dtype="float32"),
    }


class ImageToPhi(keras.Model):
    """A functional model from an image and its spacing to phi, rebuilt from the arguments of its constructor.

    Args:
        inputs: symbolic inputs by name.
        phi: symbolic output, (batch, height, width, 1), mm, negative inside.
        divisor: height and width of an image must be multiples of it.
        config: the arguments of the subclass' constructor.
        name: of the model.

    Attributes:
        given_contour: what its third input "phi_0" is, the config's "initial_contour"; None if it has none.
    """

    def __init__(self, inputs: dict, phi: keras.KerasTensor, divisor: int, config: Mapping[str, Any], name: str):
        super().__init__(inputs, phi, name=name)
        self.divisor = divisor
        self.given_contour = config["initial_contour"] if "phi_0" in inputs else None
        self._config = {**config, "name": name}

    def call(self, inputs, training=None, mask=None):
        height, width = inputs["image"].shape[1:3]
        if any(side is not None and side % self.divisor for side in (height, width)):
            raise ValueError(
                f"height and width must be multiples of {self.divisor} for {self.name}. Received {height} x {width}. "
                "Wrap the model in AnySize for images of any size."
            )
        return super().call(inputs, training=training, mask=mask)

    def get_config(self):
        return dict(self._config)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)
