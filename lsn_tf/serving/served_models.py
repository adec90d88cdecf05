"""A trained model as a user names it -> what a server needs: the signatures of a SavedModel, and what is inside."""

import dataclasses
import logging
import os
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from lsn_tf.artifacts import RunDir, read_json
from lsn_tf.exported.manifest import check_manifest
from lsn_tf.models import AnySize
from lsn_tf.saved_model import CARD, load_saved_model, write_saved_model
from lsn_tf.segmenters import load_segmenter, packaged_name, saved_model_in
from lsn_tf.weights import packaged

DEFAULT_SIGNATURE = "serving_default"
TOLD = ("model", "target", "image_size", "window_hu", "data", "fold_held_out", "epochs", "seed", "certified", "scores")
logger = logging.getLogger(__name__)


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
        model: folder of a training run, of a SavedModel, or of numbered versions of one; a name of the packaged
            weights; None for the default of these. Of a run the SavedModel is taken that it was exported as last.

    Raises:
        ValueError: if it is none of these, or is not what its manifest says.
        FileNotFoundError: if the run has not finished.
    """
    if name := packaged_name(model):
        return _of_segmenter(*packaged.load_weights(name))
    run = RunDir(model)
    if run.config.is_file():
        return _of_saved_model(folder) if (folder := _exported(run)) else _of_run(run)
    if folder := saved_model_in(run.path):
        check_manifest(folder)
        return _of_saved_model(folder)
    raise ValueError(f"model must be the folder of a training run or of a SavedModel. Received {run.path}.")


def _exported(run: RunDir) -> pathlib.Path | None:
    """Returns the SavedModel of a run, None if there is none that is as it was exported."""
    folder = saved_model_in(run.saved_models)
    try:
        if folder:
            check_manifest(folder)
    except ValueError as error:
        logger.warning("%s The run's own model is served.", error)
        return None
    return folder


def _of_run(run: RunDir) -> ServedModel:
    trained = run.read_config()
    return _of_segmenter(load_segmenter(run), trained | {"fold_held_out": trained["fold"]})


def _of_segmenter(segmenter: AnySize, record: Mapping[str, Any]) -> ServedModel:
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(segmenter, path := pathlib.Path(folder, "1"))
        return _of_saved_model(path, record)


def _of_saved_model(folder: pathlib.Path, record: Mapping[str, Any] | None = None) -> ServedModel:
    """Returns a SavedModel with what a record says of it, its model card unless another one is given."""
    loaded = load_saved_model(folder)
    signatures = {name: _signature(loaded, name) for name in sorted(loaded.signatures)}
    if DEFAULT_SIGNATURE not in signatures:
        raise ValueError(f"{folder}: expected the signature {DEFAULT_SIGNATURE}. Received {sorted(signatures)}.")
    if record is None:
        record = read_json(folder / CARD) if (folder / CARD).is_file() else {}
    about = {name: record.get(name) for name in TOLD} | {"intended_use": packaged.INTENDED_USE}
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
