"""Scores a trained model on the scans of its held-out fold.

    python -m lsn_tf.evaluate --run_dir=runs/lsn

Reads config.json and model.keras of the run; writes results.json and dice.csv there. Every scan is segmented on its
own grid, whatever the grid of training, and scored over all its voxels. Other scans than the held-out ones are scored
with --dataset, --data_dir, --arrays and --fold into another --results_dir.
"""

import dataclasses
import logging
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir, machine, read_json, write_csv, write_json
from lsn_tf.certificate import check_certificate
from lsn_tf.data.pipeline import target_mask
from lsn_tf.data.sources import Source, open_source
from lsn_tf.data.volumes import Scan
from lsn_tf.metrics import dice
from lsn_tf.models import AnySize
from lsn_tf.numerics.level_sets import inside

logger = logging.getLogger(__name__)
SYNTHETIC_NOTICE = "==> SYNTHETIC DATA: the phantom, not CT of patients. These numbers say nothing of patients. <=="


@dataclasses.dataclass(frozen=True)
class Config:
    """What to score.

    Attributes:
        run_dir: a training run.
        dataset: see `open_source`; None for the one that it was trained on.
        data_dir, arrays: see `open_source`; None for those of the training.
        fold: the fold whose scans are scored; None for the one that training held out.
        results_dir: where results.json and dice.csv are written; None for run_dir.
        batch_size: slices at a time.
    """

    run_dir: str
    dataset: str | None = None
    data_dir: str | None = None
    arrays: str | None = None
    fold: int | None = None
    results_dir: str | None = None
    batch_size: int = 16


def evaluate(config: Config) -> dict[str, Any]:
    """Writes results.json and dice.csv. Returns the results.

    Raises:
        FileNotFoundError: if there is no finished run in run_dir.
        ValueError: if the fold was seen in training.
    """
    run = RunDir(config.run_dir)
    trained = run.read_config()
    source = open_run_source(trained, config.dataset, config.data_dir, config.arrays)
    fold = trained["fold"] if config.fold is None else config.fold
    _check_held_out(config, trained, source, fold)
    model = load_segmenter(run)
    rows = [score_scan(model, scan, fold, trained["target"], config.batch_size) for scan in source.scans(fold)]
    results = {**_summary(rows), **_provenance(run, model, source, trained, fold)}
    written = RunDir(config.results_dir or run.path)
    write_csv(written.dice, [{k: v for k, v in row.items() if k != "slice_dice"} for row in rows])
    write_json(written.results, results)
    return results


def open_run_source(
    trained: Mapping[str, Any], dataset: str | None = None, data_dir: str | None = None, arrays: str | None = None
) -> Source:
    """Returns the source that a run was trained on, or the one that is named instead; see `open_source`."""
    if arrays:
        return open_source(dataset or "auto", arrays=arrays)
    if dataset or data_dir:
        return open_source(dataset or trained["dataset"], data_dir or trained["data_dir"])
    return open_source(trained["dataset"], trained["data_dir"], trained.get("arrays"))


def _check_held_out(config: Config, trained: Mapping[str, Any], source: Source, fold: int) -> None:
    """Raises ValueError for scans of the training folds, and where results of others would replace the run's own."""
    same_scans = source.name.partition("/")[0] == trained["dataset"].partition("/")[0]
    if same_scans and fold != trained["fold"]:
        raise ValueError(
            f"fold must be {trained['fold']}, the one that this run has held out; it was trained on the others. "
            f"Received fold={fold}."
        )
    elsewhere = config.data_dir or config.arrays not in (None, trained.get("arrays"))
    if config.results_dir is None and (elsewhere or source.name != trained["dataset"]):
        raise ValueError(
            "results_dir must be given for other scans than the run's own, whose results it would replace."
        )


def load_segmenter(run: RunDir, certified: bool = True) -> AnySize:
    """Returns the run's model for images of any size.

    Args:
        run: a training run.
        certified: whether its certificate, if it has one, is proven again.

    Raises:
        FileNotFoundError: if the run has not finished.
        ValueError: if the certificate is not that of the model.
    """
    trained = run.read_config()
    if not run.model.is_file():
        raise FileNotFoundError(
            f"expected a trained model at {run.model}. There is none: the run has not finished. "
            f"Go on with: python -m lsn_tf.train --resume --run_dir={run.path}"
        )
    model = keras.saving.load_model(run.model, compile=False)
    if certified and run.certificate.is_file():
        check_certificate(read_json(run.certificate), model)
    return AnySize(model, trained["image_size"])


