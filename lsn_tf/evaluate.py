"""Scores a trained model on the scans of its held-out fold.

    python -m lsn_tf.evaluate --run_dir=runs/lsn

Reads config.json and model.keras of the run; writes results.json and dice.csv there. Every scan is segmented on its
own grid, whatever the grid of training, and scored over all its voxels. Other scans than the held-out ones are scored
with --dataset, --data_dir, --arrays and --fold into another --results_dir: --fold=extra takes the volumes that no
published fold covers, --fold=all everything in a data set that the run was not trained on. A run of
train --fold=none has held out nothing, so it can be scored on such scans alone.

A network that improves given contours (`lsn_refiner`) starts from the masks of another run with --start_from=RUN_DIR,
otherwise from simulated contours: the *reference*, with errors such as a user makes (or a click inside it, as
--model=lsn:initial_contour=seed_point wants), so that its scores are no segmentation of an unknown image. dice.csv then
has the scores of the start too.
"""

import dataclasses
import logging
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from lsn_tf import common_flags, scoring
from lsn_tf.artifacts import RunDir, machine, write_csv, write_json
from lsn_tf.data.contours import simulated_contours
from lsn_tf.data.folds import NO_FOLD, NUM_FOLDS, NUM_VOLUMES, parsed_fold
from lsn_tf.data.pipeline import target_mask
from lsn_tf.data.sources import EXTRA, Fold, Source, is_contiguous, open_source
from lsn_tf.data.volumes import Scan
from lsn_tf.models import AnySize
from lsn_tf.numerics.level_sets import distance_to_pixels, inside
from lsn_tf.prediction import predict
from lsn_tf.segmenters import load_segmenter

logger = logging.getLogger(__name__)
ALL = "all"
SIMULATED = "simulated contours"
UNSCORED = "trained on the scans of all folds: none is left that it has not seen, and nothing was scored"
OF_START = ("dice", "hd95_mm", "assd_mm", "surface_dice")  # the scores of the start that dice.csv has too
SYNTHETIC_NOTICE = "==> SYNTHETIC DATA: the phantom, not CT of patients. These numbers say nothing of patients. <=="


@dataclasses.dataclass(frozen=True)
class Config:
    """What to score.

    Attributes:
        run_dir: a training run.
        dataset: see `open_source`; None for the one that it was trained on.
        data_dir, arrays: see `open_source`; None for those of the training.
        fold: the fold whose scans are scored, 0 to 4, "extra" or "all"; None for the one that training held out.
        results_dir: where results.json and dice.csv are written; None for run_dir.
        start_from: a run whose masks a network that starts from given contours starts from; None for simulated ones.
        batch_size: slices at a time.
        surface_tolerance_mm: of the surface Dice.
    """

    run_dir: str
    dataset: str | None = None
    data_dir: str | None = None
    arrays: str | None = None
    fold: Fold | None = None
    results_dir: str | None = None
    start_from: str | None = None
    batch_size: int = 16
    surface_tolerance_mm: float = scoring.SURFACE_TOLERANCE_MM


def evaluate(config: Config) -> dict[str, Any]:
    """Writes results.json and dice.csv. Returns the results.

    Raises:
        FileNotFoundError: if there is no finished run in run_dir.
        ValueError: if the fold was seen in training, by this run or by the one that it starts from, or if there is none
            that it has not seen.
    """
    run = RunDir(config.run_dir)
    trained = run.read_config()
    source = open_run_source(trained, config.dataset, config.data_dir, config.arrays)
    fold = held_out_fold(run) if config.fold is None else config.fold
    folds = source.folds if fold == ALL else (fold,)
    _check_unseen(run, trained, source, folds)
    _check_place(config, trained, source, folds)
    model, contiguous = load_segmenter(run), is_contiguous(source.name)
    start = _start(config, model, trained["target"], source, folds)
    options = (trained["target"], config.batch_size, contiguous, config.surface_tolerance_mm, start)
    rows = [score_scan(model, scan, part, *options) for part in folds for scan in source.scans(part)]
    measured = {
        "distances": scoring.IN_SPACE if contiguous else scoring.IN_PLANE,
        "surface_tolerance_mm": config.surface_tolerance_mm,
    }
    started = _summary_of_start(rows, config.start_from) if model.model.given_contour else {}
    results = {**scoring.summary(rows), **measured, **started, **_provenance(run, model, source, trained, fold)}
    written = RunDir(config.results_dir or run.path)
    write_csv(written.dice, [{k: v for k, v in row.items() if k != "slice_dice"} for row in rows])
    write_json(written.results, results)
    return results


def write_unscored(run: RunDir) -> dict[str, Any]:
    """Writes results.json of a run that has held out nothing: how it was made, without a score. Returns the results."""
    trained = run.read_config()
    provenance = _provenance(run, load_segmenter(run), open_run_source(trained), trained, trained["fold"])
    results = {**scoring.summary([]), "unscored": UNSCORED, **provenance}
    write_json(run.results, results)
    return results


