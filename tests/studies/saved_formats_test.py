"""A layer is taken apart into the kernels that it was made of, and every format is written and described."""

import numpy as np
import pytest

from lsn_tf.analysis.kernels import read_layers
from lsn_tf.studies.saved_formats import DESCRIPTIONS, FORMATS, as_layer, save_chain


def test_every_format_is_described():
    assert list(DESCRIPTIONS) == list(FORMATS)


@pytest.mark.parametrize("shape", [(3, 3), (5, 5), (3, 3, 3)], ids=str)
def test_a_layer_is_taken_apart_into_the_kernels_that_it_was_made_of(shape, rng, tmp_path):
    kernels = rng.normal(size=(16, *shape)).astype(np.float32)
    np.savez(tmp_path / "layer.npz", layer=as_layer(kernels))
    (layer,) = read_layers(tmp_path / "layer.npz")
    np.testing.assert_array_equal(layer.kernels().values, kernels)


def test_other_numbers_of_kernels_than_squares_are_an_error():
    with pytest.raises(ValueError, match="square number.*Received 15"):
        as_layer(np.zeros((15, 3, 3)))


def test_convolutions_in_space_come_back_from_every_format_bit_for_bit(rng, tmp_path):
    kernels = {name: rng.normal(size=(3, 3, 3, 2, 2)).astype(np.float32) for name in ("first", "second")}
    files = save_chain(kernels, tmp_path)
    assert list(files) == list(FORMATS)
    for form, path in files.items():
        layers = {layer.name: layer.kernel for layer in read_layers(path)}
        assert list(layers) == list(kernels), form
        for name, kernel in kernels.items():
            assert layers[name].tobytes() == kernel.tobytes(), form
