"""Exports a trained model for serving, as a SavedModel or as ONNX, and proves that it is still the model.

    python -m lsn_tf.export --run_dir=runs/lsn --format=saved_model,onnx
    python -m lsn_tf.export --model=lsn --export_dir=served/lsn

Writes saved_model/1 (or the next version, if there is one), model.onnx, certificate.json and parity.json in the run:
how far phi and masks of every signature of each format are from the model's on slices of the held-out fold. A format
that differs is not written. Packaged weights, --model=NAME, have no run: all goes into --export_dir, and the slices are
those of the synthetic twin, which comes with the package, unless --arrays or --data_dir names others. The certificate
says what numerical analysis knows of the model: consistency of its stencils, CFL number, monotonicity by term, and an
attack on its stability.

Only Keras' TensorFlow backend can export. A run that was trained on JAX is exported on a machine with TensorFlow; if
the data set lies elsewhere there, --arrays, or --data_dir, says where.

The SavedModel's signatures; all sizes are free, images are raw HU, phi is in mm and negative inside:
    serving_default  image (batch, height, width, 1), spacing (batch, 2), the pixel size (dy, dx) in mm, and phi_0, only
                     for a network that starts from a given contour -> phi, probability, mask (uint8), shaped like image
    volume           image (slices, height, width), spacing (3,) = (dz, dy, dx) -> the same, and volume_ml
    evolve           image (height, width), spacing (2,), phi_0 (height, width), a contour of the user's, and times (n,)
                     in seconds of the equation -> phi, probability, mask (n, height, width) at these times, by the
                     equation on the model's finest grid, and seconds_of_the_model, when the model itself stops there
    evolve_mask      mask (height, width) uint8 in the place of phi_0
The last two are those of models that solve an equation. Images are float32; for others there are serving_int16 and so
on, and volume_int16. ONNX has serving_default. In assets.extra are the model card, the certificate, the sha256 of all
files and, with pip install 'lsn_tf[serving]', the requests with which TensorFlow Serving warms up.
"""

import contextlib
import dataclasses
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir, read_json, write_json
from lsn_tf.certificate import certify
from lsn_tf.data.folds import NO_FOLD, training_folds
from lsn_tf.data.sources import Fold, Source, open_source
from lsn_tf.evaluate import load_segmenter, open_run_source, scan_inputs
from lsn_tf.exported.onnx_file import open_onnx, write_onnx
from lsn_tf.exported.parity import TOLERANCE_MM, parity
from lsn_tf.models import AnySize
from lsn_tf.numerics.level_sets import ball, distance_to_pixels, inside
from lsn_tf.prediction import predict
from lsn_tf.solver.translation import Discretization, to_solver
from lsn_tf.weights.packaged import load_weights, model_card

logger = logging.getLogger(__name__)
PARITY_SLICES = 8
FORMATS = ("saved_model", "onnx")
Apply = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
Question = tuple[dict[str, np.ndarray], np.ndarray]  # inputs of a signature, and the model's phi for them


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """What is exported.

    Attributes:
        place: where to.
        model: for images of any size.
        slices: some, as they come, with what else the model is given.
        origin: {"dataset": ..., "fold": ...} of these.
        card: {certificate} -> the model card.
        name: of the file that tells which model it is.
    """

    place: RunDir
    model: AnySize
    slices: dict[str, np.ndarray]
    origin: dict[str, Any]
    card: Callable[[Mapping[str, Any]], dict[str, Any]]
    name: str


