"""A SavedModel whose answers are known, requests to it, and what comes back.

phi = HU - 100, probability = phi < 0; two more signatures are without a batch.
"""

import json
import pathlib

import numpy as np
import tensorflow as tf
from kserve.utils.numpy_codec import from_np_dtype, to_np_dtype

from lsn_tf.exported.manifest import write_manifest

V1, V2 = "/v1/models/threshold:predict", "/v2/models/threshold/infer"
IMAGE = np.random.default_rng(0).integers(0, 128, (2, 3, 4, 1)).astype(np.int16)
SPACING = np.float32([[0.7, 0.9], [0.7, 0.9]])
LENGTH = "inference-header-content-length"


class Threshold(tf.Module):
    """Segments what is darker than 100 HU."""

    def __init__(self):
        super().__init__()
        self.threshold = tf.Variable(100.0)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, 1), tf.float32, "image"),
            tf.TensorSpec((None, 2), tf.float32, "spacing"),
        ]
    )
    def segment(self, image, spacing):
        phi = image - self.threshold + 0 * spacing[:, None, None, :1]
        return {"phi": phi, "probability": tf.cast(phi < 0, tf.float32), "mask": tf.cast(phi < 0, tf.uint8)}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None), tf.int16, "volume"),
            tf.TensorSpec((3,), tf.float32, "spacing"),
            tf.TensorSpec((None,), tf.float32, "times"),
        ]
    )
    def evolve(self, volume, spacing, times):
        tf.debugging.assert_less(times, 1e3, "times must be below 1000")
        return {"phi": tf.cast(volume, tf.float32)[None] * times[:, None, None, None] / tf.reduce_prod(spacing)}

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32, "steps")])
    def count(self, steps):
        """Takes as long as it is told."""
        counted = 0
        while counted < steps:
            counted += 1
        return {"steps": counted}

    def save(self, folder: pathlib.Path) -> None:
        """Writes it, as version 3."""
        signatures = {"serving_default": self.segment, "evolve": self.evolve, "count": self.count}
        tf.saved_model.save(self, str(folder / "3"), signatures)
        write_manifest(folder / "3")


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
    return outputs | ({} if start == len(answer.content) else {"bytes that belong to no output": start})
