"""Requests with which TensorFlow Serving tries a model before it answers users, so that the first one need not wait."""

import importlib.util
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from lsn_tf.numerics.level_sets import ball, inside

PLACE = "assets.extra/tf_serving_warmup_requests"
AIR_HU = -1000
SIDE = 64  # pixels


def can_write_warm_up() -> bool:
    """Whether the protocol of TensorFlow Serving is installed: pip install 'lsn_tf[serving]'."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def write_warm_up(folder: pathlib.Path, name: str, specs: Mapping[str, Mapping[str, tf.TensorSpec]]) -> None:
    """Writes one request for each signature.

    Args:
        folder: of a SavedModel.
        name: of the model.
        specs: {signature: {input: its shape and type}}.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    (folder / PLACE).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / PLACE)) as writer:
        for signature, inputs in specs.items():
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name, request.model_spec.signature_name = name, signature
            for key, spec in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(_example(key, spec)))
            writer.write(log.SerializeToString())


def _example(key: str, spec: tf.TensorSpec) -> np.ndarray:
    """Returns a slice of air, pixels of 1 mm, a disc as contour, and the beginning."""
    dtype = spec.dtype.as_numpy_dtype
    if key in ("spacing", "times"):
        return np.full([n or 1 for n in spec.shape], key == "spacing", dtype)
    shape = {2: (SIDE, SIDE), 3: (1, SIDE, SIDE), 4: (1, SIDE, SIDE, 1)}[len(spec.shape)]
    if key == "image":
        return np.full(shape, max(AIR_HU, spec.dtype.min), dtype)
    disc = ball((SIDE, SIDE), (1, 1), (SIDE / 2, SIDE / 2), SIDE / 4)
    return np.reshape(inside(disc) if key == "mask" else disc, shape).astype(dtype)
