"""The encoder-decoder gives features at every scale, the coarsest first."""

import keras
import pytest

from lsn_tf.layers import EulerBlock
from lsn_tf.models.encoder_decoder import encoder_decoder, euler_step, two_convolutions


@pytest.mark.parametrize("block", [two_convolutions, euler_step])
def test_features_are_on_every_grid_the_coarsest_first(block):
    features = encoder_decoder(keras.Input((16, 24, 1)), (4, 6, 8), block)
    assert [f.shape[1:] for f in features] == [(4, 6, 8), (8, 12, 6), (16, 24, 4)]


def layers_of(**arguments):
    image = keras.Input((8, 8, 1))
    return [
        layer.name for layer in keras.Model(image, encoder_decoder(image, (2, 2, 2), euler_step, **arguments)).layers
    ]


def test_the_deepest_skip_connection_is_optional():
    assert {"skip_0", "skip_1"} <= set(layers_of())
    assert "skip_1" not in layers_of(deepest_skip=False) and "skip_0" in layers_of(deepest_skip=False)


def test_dropout_is_there_only_if_asked_for():
    assert "dropout" in layers_of(dropout=0.5) and "dropout" not in layers_of()


def test_a_convolution_brings_the_channels_to_those_of_the_residual_block():
    x = keras.Input((8, 8, 4))
    lift, euler = keras.Model(x, euler_step(x, 6, "step")).layers[1:]
    assert isinstance(lift, keras.layers.Conv2D) and lift.filters == 6 and isinstance(euler, EulerBlock)