def held_out_fold(run: RunDir) -> int:
    """Returns the fold that a run has held out.

    Raises:
        FileNotFoundError: if this is no run.
        ValueError: if it has held out none.
    """
    fold = run.read_config()["fold"]
    if fold == NO_FOLD:
        raise ValueError(
            f"expected a run with a held-out fold. Received {run.path}, which was trained on all of them, with "
            f"--fold={NO_FOLD}. Score it on scans of another origin (evaluate --fold=... --results_dir=...), or train "
            "with --fold=0."
        )
    return fold


def open_run_source(
    trained: Mapping[str, Any], dataset: str | None = None, data_dir: str | None = None, arrays: str | None = None
) -> Source:
    """Returns the source that a run was trained on, or the one that is named instead; see `open_source`."""
    if arrays:
        return open_source(dataset or "auto", arrays=arrays)
    if dataset or data_dir:
        return open_source(dataset or trained["dataset"], data_dir or trained["data_dir"])
    return open_source(trained["dataset"], trained["data_dir"], trained.get("arrays"))


def _check_unseen(run: RunDir, trained: Mapping[str, Any], source: Source, folds: Sequence[Fold]) -> None:
    """Raises ValueError for scans of the training folds of a run."""
    same_scans = _origin(source.name) == _origin(trained["dataset"])
    if same_scans and not set(folds) <= {trained["fold"], EXTRA}:
        unseen = [] if trained["fold"] == NO_FOLD else [f"{trained['fold']}, the one that {run.path} has held out"]
        raise ValueError(
            f"fold must be {', or '.join([*unseen, EXTRA])}; it was trained on the others. Received "
            f"fold={folds[0] if len(folds) == 1 else ALL}. Scans of another origin must have numbers "
            f"from {NUM_VOLUMES}."
        )


def _origin(dataset: str) -> str:
    """Returns the name of a data set without its configuration and the size of its slices."""
    return re.split("[/@]", dataset)[0]


def _check_place(config: Config, trained: Mapping[str, Any], source: Source, folds: Sequence[Fold]) -> None:
    """Raises ValueError where results of other scans, or of another start, would replace the run's own."""
    elsewhere = config.data_dir or config.arrays not in (None, trained.get("arrays"))
    own = not elsewhere and source.name == trained["dataset"] and tuple(folds) == (trained["fold"],)
    if config.results_dir is None and (config.start_from or not own):
        raise ValueError(
            "results_dir must be given for other scans, or another start, than the run's own, whose results it "
            "would replace."
        )


def _start(config: Config, model: AnySize, target: str, source: Source, folds: Sequence[Fold]) -> AnySize | None:
    """Returns the model whose masks are the initial contours; None where there are none, or simulated ones."""
    if config.start_from is None:
        return None
    if model.model.given_contour != "given":
        raise ValueError(
            f"start_from is for networks that start from given contours, as --model=lsn_refiner. Received "
            f"start_from={config.start_from} for a {model.model.name}."
        )
    run = RunDir(config.start_from)
    started = run.read_config()
    _check_unseen(run, started, source, folds)
    if started["target"] != target:
        raise ValueError(
            f"start_from must be a run with target={target}, as run_dir has. Received {run.path}, "
            f"with target={started['target']}."
        )
    start = load_segmenter(run)
    if start.model.given_contour:
        raise ValueError(
            f"start_from must be a run that needs no start itself. Received {run.path}, a {started['model']}."
        )
    return start


def _summary_of_start(rows: Sequence[Mapping[str, Any]], start_from: str | None) -> dict[str, Any]:
    """Returns what the contours were from which the front has started, and the means of their scores."""
    rows_of = {name: rows if name == "dice" else scoring.in_mm(rows) for name in OF_START}
    means = {f"start_{name}_mean": scoring.mean(rows_of[name], f"start_{name}") for name in OF_START}
    return {"started_from": start_from or SIMULATED, **means}


def scan_inputs(
    model: AnySize, scan: Scan, target: str, start: AnySize | None = None, batch_size: int = 16
) -> dict[str, np.ndarray]:
    """Returns what a model is given of a scan: image, spacing and, if it starts from given contours, phi_0.

    Args:
        model: a segmenter.
        scan: with its label.
        target: see `target_mask`.
        start: whose masks the initial contours are; None for simulated ones, which depend on the scan alone.
        batch_size: slices at a time, of the start.
    """
    spacing = np.tile(np.asarray(scan.spacing_mm[1:], np.float32), (len(scan.image), 1))
    inputs = {"image": scan.image[..., None].astype(np.float32), "spacing": spacing}
    if not (kind := model.model.given_contour):
        return inputs
    if start is None:
        reference = target_mask(scan.label, target)[..., None]
        contours = simulated_contours(kind, reference, spacing, np.random.default_rng(scan.volume_id))
        return {**inputs, "phi_0": contours}
    masks = inside(predict(start, inputs, batch_size)[..., 0])
    distances = [distance_to_pixels(*pair) for pair in zip(masks, spacing, strict=True)]
    return {**inputs, "phi_0": np.stack(distances)[..., None]}