def segment(model: keras.Model, scan: Scan, batch_size: int) -> np.ndarray:
    """Returns phi of a scan, (slices, height, width), mm, on the scan's own grid."""
    slices = len(scan.image)
    batch_size, filled = _batches(slices, batch_size)
    image = np.pad(scan.image, ((0, filled - slices), (0, 0), (0, 0)), "edge")
    inputs = {
        "image": image[..., None].astype(np.float32),
        "spacing": np.tile(np.asarray(scan.spacing_mm[1:], np.float32), (filled, 1)),
    }
    return model.predict(inputs, batch_size=batch_size, verbose=0)[:slices, ..., 0]


def _batches(slices: int, batch_size: int) -> tuple[int, int]:
    """Returns how many slices there are in a batch, and how many in all batches.

    JAX compiles a model anew for every number of slices, so on it small scans are filled up to the next power of two,
    others to whole batches.
    """
    if keras.backend.backend() != "jax":
        return min(batch_size, slices), slices
    batch_size = min(batch_size, 1 << (slices - 1).bit_length())
    return batch_size, -(-slices // batch_size) * batch_size


def score_scan(model: keras.Model, scan: Scan, fold: int, target: str, batch_size: int) -> dict[str, Any]:
    """Returns the scan's row of dice.csv, and the Dice of each of its slices."""
    reference, predicted = target_mask(scan.label, target), inside(segment(model, scan, batch_size))
    voxel_mm3 = float(np.prod(scan.spacing_mm))
    slice_dice = [dice(*pair) for pair in zip(reference, predicted, strict=True)]
    return {
        "volume_id": scan.volume_id,
        "fold": fold,
        "dice": round(dice(reference, predicted), 6),
        "dice_per_slice_mean": round(float(np.mean(slice_dice)), 6),
        "slices": len(scan.image),
        "reference_mm3": round(reference.sum() * voxel_mm3, 1),
        "predicted_mm3": round(predicted.sum() * voxel_mm3, 1),
        "spacing_guessed": scan.spacing_guessed,
        "slice_dice": slice_dice,
    }


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    scores = [row["dice"] for row in rows]
    slice_scores = [score for row in rows for score in row["slice_dice"]]
    return {
        "dice_per_scan_mean": round(float(np.mean(scores)), 4),
        "dice_per_scan_median": round(float(np.median(scores)), 4),
        "dice_per_scan_min": round(min(scores), 4),
        "dice_per_slice_mean": round(float(np.mean(slice_scores)), 4),
        "scans": len(scores),
        "slices": len(slice_scores),
    }


def _provenance(run: RunDir, model: AnySize, source: Source, trained: Mapping[str, Any], fold: int) -> dict[str, Any]:
    training = trained.get("training", {})
    return {
        "model": trained["model"],
        "dataset": source.name,
        "synthetic": source.synthetic,
        "fold": fold,
        "target": trained["target"],
        "parameters": model.count_params(),
        "seed": trained["seed"],
        **training,
        **{name: trained[name] for name in ("image_size", "window_hu", "mixed_precision", "jit", "command")},
        "machine": machine(),
    }


def print_results(results: Mapping[str, Any]) -> None:
    """Prints the table that ends `train` and `evaluate`."""
    rows = [
        ("model", f"{results['model']}, {results['parameters']:,} parameters"),
        ("data", f"{results['dataset']}, fold {results['fold']} held out: {results['scans']} scans"),
        ("Dice per scan, mean", f"{results['dice_per_scan_mean']:.4f}"),
        ("Dice per scan, median", f"{results['dice_per_scan_median']:.4f}"),
        ("Dice per scan, min", f"{results['dice_per_scan_min']:.4f}"),
        ("Dice per slice, mean", f"{results['dice_per_slice_mean']:.4f}"),
        ("seconds of training", f"{results.get('seconds_train', float('nan')):.0f}"),
        ("artefacts", results["run_dir"]),
    ]
    for name, value in rows:
        print(f"{name:<22} {value}")
    if results["synthetic"]:
        print(SYNTHETIC_NOTICE)


def main() -> dict[str, Any]:
    """Reads the flags and evaluates."""
    values = flags.FLAGS
    run_dir = values.run_dir
    own = {name: values[name].value for name in ("dataset", "data_dir", "arrays", "fold", "results_dir", "batch_size")}
    config = Config(run_dir, **own)
    return {**evaluate(config), "run_dir": str(pathlib.Path(run_dir))}


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_dataset_flags(default=None)
    common_flags.define_arrays_flag()
    common_flags.define_run_dir_flag()
    flags.DEFINE_integer("fold", None, "Fold whose scans are scored (default: the one held out in training).")
    flags.DEFINE_string("results_dir", None, "Where results.json and dice.csv are written (default: --run_dir).")
    flags.DEFINE_integer("batch_size", 16, "Slices at a time.", lower_bound=1)


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
