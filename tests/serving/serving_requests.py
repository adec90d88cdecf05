"""Requests to the model of the tests, in the form that carries raw tensors, and what comes back."""

import json

import numpy as np
from kserve.utils.numpy_codec import from_np_dtype, to_np_dtype

V1, V2 = "/v1/models/threshold:predict", "/v2/models/threshold/infer"
IMAGE = np.random.default_rng(0).integers(0, 128, (2, 3, 4, 1)).astype(np.int16)
SPACING = np.float32([[0.7, 0.9], [0.7, 0.9]])
LENGTH = "inference-header-content-length"


def raw_request(arrays, parameters, outputs=()):
    """Returns body and headers of a request with raw tensors."""
    inputs = [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": from_np_dtype(array.dtype),
            "parameters": {"binary_data_size": array.nbytes},
        }
        for name, array in arrays.items()
    ]
    request = {"inputs": inputs, "parameters": parameters} | ({"outputs": list(outputs)} if outputs else {})
    head = json.dumps(request).encode()
    headers = {LENGTH: str(len(head)), "content-type": "application/octet-stream"}
    return head + b"".join(array.tobytes() for array in arrays.values()), headers


def read_raw(answer):
    """Returns {output: array} of an answer with raw tensors."""
    length = int(answer.headers[LENGTH])
    outputs, start = {}, length
    for output in json.loads(answer.content[:length])["outputs"]:
        dtype = to_np_dtype(output["datatype"])
        if "data" in output:
            array = np.array(output["data"], dtype)
        else:
            end = start + output["parameters"]["binary_data_size"]
            array, start = np.frombuffer(answer.content[start:end], dtype), end
        outputs[output["name"]] = array.reshape(output["shape"])
    assert start == len(answer.content)
    return outputs
