"""The encoder-decoder that the U-Net and the level set network share: features of an image at every scale."""

from collections.abc import Callable, Sequence

from keras import layers

from lsn_tf.layers import EulerBlock, FiniteDifferenceConv

Block = Callable[[object, int, str], object]


def convolution(x, filters: int, name: str):
    """A 3x3 convolution with ReLU, whose initial weights keep the variance of what passes (He et al. 2015)."""
    return layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal", name=name)(x)


def two_convolutions(x, filters: int, name: str):
    """Two 3x3 convolutions with ReLU, the block of the U-Net."""
    for n in (1, 2):
        x = convolution(x, filters, f"{name}_conv_{n}")
    return x


def finite_difference_step(x, filters: int, name: str):
    """An Euler step whose kernels are finite differences, or combinations of them, one and all."""
    x = FiniteDifferenceConv(filters, activation="relu", name=f"{name}_conv")(x)
    rate = FiniteDifferenceConv(filters, activation="relu", name=f"{name}_rate")(x)
    return layers.Add(name=f"{name}_euler")([x, layers.Rescaling(0.5, name=f"{name}_time_step")(rate)])


def euler_step(x, filters: int, name: str):
    """A 3x3 convolution with ReLU, which brings the channels to `filters`, and a residual Euler block."""
    x = convolution(x, filters, f"{name}_conv")
    return EulerBlock(name=f"{name}_euler")(x)


BLOCKS: dict[str, Block] = {
    "convolutions": two_convolutions,
    "euler": euler_step,
    "finite_differences": finite_difference_step,
}


def get_block(name: str) -> Block:
    """Returns the block of this name. Raises ValueError, with the names there are, for another."""
    if name not in BLOCKS:
        raise ValueError(f"block must be one of {sorted(BLOCKS)}. Received {name!r}.")
    return BLOCKS[name]


def encoder_decoder(image, filters: Sequence[int], block: Block, dropout: float = 0.0, deepest_skip: bool = True):
    """Returns the features at every scale, coarsest first, the last on the grid of the image.

    Max pooling on the way down, nearest-neighbour upsampling and concatenation with the encoder on the way up.

    Args:
        image: (batch, height, width, channel), height and width multiples of 2**(len(filters) - 1).
        filters: channels at each scale, finest first.
        block: what is applied at each scale.
        dropout: share of channels dropped (whole channels) at the bottom.
        deepest_skip: whether the deepest decoder stage sees the encoder too.
    """
    skips, x = [], image
    for level, width in enumerate(filters[:-1]):
        x = block(x, width, f"encoder_{level}")
        skips.append(x)
        x = layers.MaxPooling2D(name=f"pool_{level}")(x)
    x = block(x, filters[-1], "bottom")
    if dropout:
        x = layers.SpatialDropout2D(dropout, name="dropout")(x)
    features = [x]
    for level, width in reversed(list(enumerate(filters[:-1]))):
        x = layers.UpSampling2D(interpolation="nearest", name=f"upsample_{level}")(x)
        if deepest_skip or level < len(filters) - 2:
            x = layers.Concatenate(name=f"skip_{level}")([x, skips[level]])
        x = block(x, width, f"decoder_{level}")
        features.append(x)
    return features
