"""The SavedModel of a trained model: raw HU of any type and size in, phi, probability and mask out."""

import logging
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lsn_tf.artifacts import write_json
from lsn_tf.exported.manifest import write_manifest
from lsn_tf.exported.signatures import signatures
from lsn_tf.exported.warm_up import can_write_warm_up, write_warm_up
from lsn_tf.models import AnySize
from lsn_tf.weights.packaged import as_markdown

logger = logging.getLogger(__name__)
CARD, CARD_TEXT, CERTIFICATE = (f"assets.extra/{name}" for name in ("card.json", "README.md", "certificate.json"))


def write_saved_model(
    model: AnySize,
    folder: pathlib.Path,
    card: Mapping[str, Any] | None = None,
    certificate: Mapping[str, Any] | None = None,
) -> None:
    """Writes a SavedModel with all `signatures`; a folder there is replaced when it is whole.

    Args:
        model: a trained model; it is changed, see `signatures`.
        folder: of the SavedModel; for TensorFlow Serving its name is the number of a version.
        card: what a user must know of the model; written beside it, like the certificate.
        certificate: of the model.
    """
    temporary = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _write(model, temporary, card, certificate)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(model: AnySize, folder: pathlib.Path, card, certificate) -> None:
    archive, found = keras.export.ExportArchive(), signatures(model)
    archive.track(model)
    for name, signature in found.items():
        archive.add_endpoint(name, signature.function, input_signature=signature.specs)
    archive.write_out(str(folder), verbose=False)
    if card:
        write_json(folder / CARD, card)
        (folder / CARD_TEXT).write_text(as_markdown(card))
    if certificate:
        write_json(folder / CERTIFICATE, certificate)
    if can_write_warm_up():
        specs = {name: {spec.name: spec for spec in signature.specs} for name, signature in found.items()}
        write_warm_up(folder, model.model.name, specs)
    else:
        logger.debug("No warm-up requests for TensorFlow Serving were written: pip install 'lsn_tf[serving]'.")
    write_manifest(folder)


def open_signature(
    folder: pathlib.Path, name: str = "serving_default"
) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """Returns a function of a SavedModel, {input: array} -> {output: array}, with its inputs as `inputs`.

    Raises:
        ValueError: if the folder holds no SavedModel, or one without it.
    """
    signatures_there = open_signatures(folder)
    if name not in signatures_there:
        raise _not_ours(folder, f"one without the signature {name}")
    return signatures_there[name]


def open_signatures(
    folder: pathlib.Path,
) -> dict[str, Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]]:
    """Returns all functions of a SavedModel by name, see `open_signature`."""
    loaded = load_saved_model(folder)
    return {name: _on_arrays(loaded, name) for name in sorted(loaded.signatures)}


def _on_arrays(loaded, name: str) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    signature = loaded.signatures[name]
    specs = signature.structured_input_signature[1]

    def apply(batch):
        tensors = {key: tf.constant(array, specs[key].dtype) for key, array in batch.items()}
        return {key: tensor.numpy() for key, tensor in signature(**tensors).items()}

    apply.inputs, apply.keeps_alive = set(specs), loaded  # a signature does not own its variables
    return apply


def load_saved_model(folder: pathlib.Path):
    """Returns the SavedModel in a folder. Raises ValueError if there is none, or one that is damaged."""
    try:
        return tf.saved_model.load(str(folder))
    except (OSError, ValueError) as error:
        raise _not_ours(folder, " ".join(str(error).split())) from error


def _not_ours(folder: pathlib.Path, received: str) -> ValueError:
    return ValueError(f"{folder}: expected a SavedModel that export has written. Received {received}")
