"""One network in every format that the analysis reads, written by the libraries that people save with."""

import functools
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

FORMATS = {  # name of the format: file
    "export": "export",
    "saved": "saved",
    "keras": "3.keras",
    "h5": "3.h5",
    "weights": "3.weights.h5",
    "keras2_saved": "2",
    "keras2_keras": "2.keras",
    "keras2_h5": "2.h5",
    "keras2_weights": "2_weights.h5",
    "onnx": "model.onnx",
    "npz": "model.npz",
}
DESCRIPTIONS = {
    "export": "SavedModel, Keras 3 `export`",
    "saved": "SavedModel, `tf.saved_model.save`",
    "keras": "Keras 3 `.keras`",
    "h5": "Keras 3 `.h5`",
    "weights": "Keras 3 `.weights.h5`",
    "keras2_saved": "SavedModel, Keras 2 `save`",
    "keras2_keras": "Keras 2 `.keras`",
    "keras2_h5": "Keras 2 `.h5`",
    "keras2_weights": "Keras 2 weights, `.h5`",
    "onnx": "ONNX",
    "npz": "NumPy `.npz`",
}


def save_everywhere(
    build: Callable[[Any], Any], onnx_model: Any, kernels: Mapping[str, np.ndarray], folder: pathlib.Path
) -> dict[str, pathlib.Path]:
    """Writes a network in every format of `FORMATS`, and returns the files.

    Args:
        build: makes the network with a library, Keras 3 or tf_keras (Keras 2), which is its argument.
        onnx_model: the same network, an onnx.ModelProto.
        kernels: the same kernels by name, (*spatial, input, output).
        folder: for the files.

    Raises:
        ImportError: if tf_keras or onnx is not installed: pip install 'lsn_tf[test]'.
    """
    import tensorflow as tf

    try:
        import tf_keras
    except ImportError:
        raise ImportError("Expected tf_keras, which writes as Keras 2 did: pip install 'lsn_tf[test]'.") from None
    files = {form: folder / name for form, name in FORMATS.items()}
    network, network2 = build(keras), build(tf_keras)
    network.save(files["keras"])
    network.save(files["h5"])
    network.save_weights(files["weights"])
    network.export(files["export"], verbose=False)
    tf.saved_model.save(network, str(files["saved"]))
    network2.save(files["keras2_keras"])
    network2.save(files["keras2_h5"])
    network2.save_weights(files["keras2_weights"])
    network2.save(files["keras2_saved"], save_format="tf")
    files["onnx"].write_bytes(onnx_model.SerializeToString())
    np.savez(files["npz"], **kernels)
    return files


def save_chain(kernels: Mapping[str, np.ndarray], folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Writes convolutions in a row, in the plane or in space, in every format; see `save_everywhere`.

    Args:
        kernels: (*spatial, channels, channels) of each layer, all of the same channels.
        folder: for the files.
    """
    return save_everywhere(lambda library: _chain(library, kernels), _onnx_chain(kernels), kernels, folder)


def _chain(library: Any, kernels: Mapping[str, np.ndarray]) -> Any:
    *spatial, channels, _ = next(iter(kernels.values())).shape
    convolution = {2: library.layers.Conv2D, 3: library.layers.Conv3D}[len(spatial)]
    layers = [convolution(channels, spatial, padding="same", use_bias=False, name=name) for name in kernels]
    image = library.Input((*[None] * len(spatial), channels), name="image")
    network = library.Model(image, functools.reduce(lambda x, layer: layer(x), layers, image), name="network")
    for layer, kernel in zip(layers, kernels.values(), strict=True):
        layer.set_weights([kernel])
    return network


def _onnx_chain(kernels: Mapping[str, np.ndarray]) -> Any:
    """Returns the network as ONNX has it: kernels are (output, input, *spatial)."""
    try:
        import onnx
    except ImportError:
        raise ImportError("Expected onnx, which writes ONNX files: pip install 'lsn_tf[analysis]'.") from None
    nodes, tensors, before = [], [], "image"
    for name, kernel in kernels.items():
        pads = [side // 2 for side in kernel.shape[:-2]] * 2
        nodes.append(onnx.helper.make_node("Conv", [before, f"{name}.weight"], [name], pads=pads))
        values = np.ascontiguousarray(np.moveaxis(kernel, (-1, -2), (0, 1)))
        tensors.append(onnx.numpy_helper.from_array(values, f"{name}.weight"))
        before = name
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in ("image", before)]
    return onnx.helper.make_model(onnx.helper.make_graph(nodes, "network", ends[:1], ends[1:], tensors))


def as_layer(kernels: np.ndarray) -> np.ndarray:
    """Returns n = c * c kernels, (n, *spatial), as one layer, (*spatial, c, c), as the reader takes it apart."""
    channels = math.isqrt(len(kernels))
    if channels**2 != len(kernels):
        raise ValueError(f"kernels must be a square number, for as many inputs as outputs. Received {len(kernels)}.")
    return np.moveaxis(kernels, 0, -1).reshape(*kernels.shape[1:], channels, channels)
