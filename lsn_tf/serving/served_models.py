"""A trained model as a user names it -> what a server needs: the signatures of a SavedModel, and what is inside."""

import contextlib
import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from lsn_tf.artifacts import RunDir
from lsn_tf.saved_model import write_saved_model
from lsn_tf.segmenters import DEFAULT, load_segmenter, saved_model_in
from lsn_tf.weights import packaged

DEFAULT_SIGNATURE = "serving_default"
TOLD_OF_A_RUN = ("model", "target", "dataset", "fold", "image_size", "window_hu", "synthetic", "epochs", "seed")
TOLD_OF_A_CARD = ("name", "model", "target", "image_size", "window_hu", "data", "fold_held_out", "sha256")


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """A tensor that a signature takes or gives: its shape, None for any size, and its NumPy type."""

    shape: tuple[int | None, ...]
    dtype: np.dtype


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """A function of a SavedModel.

    Attributes:
        inputs, outputs: {name: TensorSpec}.
        apply: {input: array} -> {output: array}.
    """

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]
    apply: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class ServedModel:
    """A model as it is served.

    Attributes:
        version: of the SavedModel, its folder's number.
        signatures: by name, `DEFAULT_SIGNATURE` among them.
        about: what is inside: the target, what it was trained on, what it is for.
    """

    version: str
    signatures: dict[str, Signature]
    about: dict[str, Any]


def open_served_model(model: str | os.PathLike | None = None) -> ServedModel:
    """Returns the model that a user names, as a SavedModel; a run or weights that are none are made one first.

    Args:
        model: see `open_segmenter`. Of a run the SavedModel is taken that it was exported as, if it was.

    Raises:
        ValueError, FileNotFoundError: as `open_segmenter`.
    """
    if model is None and DEFAULT not in packaged.names():
        raise ValueError("expected --model, as no weights come with this package. Give the folder of a training run.")
    if model is None or str(model) in packaged.names():
        segmenter, card = packaged.load_weights(str(model or DEFAULT))
        return _of_segmenter(segmenter, _about(card, TOLD_OF_A_CARD))
    run = RunDir(model)
    if not run.config.is_file():
        if folder := saved_model_in(run.path):
            return _of_saved_model(folder, _about_the_run_around(folder))
        raise ValueError(f"model must be the folder of a training run or of a SavedModel. Received {run.path}.")
    about = _about(run.read_config(), TOLD_OF_A_RUN)
    if folder := saved_model_in(run.saved_model.parent):
        return _of_saved_model(folder, about)
    return _of_segmenter(load_segmenter(run), about)


def _of_segmenter(segmenter, about: dict[str, Any]) -> ServedModel:
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(segmenter, path := pathlib.Path(folder, "1"))
        return _of_saved_model(path, about)


def _of_saved_model(folder: pathlib.Path, about: dict[str, Any]) -> ServedModel:
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder}: expected a SavedModel that export has written. Received {' '.join(str(error).split())}"
        ) from error
    signatures = {name: _signature(loaded, name) for name in sorted(loaded.signatures)}
    if DEFAULT_SIGNATURE not in signatures:
        raise ValueError(f"{folder}: expected the signature {DEFAULT_SIGNATURE}. Received {sorted(signatures)}.")
    return ServedModel(folder.name if folder.name.isdigit() else "1", signatures, about)


def _signature(loaded, name: str) -> Signature:
    function = loaded.signatures[name]
    inputs, outputs = _specs(function.structured_input_signature[1]), _specs(function.structured_outputs)

    def apply(arrays):
        answer = function(**{key: tf.constant(array) for key, array in arrays.items()})
        return {key: answer[key].numpy() for key in outputs}

    apply.keeps_alive = loaded  # a signature does not own its variables
    return Signature(inputs, outputs, apply)


def _specs(tensors) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(tuple(spec.shape.as_list()), np.dtype(spec.dtype.as_numpy_dtype))
        for name, spec in sorted(tensors.items())
    }


def _about_the_run_around(saved_model: pathlib.Path) -> dict[str, Any]:
    """Returns what the run says in whose folder a SavedModel lies."""
    with contextlib.suppress(FileNotFoundError, IndexError):
        run = RunDir(saved_model.absolute().parents[1])
        return _about(run.read_config(), TOLD_OF_A_RUN)
    return _about({}, ("target",))


def _about(record: dict[str, Any], told: tuple[str, ...]) -> dict[str, Any]:
    return {name: record.get(name) for name in told} | {"intended_use": packaged.INTENDED_USE}