def score_scan(
    model: AnySize,
    scan: Scan,
    fold: Fold,
    target: str,
    batch_size: int,
    contiguous: bool = False,
    tolerance_mm: float = scoring.SURFACE_TOLERANCE_MM,
    start: AnySize | None = None,
) -> dict[str, Any]:
    """Segments a scan and returns its scores, as of `scoring.scan_row`, with those of the contours that it was given.

    Args:
        model: a segmenter.
        scan, fold, target, contiguous, tolerance_mm: see `scoring.scan_row`.
        batch_size: slices at a time.
        start: see `scan_inputs`.
    """
    inputs = scan_inputs(model, scan, target, start, batch_size)

    def scores(phi):
        return scoring.scan_row(scan, inside(phi[..., 0]), fold, target, contiguous, tolerance_mm)

    row = scores(predict(model, inputs, batch_size))
    if "phi_0" in inputs:
        of_start = scores(inputs["phi_0"])
        row |= {f"start_{name}": of_start[name] for name in OF_START}
    return row


def _provenance(run: RunDir, model: AnySize, source: Source, trained: Mapping[str, Any], fold: Fold) -> dict[str, Any]:
    training = trained.get("training", {})
    return {
        "model": trained["model"],
        "dataset": source.name,
        "synthetic": source.synthetic,
        "fold": fold,
        "target": trained["target"],
        "parameters": model.count_params(),
        "hold_back": trained.get("hold_back"),
        "seed": trained["seed"],
        **training,
        **{name: trained[name] for name in ("image_size", "window_hu", "mixed_precision", "jit", "command")},
        "machine": training.get("machine", machine()),
        "scored_on": machine(),
    }


def print_results(results: Mapping[str, Any]) -> None:
    """Prints the table that ends `train` and `evaluate`."""
    rows = [
        ("model", f"{results['model']}, {results['parameters']:,} parameters"),
        *(_score_rows(results) if results["scans"] else [("data", results["dataset"]), ("score", UNSCORED)]),
        ("seconds of training", f"{results.get('seconds_train', float('nan')):.0f}"),
        ("artefacts", results["run_dir"]),
    ]
    for name, value in rows:
        print(f"{name:<22} {value}")
    if results["synthetic"]:
        print(SYNTHETIC_NOTICE)


def _score_rows(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    fold = results["fold"]
    part = {ALL: "all folds", EXTRA: "volumes in no fold"}.get(fold, f"fold {fold} held out")
    rows = [
        ("data", f"{results['dataset']}, {part}: {results['scans']} scans"),
        ("Dice per scan, mean", f"{results['dice_per_scan_mean']:.4f}"),
        ("Dice per scan, median", f"{results['dice_per_scan_median']:.4f}"),
        ("Dice per scan, min", f"{results['dice_per_scan_min']:.4f}"),
        ("Dice per slice, mean", f"{results['dice_per_slice_mean']:.4f}"),
        ("HD95, mean", _mm(results["hd95_mm_mean"])),
        ("HD95, median", _mm(results["hd95_mm_median"])),
        ("surface distance, mean", _mm(results["assd_mm_mean"])),
    ]
    if "started_from" in results:
        rows[1:1] = [
            ("started from", results["started_from"]),
            ("Dice of the start", f"{results['start_dice_mean']:.4f}"),
            ("HD95 of the start", _mm(results["start_hd95_mm_mean"])),
        ]
    return rows


def _mm(value: float | None) -> str:
    return "not known, the spacing is guessed" if value is None else f"{value:.2f} mm"


def main() -> dict[str, Any]:
    """Reads the flags and evaluates."""
    values = flags.FLAGS
    run_dir = values.run_dir
    fold = parsed_fold(values.fold) if values.fold else None
    own = {
        name: values[name].value
        for name in ("dataset", "data_dir", "arrays", "results_dir", "start_from", "batch_size")
    }
    config = Config(run_dir, fold=fold, surface_tolerance_mm=values.surface_tolerance_mm, **own)
    return {**evaluate(config), "run_dir": str(pathlib.Path(run_dir))}


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_dataset_flags(default=None)
    common_flags.define_arrays_flag()
    common_flags.define_run_dir_flag()
    flags.DEFINE_enum(
        "fold",
        None,
        [*map(str, range(NUM_FOLDS)), EXTRA, ALL],
        "Fold whose scans are scored: a number, extra for the volumes in no fold, or all (default: the one held out).",
    )
    flags.DEFINE_string("results_dir", None, "Where results.json and dice.csv are written (default: --run_dir).")
    flags.DEFINE_string("start_from", None, "Run whose masks a refiner starts from (default: simulated contours).")
    flags.DEFINE_integer("batch_size", 16, "Slices at a time.", lower_bound=1)
    flags.DEFINE_float(
        "surface_tolerance_mm", scoring.SURFACE_TOLERANCE_MM, "Of the surface Dice, mm.", lower_bound=0.0
    )


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
