"""A trained model as one ONNX file, window and evolution inside, for runtimes without TensorFlow."""

import json
import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lsn_tf.models import AnySize

OPSET = 18
CARD = "lsn_tf.card"  # key of the metadata
AXES = ("batch", "height", "width")  # of any size
INSTALL = "pip install 'lsn_tf[onnx]'"


def write_onnx(model: AnySize, path: pathlib.Path, card: Mapping[str, Any]) -> None:
    """Writes image, spacing[, phi_0] -> phi, probability, mask, as of the SavedModel's serving_default.

    Args:
        model: a trained model; it is changed, see `as_graph_loops`.
        path: of the file.
        card: what a user must know of the model, kept as JSON in the file's metadata.

    Raises:
        ImportError: if tf2onnx is not installed.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise ImportError(f"expected tf2onnx, to write ONNX. Received: {error}. Install it: {INSTALL}") from error
    from lsn_tf.exported.signatures import as_graph_loops, segmentation

    as_graph_loops(model.model)
    signature = segmentation(model)
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    graph, _ = tf2onnx.convert.from_function(signature.function, signature.specs, opset=OPSET)
    for tensor in (*graph.graph.input, *graph.graph.output):
        for name, size in zip(AXES, tensor.type.tensor_type.shape.dim, strict=False):
            if not size.HasField("dim_value"):
                size.dim_param = name
    graph.metadata_props.add(key=CARD, value=json.dumps(card))
    path.write_bytes(graph.SerializeToString())


def open_onnx(path: pathlib.Path) -> tuple[Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]], dict[str, Any]]:
    """Returns a model {input: array} -> {output: array} run by ONNX Runtime, with its inputs as `inputs`, and its card.

    Raises:
        ImportError: if ONNX Runtime is not installed.
        ValueError: if the file holds no model that `write_onnx` has written.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"expected onnxruntime, to run {path}. Received: {error}. Install it: {INSTALL}") from error
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        card = json.loads(session.get_modelmeta().custom_metadata_map[CARD])
    except Exception as error:  # ONNX Runtime has a class of its own for each kind of damage
        raise ValueError(
            f"{path}: expected an ONNX model that export has written. Received {' '.join(str(error).split())}"
        ) from error
    names = [output.name for output in session.get_outputs()]

    def apply(batch):
        return dict(zip(names, session.run(names, dict(batch)), strict=True))

    apply.inputs = {tensor.name for tensor in session.get_inputs()}
    return apply, card
