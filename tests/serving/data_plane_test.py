"""Raw tensors are cut where the request says; what it says wrongly is refused before it is believed."""

import asyncio

import numpy as np
import pytest
from kserve.errors import InvalidInput
from threshold_model import IMAGE, LENGTH, SPACING, raw_request

from lsn_tf.serving.data_plane import FixedModels, TensorPlane
from lsn_tf.serving.tensors import TooLarge

MOST = 10_000  # bytes of JSON
ARRAYS = {"image": IMAGE, "spacing": SPACING}


def decode(body, headers):
    return TensorPlane(None, MOST).decode(body, headers, protocol_version="v2", model_name="threshold")[0]


def test_raw_tensors_share_the_memory_of_the_body():
    body, headers = raw_request(ARRAYS, {})
    request = decode(body, headers)
    whole = np.frombuffer(body, np.uint8)
    for tensor, array in zip(request.inputs, ARRAYS.values(), strict=True):
        np.testing.assert_array_equal(tensor.data, array)
        assert np.shares_memory(tensor.data, whole)


@pytest.mark.parametrize("change", [lambda body: body[:-1], lambda body: body + b"0", lambda body: b" " + body])
def test_a_body_that_is_not_as_long_as_it_says_is_refused(change):
    body, headers = raw_request(ARRAYS, {})
    with pytest.raises(InvalidInput):
        decode(change(body), headers)


@pytest.mark.parametrize("length", ["-1", "", "x", "1e2", "²", "9" * 30, "100000"])
def test_a_length_that_is_none_is_refused(length):
    body, headers = raw_request(ARRAYS, {})
    with pytest.raises(InvalidInput, match=f"{LENGTH}: expected the length"):
        decode(body, headers | {LENGTH: length})


@pytest.mark.parametrize("size", ["-1", "true", '"24"', "1.5", "[]", '24, "data": []'])
def test_a_size_that_is_none_is_refused(size):
    tensor = '{"name": "image", "shape": [24], "datatype": "INT8", "parameters": {"binary_data_size": %s}}'
    tensor = tensor.replace("%s}}", '%s}, "data": []}') % "24" if "data" in size else tensor % size
    body = ('{"inputs": [' + tensor + "]}").encode()
    with pytest.raises(InvalidInput, match="binary_data_size: expected a number of bytes"):
        decode(body + bytes(24), {LENGTH: str(len(body))})


def test_headers_of_cloud_events_mean_nothing():
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "x", "ce-type": "y"}
    assert TensorPlane(None, MOST).decode(b'{"data": 1}', headers) == ({"data": 1}, {})
    assert TensorPlane(None, MOST).encode("threshold", {"a": 1}, headers, {})[0] == b'{"a":1}'


def test_json_is_bounded_and_raw_tensors_after_it_are_not():
    body, headers = raw_request({"image": np.zeros((100, 100)), "spacing": SPACING}, {})
    assert decode(body, headers).inputs[0].data.shape == (100, 100)
    padded = b" " * MOST + body
    with pytest.raises(TooLarge, match=r"at most 10000 bytes of JSON \(--max_json_mib\)"):
        decode(padded, headers | {LENGTH: str(MOST + int(headers[LENGTH]))})


@pytest.mark.parametrize("method", ["load", "unload"])
def test_clients_cannot_change_the_models(method):
    with pytest.raises(InvalidInput, match="is fixed"):
        asyncio.run(getattr(FixedModels(None), method)("threshold"))