def export(
    run_dir: str | None = None,
    data_dir: str | None = None,
    arrays: str | None = None,
    formats: Sequence[str] = ("saved_model",),
    model: str | None = None,
    export_dir: str | None = None,
) -> dict[str, Any]:
    """Writes a model in other formats, its certificate, and how well they agree.

    Args:
        run_dir: a finished run; None for packaged weights.
        data_dir, arrays: where its data set lies, see `open_source`; None for where it lay in training.
        formats: some of `FORMATS`.
        model: a name of packaged weights, in the place of run_dir.
        export_dir: where these are written.

    Returns:
        Where all lies, the largest difference of phi, mm, and whether the model is certified.

    Raises:
        FileNotFoundError: if there is no finished run in run_dir.
        ValueError: for another format or model, or if Keras does not run on TensorFlow.
        RuntimeError: if a format does not give the model's phi and mask; none is written then.
    """
    if not formats or set(formats) - set(FORMATS):
        raise ValueError(
            f"format must be one or some of {', '.join(FORMATS)}. Received {', '.join(formats) or 'none'}."
        )
    if not writes_saved_models():
        raise ValueError(f"KERAS_BACKEND must be tensorflow to export. Received {keras.backend.backend()!r}.")
    if (run_dir is None) == (model is None) or (model is None) != (export_dir is None):
        raise ValueError(
            "expected --run_dir, or --model with --export_dir. Received "
            f"run_dir={run_dir}, model={model}, export_dir={export_dir}."
        )
    subject = _of_run(run_dir, data_dir, arrays) if run_dir else _of_weights(model, export_dir, data_dir, arrays)
    run, model = subject.place, subject.model
    questions = parity_questions(model, subject.slices)  # before the model is made ready for export
    certificate = certify(model.model, model.grid_inputs(subject.slices))
    card = subject.card(certificate)
    with contextlib.ExitStack() as stack:
        staged = {name: stack.enter_context(STAGES[name](run, model, card, certificate)) for name in formats}
        rows = [row for name, (_, calls) in staged.items() for row in _parity_rows(name, calls, questions)]
        _check_parity(rows, subject.name)
        places = {name: str(publish()) for name, (publish, _) in staged.items()}
    write_json(run.certificate, certificate)
    _write_parity(run, rows, certificate["model_sha256"], subject.origin)
    largest = max(row["largest_difference_mm"] for row in rows)
    return {**places, "parity": str(run.parity), "largest_difference_mm": largest} | _certified(run, certificate)


def _of_run(run_dir: str, data_dir: str | None = None, arrays: str | None = None) -> Subject:
    """Returns a run with slices of the fold that it has held out, or of the first one if it has held out none."""
    run = RunDir(run_dir)
    model = load_segmenter(run, certified=False)  # it is about to be certified
    trained = run.read_config()
    fold = training_folds(NO_FOLD)[0] if trained["fold"] == NO_FOLD else trained["fold"]
    slices = _slices(model, open_run_source(trained, data_dir=data_dir, arrays=arrays), fold, trained["target"])

    def card(certificate):
        return model_card(trained, model.model, trained["model"], _scores(run), certificate)

    origin = {"dataset": trained["dataset"], "fold": trained["fold"]}
    return Subject(run, model, slices, origin, card, str(run.config))


def _of_weights(name: str, export_dir: str, data_dir: str | None, arrays: str | None) -> Subject:
    model, of_weights = load_weights(name)
    of_weights = {key: value for key, value in of_weights.items() if key not in ("bytes", "sha256")}  # of another file
    source = open_source("auto" if data_dir or arrays else "phantom", data_dir, arrays)
    origin = {"dataset": source.name, "fold": source.folds[0]}
    place = RunDir(export_dir)
    place.path.mkdir(parents=True, exist_ok=True)

    def card(certificate):
        verdict = {"certified": certificate["certified"], "certificate_reason": certificate["reason"]}
        return of_weights | verdict

    slices = _slices(model, source, origin["fold"], of_weights["target"])
    return Subject(place, model, slices, origin, card, f"the weights {name}")


@contextlib.contextmanager
def _staged_saved_model(run: RunDir, model: AnySize, card, certificate) -> Iterator[tuple[Callable, dict[str, Apply]]]:
    """Gives what makes a SavedModel the run's next version, and its functions; it is gone if that was not called."""
    from lsn_tf.saved_model import open_signatures, write_saved_model

    staged = run.saved_models / "unchecked"  # no version that a server would load
    try:
        write_saved_model(model, staged, card, certificate)
        yield lambda: staged.rename(run.next_saved_model), open_signatures(staged)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


