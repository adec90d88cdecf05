"""A trained model as a user names it, a run, SavedModel, ONNX or packaged weights -> one way to call it: HU to phi."""

import dataclasses
import os
import pathlib
import zipfile
from collections.abc import Callable, Sequence

import keras
import numpy as np

from lsn_tf.artifacts import RunDir, newest_version, read_json, sha256_of
from lsn_tf.certificate import check_certificate
from lsn_tf.exported.manifest import check_manifest
from lsn_tf.exported.onnx_file import open_onnx
from lsn_tf.models import AnySize
from lsn_tf.weights import packaged

DEFAULT = "lsn"


@dataclasses.dataclass(frozen=True, eq=False)
class Segmenter:
    """A trained model of any format.

    Attributes:
        name: of the model, for records.
        origin: where it came from.
        target: "liver" or "tumor".
        apply: {"image": (n, height, width, 1) HU, "spacing": (n, 2) mm} -> phi, (n, height, width, 1), mm.
        sha256: of its files, by which it is known again wherever it lies.
        network: the Keras model behind it; None for exported formats.
    """

    name: str
    origin: str
    target: str
    apply: Callable[[dict[str, np.ndarray]], np.ndarray]
    sha256: str
    network: AnySize | None = None

    def phi(self, image: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
        """Returns phi of axial slices.

        Args:
            image: (n, height, width), HU.
            spacing_mm: (dy, dx).

        Returns:
            (n, height, width) float32, mm, negative inside.
        """
        spacing = np.tile(np.asarray(spacing_mm, np.float32), (len(image), 1))
        return np.asarray(self.apply({"image": image[..., None].astype(np.float32), "spacing": spacing}))[..., 0]

    def phi_of_part(self, image: np.ndarray, spacing_mm: Sequence[float], size: int) -> np.ndarray:
        """Returns `phi` of at most `size` slices, filled up to as many: parts of one shape are traced once."""
        filled = np.pad(image, ((0, size - len(image)), (0, 0), (0, 0)), mode="edge")
        return self.phi(filled, spacing_mm)[: len(image)]


def open_segmenter(model: str | os.PathLike | None = None) -> Segmenter:
    """Returns the model that a user names.

    Args:
        model: folder of a training run, of a SavedModel, or of numbered versions of one; an .onnx file; a name of the
            packaged weights; None for the default of these.

    Raises:
        ValueError: if it is none of these, is damaged, is not what its manifest says, or needs a contour to start from.
        FileNotFoundError: if the run has not finished.
        ImportError: if there is no ONNX Runtime to run an .onnx file.
    """
    if name := packaged_name(model):
        segmenter, card = packaged.load_weights(name)
        return _of_keras(segmenter, card["name"], "packaged weights", card["target"], card["sha256"])
    folder = pathlib.Path(model)
    if (run := RunDir(folder)).config.is_file():
        trained = run.read_config("model", "target", "image_size")
        segmenter, digest = load_segmenter(run), sha256_of(run.model, run.config)  # the grid is in the latter
        return _of_keras(segmenter, trained["model"], str(folder), trained["target"], digest)
    if saved := saved_model_in(folder):
        return _of_saved_model(saved)
    if folder.suffix == ".onnx" and folder.is_file():
        return _of_onnx(folder)
    raise ValueError(
        "model must be the folder of a training run or of a SavedModel, or an .onnx file"
        + (f", or one of {', '.join(known)}" if (known := packaged.names()) else "")
        + f". Received {folder}."
    )


def packaged_name(model: str | os.PathLike | None) -> str | None:
    """Returns which of the packaged weights a user names, the default of these for None; None if it is none of them.

    Raises:
        ValueError: for None, if there is no default.
    """
    known = packaged.names()
    if model is None and DEFAULT not in known:
        raise ValueError("expected --model, as no weights come with this package. Give the folder of a training run.")
    name = str(model or DEFAULT)
    return name if name in known else None


def load_segmenter(run: RunDir, certified: bool = True) -> AnySize:
    """Returns the run's model for images of any size.

    Args:
        run: a training run.
        certified: whether its certificate, if it has one, is proven again.

    Raises:
        FileNotFoundError: if the run has not finished.
        ValueError: if a file is damaged, or the certificate is not that of the model.
    """
    trained = run.read_config("image_size")
    if not run.model.is_file():
        raise FileNotFoundError(
            f"expected a trained model at {run.model}. There is none: the run has not finished. "
            f"Go on with: python -m lsn_tf.train --resume --run_dir={run.path}"
        )
    model = _read_model(run.model)
    if certified and run.certificate.is_file():
        check_certificate(read_json(run.certificate), model)
    return AnySize(model, trained["image_size"])


def _read_model(path: pathlib.Path) -> keras.Model:
    try:
        with zipfile.ZipFile(path):  # of what is no archive Keras says that there is no such file
            return keras.saving.load_model(path, compile=False)
    except Exception as error:  # whatever Keras and its readers of ZIP, JSON and HDF5 raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ValueError(
            f"{path}: expected a whole model as train writes it. Received {reason}. Copy the run again, or train it "
            "again."
        ) from error


def _of_keras(segmenter: AnySize, name: str, origin: str, target: str, digest: str) -> Segmenter:
    if segmenter.model.given_contour:
        raise _needs_start(origin)
    return Segmenter(name, origin, target, segmenter.predict_on_batch, digest, segmenter)


def _of_saved_model(folder: pathlib.Path) -> Segmenter:
    check_manifest(folder)
    from lsn_tf.saved_model import CARD, open_signature  # TensorFlow takes seconds to import

    if not (folder / CARD).is_file():
        raise ValueError(
            f"{folder}: expected the model card {CARD}, which says what the model segments. Received none. "
            "Export the run again with: python -m lsn_tf.export"
        )
    run, card = open_signature(folder), read_json(folder / CARD)
    if "phi_0" in run.inputs:
        raise _needs_start(str(folder))
    digest = sha256_of(*sorted(path for path in folder.rglob("*") if path.is_file()))
    name = f"{card['name']}, SavedModel {folder.name}"
    return Segmenter(name, str(folder), card["target"], lambda batch: run(batch)["phi"], digest)


def _of_onnx(path: pathlib.Path) -> Segmenter:
    run, card = open_onnx(path)
    if "phi_0" in run.inputs:
        raise _needs_start(str(path))
    name = f"{card['name']}, ONNX"
    return Segmenter(name, str(path), card["target"], lambda batch: run(batch)["phi"], sha256_of(path))


def saved_model_in(folder: pathlib.Path) -> pathlib.Path | None:
    """Returns the SavedModel in a folder: itself, or the highest of its numbered versions; None if there is none."""
    return folder if (folder / "saved_model.pb").is_file() else newest_version(folder)


def _needs_start(origin: str) -> ValueError:
    return ValueError(
        f"model must need no contour to start from. Received {origin}, which does: evaluate, or serve it."
    )
