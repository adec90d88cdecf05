"""The U-Net of `lsn_tf.models` in PyTorch, and its training step: for comparison only, where PyTorch is installed."""

from collections.abc import Callable

import keras
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.numerics.level_sets import INSIDE


class TorchUNet(nn.Module):
    """The same layers with the same weights as a U-Net of ours.

    Args:
        model: a `lsn_tf.models.UNet` without dropout, from which the weights are copied.

    Call arguments:
        image: (batch, 1, height, width), HU.

    Returns:
        phi, (batch, 1, height, width), mm-like, negative inside, float32.

    Raises:
        ValueError: if the model has other layers than this class.
    """

    def __init__(self, model: keras.Model):
        super().__init__()
        config = model.get_config()
        if config["dropout"] or not config["deepest_skip"]:
            raise ValueError(
                f"model must be a U-Net without dropout and with every skip connection. Received {config}."
            )
        self.low, self.high = config["window"]
        self.depth = len(config["filters"])
        kept = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        self.convolutions = nn.ModuleDict({layer.name: _convolution(layer) for layer in kept})
        count = sum(parameter.numel() for parameter in self.parameters())
        if count != model.count_params():
            raise ValueError(
                f"model must have {count} parameters, as this network has. Received {model.count_params()}."
            )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        skips, x = [], (image.clamp(self.low, self.high) - self.low) * (2.0 / (self.high - self.low)) - 1.0
        for level in range(self.depth - 1):
            x = self._block(x, f"encoder_{level}")
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = self._block(x, "bottom")
        for level in reversed(range(self.depth - 1)):
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = self._block(torch.cat([x, skips[level]], dim=1), f"decoder_{level}")
        with torch.autocast(x.device.type, enabled=False):
            return INSIDE * OCCUPANCY_WIDTH_MM * self.convolutions["logit"](x.float())

    def _block(self, x: torch.Tensor, name: str) -> torch.Tensor:
        for n in (1, 2):
            x = functional.relu(self.convolutions[f"{name}_conv_{n}"](x))
        return x


def _convolution(layer: keras.layers.Conv2D) -> nn.Conv2d:
    kernel, bias = (torch.from_numpy(np.array(weight, np.float32)) for weight in layer.get_weights())
    height, width, channels, filters = kernel.shape
    convolution = nn.Conv2d(channels, filters, (height, width), padding="same")
    with torch.no_grad():
        convolution.weight.copy_(kernel.permute(3, 2, 0, 1))
        convolution.bias.copy_(bias)
    return convolution


def loss_of(phi: torch.Tensor, mask: torch.Tensor, dice: float = 1.0, cross_entropy: float = 0.5) -> torch.Tensor:
    """Returns the mean over a batch of what `LevelSetLoss` asks of phi with these weights.

    Args:
        phi: (batch, 1, height, width), mm.
        mask: shaped like phi, in [0, 1].
        dice, cross_entropy: weights.
    """
    logit = phi * (INSIDE / OCCUPANCY_WIDTH_MM)
    occupancy, inner = torch.sigmoid(logit), (1, 2, 3)
    overlap = (mask**2).sum(inner) + (occupancy**2).sum(inner) + 1.0
    squared_dice = ((mask - occupancy) ** 2).sum(inner) / overlap
    entropy = (functional.softplus(logit) - logit * mask).mean(inner)
    return (dice * squared_dice + cross_entropy * entropy).mean()


def torch_steps(
    model: keras.Model,
    image: np.ndarray,
    mask: np.ndarray,
    precision: str = "float32",
    mode: str | None = None,
    learning_rate: float = 1e-3,
) -> Callable[[int], float]:
    """Returns a function that makes so many steps of Adam on one batch and returns the loss before the last.

    Channels come last in memory, the optimiser is fused, and cuDNN tries its algorithms. On a GPU it rounds what it
    multiplies to TensorFloat-32 by default, as JAX and TensorFlow do.

    Args:
        model: whose layers and weights it starts with, see `TorchUNet`.
        image: (batch, height, width, 1), HU.
        mask: (batch, height, width, 1), in [0, 1].
        precision: "float32", or "bfloat16" for automatic mixed precision.
        mode: of `torch.compile`; None for PyTorch without it.
        learning_rate: of Adam.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    network = TorchUNet(model).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, eps=1e-7, weight_decay=0.0, fused=True)
    image, mask = (torch.from_numpy(np.moveaxis(a, -1, 1).astype(np.float32)).to(device) for a in (image, mask))
    image = image.contiguous(memory_format=torch.channels_last)

    def compared(image, mask):
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            phi = network(image)
        return loss_of(phi, mask)

    forward = torch.compile(compared, mode=mode) if mode else compared

    def make(count: int) -> float:
        for _ in range(count):
            optimizer.zero_grad()
            loss = forward(image, mask)
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return loss.item()

    return make