@contextlib.contextmanager
def _staged_onnx(run: RunDir, model: AnySize, card, certificate) -> Iterator[tuple[Callable, dict[str, Apply]]]:
    """Gives what makes an ONNX file that of the run, and its function; it is gone if that was not called."""
    staged = run.onnx.with_name(f"unchecked-{run.onnx.name}")
    try:
        write_onnx(model, staged, card)
        yield lambda: staged.replace(run.onnx), {"serving_default": open_onnx(staged)[0]}
    finally:
        staged.unlink(missing_ok=True)


STAGES = {"saved_model": _staged_saved_model, "onnx": _staged_onnx}


def parity_questions(model: AnySize, slices: Mapping[str, np.ndarray]) -> dict[str, Question]:
    """Returns {signature: what it is asked, and the model's own phi for it}, see `exported.signatures`.

    Args:
        model: not yet made ready for export.
        slices: of one scan, what the model takes.
    """
    from lsn_tf.exported.signatures import SLICE_DTYPES, VOLUME_DTYPES, signature_name, solves_one_equation

    asked = {dtype: {**slices, "image": _in_range(slices["image"], dtype)} for dtype in SLICE_DTYPES}
    phi = {
        dtype: predict(model, {**given, "image": given["image"].astype(np.float32)}, PARITY_SLICES)
        for dtype, given in asked.items()
    }
    questions = {signature_name("serving", dtype): (asked[dtype], phi[dtype]) for dtype in SLICE_DTYPES}
    if model.model.given_contour is None:
        spacing = np.append(np.float32(1), slices["spacing"][0])
        for dtype in VOLUME_DTYPES:
            volume = {"image": asked[dtype]["image"][..., 0], "spacing": spacing}
            questions[signature_name("volume", dtype)] = (volume, phi[dtype][..., 0])
    if solves_one_equation(model.model):
        questions |= _evolutions(model, slices["image"][len(slices["image"]) // 2, ..., 0], slices["spacing"][0])
    return questions


def _evolutions(model: AnySize, image: np.ndarray, spacing: np.ndarray) -> dict[str, Question]:
    """Returns the questions of the evolution of a disc, as far as the model goes and half a step further."""
    extent_mm = spacing * image.shape
    mask = inside(ball(image.shape, spacing, extent_mm / 2, extent_mm.min() / 4))
    phi_0 = distance_to_pixels(mask, spacing).astype(np.float32)
    given = {"image": image[None, ..., None], "spacing": spacing[None], "phi_0": phi_0[None, ..., None]}
    given = {name: np.asarray(value) for name, value in model.grid_inputs(given).items()}
    taken = {tensor.name for tensor in model.model.inputs}
    stage = to_solver(model.model, {name: value for name, value in given.items() if name in taken}).stages[-1]
    half = dataclasses.replace(stage, steps=1, time_step=stage.time_step / 2)
    phis = [given["phi_0"], Discretization(given["phi_0"], (stage, half)).solve()]
    phi = np.asarray(model.from_grid(np.concatenate(phis), size=image.shape))[..., 0]
    times = np.float32([0, (stage.steps + 0.5) * stage.time_step[0]])
    asked = {"image": image, "spacing": spacing, "times": times}
    return {
        "evolve": ({**asked, "phi_0": phi_0}, phi),
        "evolve_mask": ({**asked, "mask": mask.astype(np.uint8)}, phi),
    }


def _in_range(image: np.ndarray, dtype: str) -> np.ndarray:
    """Returns an image in another type, cut where that ends."""
    limits = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    return np.clip(image, limits.min, limits.max).astype(dtype)


def _parity_rows(name: str, calls: Mapping[str, Apply], questions: Mapping[str, Question]) -> Iterator[dict[str, Any]]:
    for signature, call in calls.items():
        asked, phi = questions[signature]
        slices = len(asked["image"]) if asked["image"].ndim > 2 else 1
        yield {"format": name, "signature": signature, "slices": slices, **parity(phi, call(asked))}


def _check_parity(rows: Sequence[Mapping[str, Any]], name: str) -> None:
    for row in rows:
        if not row["agree"]:
            raise RuntimeError(
                f"the {row['format']} must give the model's phi within {TOLERANCE_MM} mm, and its mask. "
                f"{row['signature']} differs by {row['largest_difference_mm']} mm and in {row['differing_pixels']} "
                f"pixels, so it was removed. Please report this with {name}."
            )


def _write_parity(run: RunDir, rows: Sequence[Mapping], model_sha256: str, origin: Mapping[str, Any]) -> None:
    """Writes parity.json; what it says of the other formats of the same model is kept."""
    before = read_json(run.parity) if run.parity.is_file() else {}
    kept = before["formats"] if before.get("model_sha256") == model_sha256 else []
    kept = [row for row in kept if row["format"] not in {row["format"] for row in rows}]
    report = {"model_sha256": model_sha256, "tolerance_mm": TOLERANCE_MM}
    write_json(run.parity, report | {"formats": kept + [{**row, **origin} for row in rows]})


def _scores(run: RunDir) -> dict[str, Any]:
    """Returns the scores of the held-out fold, as far as the run has been evaluated, for its card."""
    results = read_json(run.results) if run.results.is_file() else {}
    told = {
        "Dice per scan, mean": "dice_per_scan_mean",
        "Dice per scan, median": "dice_per_scan_median",
        "Dice per scan, min": "dice_per_scan_min",
        "HD95, mean, mm": "hd95_mm_mean",
        "Scans": "scans",
    }
    return {f"{name} (held-out fold)": results[key] for name, key in told.items() if results.get(key) is not None}


def writes_saved_models() -> bool:
    """Whether Keras runs on the backend that can."""
    return keras.backend.backend() == "tensorflow"


def write_certificate(run_dir: str) -> dict[str, Any]:
    """Writes the certificate of a run, on any backend. Returns where it lies and whether the model is certified.

    Raises:
        FileNotFoundError: if there is no finished run in run_dir.
    """
    subject = _of_run(run_dir)
    certificate = certify(subject.model.model, subject.model.grid_inputs(subject.slices))
    write_json(subject.place.certificate, certificate)
    return _certified(subject.place, certificate)


def _certified(run: RunDir, certificate: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "certificate": str(run.certificate),
        "certified": certificate["certified"],
        "certificate_reason": certificate["reason"],
    }


def _slices(model: AnySize, source: Source, fold: Fold, target: str) -> dict[str, np.ndarray]:
    """Returns the first slices of the first scan of a fold, with what else a model is given."""
    scan = next(source.scans(fold))
    scan = dataclasses.replace(scan, image=scan.image[:PARITY_SLICES], label=scan.label[:PARITY_SLICES])
    return scan_inputs(model, scan, target)


def print_results(results: Mapping[str, Any]) -> None:
    """Prints where the formats lie and how well they agree."""
    for name in FORMATS:
        if name in results:
            print(f"{results[name]}: written")
    print(f"{results['parity']}: phi differs from the model's by at most {results['largest_difference_mm']:.2g} mm")
    verdict = "certified" if results["certified"] else "not certified"
    print(f"{results['certificate']}: {verdict}, {results['certificate_reason']}")


def main() -> dict[str, Any]:
    """Reads the flags and exports."""
    values = flags.FLAGS
    return export(values.run_dir, values.data_dir, values.arrays, values.format, values.model, values.export_dir)


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_run_dir_flag("Folder of a training run.")
    flags.DEFINE_string("model", None, "Packaged weights, by name, in the place of --run_dir.")
    flags.DEFINE_string("export_dir", None, "Where packaged weights are written; a run's are written in the run.")
    common_flags.define_arrays_flag()
    flags.DEFINE_list("format", ["saved_model"], f"What to write, of {', '.join(FORMATS)}.")
    flags.DEFINE_string("data_dir", None, "Where TFDS keeps prepared data sets (default: as in training).")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
