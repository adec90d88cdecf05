"""What a worker compresses is what a reader gets, and no reader needs our class."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from .compressed_tensor import CompressedTensor, compress


def feature(shape):
    return CompressedTensor(shape=shape, dtype=np.int16, doc="HU")


def array(shape=(4, 5, 1)):
    return np.random.default_rng(0).integers(-1024, 3072, shape, dtype=np.int16)


@pytest.mark.parametrize("shape", [(4, 5, 1), (None, 5, 1), (None, None, 1)])
@pytest.mark.parametrize("given", [compress, np.asarray])
def test_compressed_and_plain_values_are_read_back_equal_by_the_plain_tensor(shape, given):
    plain = tfds.features.FeatureConnector.from_json(feature(shape).to_json())
    assert type(plain) is tfds.features.Tensor
    encoded = feature(shape).encode_example(given(array()))
    if isinstance(encoded, dict):  # a tuple turns into an array on its way through a file
        encoded["shape"] = np.asarray(encoded["shape"])
    np.testing.assert_array_equal(plain.decode_example_np(encoded), array())


def test_views_are_compressed_as_they_are_seen():
    turned = array((6, 4, 1))[::-1].transpose(1, 0, 2)
    decoded = feature((4, 6, 1)).decode_example_np(feature((4, 6, 1)).encode_example(compress(turned)))
    np.testing.assert_array_equal(decoded, turned)


@pytest.mark.parametrize("wrong", [array().astype(np.int32), array((4, 4, 1)), array((4, 5))])
def test_other_types_and_shapes_are_refused(wrong):
    with pytest.raises((ValueError, AssertionError)):
        feature((4, 5, 1)).encode_example(compress(wrong))
