"""Trains, scores and exports several models on several folds with several seeds, and compares them scan by scan.

    python -m lsn_tf.crossval --models=lse,lsn,unet --folds=0,1,2,3,4 --seeds=3

Models are separated by commas, semicolons or spaces. Options may follow the name of one, of the model and of the
training alike, so that variations are models too: --models="lsn lsn:width=8,epochs=20 unet". The options of the
training are flags as well, as `python -m lsn_tf.train` has them, and hold for all models then.

Each training is a process of its own, --jobs at a time, in a folder of its own in --runs_dir, its log beside it. The
same command goes on where it was killed: what has finished is kept, what was broken off is resumed. A training that
fails is reported and does not stop the others. Several such commands may share the work. With --table_only the tables
are made of what there is.

Writes into --results_dir: crossval.md (the tables), crossval.json (all of it), crossval.csv (a row a training),
scans.csv (a row a training and held-out scan), certificates/ (of every training that is done) and, with matplotlib,
crossval.png. Exits with 1 if a training has failed.
"""

import dataclasses
import logging
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from lsn_tf import common_flags, train
from lsn_tf.artifacts import RunDir, file_name, read_json, replaced, versions, write_csv, write_json
from lsn_tf.data.folds import NUM_FOLDS, training_folds
from lsn_tf.data.sources import Source, open_source
from lsn_tf.evaluate import SYNTHETIC_NOTICE
from lsn_tf.models import build_model
from lsn_tf.studies.dice_figure import draw_dice
from lsn_tf.studies.fold_page import page
from lsn_tf.studies.fold_tables import MEANS, fold_rows, model_row, paired_rows
from lsn_tf.studies.processes import environments
from lsn_tf.studies.trained_runs import FAILED, MISSING, TrainedRun
from lsn_tf.studies.trainings import Training, train_all
from lsn_tf.studies.variants import Variant, parse_variants

logger = logging.getLogger(__name__)
JAX_CACHE = "JAX_COMPILATION_CACHE_DIR"
TRAINER = (sys.executable, "-m", "lsn_tf.train")
OF_CROSSVAL = ("model", "fold", "seed", "dataset", "data_dir")
TRAINING_OPTIONS = tuple(field.name for field in dataclasses.fields(train.Config) if field.name not in OF_CROSSVAL)
PACKAGES = ("lsn_tf", "keras", "tensorflow", "jax", "numpy", "scipy")
RESULT_COLUMNS = (
    *("parameters", "dice_per_scan_mean", "dice_per_scan_median", "dice_per_scan_min", *MEANS),
    *("epochs", "seconds_train"),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """A cross-validation.

    Attributes:
        models: see `parse_variants`.
        folds: to hold out, one after the other.
        seeds: how many are trained on every fold.
        extra_seeds: how many instead, on some of the folds.
        first_seed: the first of them; the others follow.
        dataset, data_dir: see `open_source`.
        training: options of `train.Config`, for all models.
        runs_dir: where the trainings lie; None for runs/crossval/DATASET.
        results_dir: where the record is written; None for results/DATASET.
        reference: the model that the others are compared with; None for the last U-Net among them.
        jobs: trainings at a time; None for one on each GPU, or on each core.
        table_only: whether to train nothing.
        command: what was typed, for the record.
    """

    models: str
    folds: tuple[int, ...] = tuple(range(NUM_FOLDS))
    seeds: int = 1
    extra_seeds: Mapping[int, int] = dataclasses.field(default_factory=dict)
    first_seed: int = 0
    dataset: str = "auto"
    data_dir: str | None = None
    training: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    runs_dir: str | None = None
    results_dir: str | None = None
    reference: str | None = None
    jobs: int | None = None
    table_only: bool = False
    command: str = ""

    def __post_init__(self):
        for fold in self.folds:
            training_folds(fold)  # raises for a fold that does not exist
        if not self.folds or len(set(self.folds)) != len(self.folds):
            raise ValueError(f"folds must be different ones, one at least. Received {self.folds}.")
        if min([self.seeds, *self.extra_seeds.values()]) < 1 or not set(self.extra_seeds) <= set(self.folds):
            raise ValueError(
                "seeds must be at least 1, and extra_seeds for folds that are held out. "
                f"Received seeds={self.seeds}, extra_seeds={dict(self.extra_seeds)}, folds={self.folds}."
            )

    def seeds_of(self, fold: int) -> range:
        """Returns the seeds that are trained on a fold."""
        return range(self.first_seed, self.first_seed + self.extra_seeds.get(fold, self.seeds))


def crossval(config: Config, trainer: Sequence[str] = TRAINER) -> dict[str, Any]:
    """Trains what is missing and writes the record. Returns it, as in crossval.json, and where it lies.

    Args:
        config: what to train.
        trainer: the command that trains, with the flags of `python -m lsn_tf.train`.

    Raises:
        ValueError, FileNotFoundError: for bad input, before anything is trained.
        RuntimeError: if it is interrupted; all trainings can be resumed then.
    """
    variants = parse_variants(config.models, TRAINING_OPTIONS)
    _check_starts(variants)
    reference = chosen_reference(variants, config.reference)
    arrays = config.training.get("arrays")
    source = open_source(config.dataset, config.data_dir, *[arrays] * bool(arrays))
    if source.synthetic:
        logger.warning(SYNTHETIC_NOTICE)
    trainings = plan(config, variants, source)
    places = environments(config.jobs or (1 if config.training.get("multi_gpu") else None), len(trainings))
    places = [{**compiled_once(trainings[0].run.path.parent), **place} for place in places]
    for training in trainings:
        training.check()
    failures = {} if config.table_only else train_all(trainings, places, trainer)
    runs = [training.read(failures.get(training.name, "")) for training in trainings]
    labels = [variant.label for variant in variants]
    record = {
        "command": config.command,
        "dataset": source.name,
        "synthetic": source.synthetic,
        "target": trainings[0].config.target,
        "models": labels,
        "folds": list(config.folds),
        "seeds": {str(fold): list(config.seeds_of(fold)) for fold in config.folds},
        **tables(runs, labels, config.folds, reference),
        "versions": versions(PACKAGES),
        "runs": [_run_record(*pair) for pair in zip(runs, trainings, strict=True)],
    }
    folder = pathlib.Path(config.results_dir or f"results/{file_name(source.name)}")
    for training, run in zip(trainings, runs, strict=True):
        if run.certified is not None:
            certificate = read_json(training.run.certificate)
            write_json(folder / "certificates" / f"{training.run.path.name}.json", certificate)
    write_record(record, runs, folder)
    return {**record, "results_dir": str(folder)}


def tables(
    runs: Sequence[TrainedRun], labels: Sequence[str], folds: Sequence[int], reference: str | None
) -> dict[str, Any]:
    """Returns what a record says of all runs together, as in crossval.json."""
    return {
        "reference": reference,
        "failed": sum(run.status == FAILED for run in runs),
        "missing": sum(run.status == MISSING for run in runs),
        "fold_table": fold_rows(runs, labels, folds),
        "model_table": [model_row(label, runs) for label in labels],
        "paired": paired_rows(runs, labels, reference),
        "machines": sorted({run.results["machine"] for run in runs if "machine" in run.results}),
    }


def compiled_once(runs_dir: pathlib.Path) -> dict[str, str]:
    """Returns what lets trainings on JAX share what XLA compiles, unless the environment says where to keep it.

    Seeds of a fold differ in nothing that is compiled, which takes a minute on a GPU for a level set network.
    """
    return {} if JAX_CACHE in os.environ else {JAX_CACHE: str((runs_dir / "compiled").absolute())}


def _check_starts(variants: Sequence[Variant]) -> None:
    """Raises ValueError for a model that is given a contour which knows the reference, as if it could be compared."""
    for variant in variants:
        if build_model(variant.model, train.PUBLISHED_WINDOW_HU).given_contour:
            raise ValueError(
                f"models must need no initial contour. Received {variant.label!r}, which is given one that "
                "knows the reference. Train it with python -m lsn_tf.train, which scores it too."
            )


def chosen_reference(variants: Sequence[Variant], asked: str | None) -> str | None:
    """Returns the model that the others are compared with: the one asked for, or the last U-Net, if there is one."""
    labels = [variant.label for variant in variants]
    if asked is not None and asked not in labels:
        raise ValueError(f"reference must be one of the models, {labels}. Received {asked!r}.")
    return asked or next((label for label in reversed(labels) if label.startswith("unet")), None)


def plan(config: Config, variants: Sequence[Variant], source: Source) -> list[Training]:
    """Returns all trainings, those with the first seed first, so that early tables have all models and folds."""
    root = pathlib.Path(config.runs_dir or f"runs/crossval/{file_name(source.name)}")
    epochs = train.EPOCHS_SYNTHETIC if source.synthetic else train.EPOCHS_LITS
    shared = {"epochs": epochs, **config.training, "dataset": source.name, "data_dir": config.data_dir}
    trainings = []
    for seed in sorted({seed for fold in config.folds for seed in config.seeds_of(fold)}):
        for fold in (fold for fold in config.folds if seed in config.seeds_of(fold)):
            for variant in variants:
                of_run = {"model": variant.model, "fold": fold, "seed": seed}
                folder = root / f"{file_name(variant.label)}-fold{fold}-seed{seed}"
                trainings.append(
                    Training(variant.label, _config({**shared, **variant.training, **of_run}), RunDir(folder))
                )
    return trainings


def _config(options: Mapping[str, Any]) -> train.Config:
    try:
        return train.Config(**options)
    except TypeError as error:
        raise ValueError(f"options of the training must be as its flags are. Received {dict(options)}.") from error


def _run_record(run: TrainedRun, training: Training) -> dict[str, Any]:
    own = {"model": run.model, "fold": run.fold, "seed": run.seed, "status": run.status, "reason": run.reason}
    return {**own, "certified": run.certified, "run_dir": str(training.run.path), **run.results, **own}


def write_record(record: Mapping[str, Any], runs: Sequence[TrainedRun], folder: pathlib.Path) -> None:
    """Writes crossval.md, crossval.json, crossval.csv and, where a training is done, scans.csv and crossval.png."""
    write_json(folder / "crossval.json", record)
    with replaced(folder / "crossval.md") as temporary:
        temporary.write_text(page(record))
    write_csv(folder / "crossval.csv", [_csv_row(run) for run in runs])
    rows = [{"model": run.model, "seed": run.seed, **scan} for run in runs for scan in run.scans]
    if rows:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        write_csv(folder / "scans.csv", [{name: row.get(name, "") for name in columns} for row in rows])
        draw_dice(record, folder / "crossval.png")


def _csv_row(run: TrainedRun) -> dict[str, Any]:
    own = {"model": run.model, "fold": run.fold, "seed": run.seed, "status": run.status}
    certified = {True: "yes", False: "no", None: ""}[run.certified]
    return {**own, **{name: run.results.get(name, "") for name in RESULT_COLUMNS}, "certified": certified}


def print_page(record: Mapping[str, Any]) -> None:
    """Prints crossval.md."""
    print(page(record), end="")


def parsed_seeds(items: Sequence[str]) -> dict[int, int]:
    """Returns {fold: seeds} of ["FOLD:SEEDS", ...]. Raises ValueError for anything else."""
    pairs = [re.fullmatch(r"(\d+):(\d+)", item) for item in items]
    if not all(pairs):
        raise ValueError(f"extra_seeds must be FOLD:SEEDS,FOLD:SEEDS, as in 0:3,2:3. Received {','.join(items)!r}.")
    return {int(pair[1]): int(pair[2]) for pair in pairs}


def main() -> dict[str, Any]:
    """Reads the flags, trains and makes the tables."""
    values = flags.FLAGS
    training = {name: values[name].value for name in TRAINING_OPTIONS if values[name].present}
    if "window_hu" in training:
        training["window_hu"] = train.parsed_window(values.window_hu)
    if not all(fold.isdigit() for fold in values.folds):
        raise ValueError(f"folds must be numbers, as in 0,1,2,3,4. Received {','.join(values.folds)!r}.")
    own = {name: values[name].value for name in ("models", "seeds", "first_seed", "dataset", "data_dir", "runs_dir")}
    own |= {name: values[name].value for name in ("results_dir", "reference", "jobs", "table_only")}
    folds, extra_seeds = tuple(map(int, values.folds)), parsed_seeds(values.extra_seeds)
    command = shlex.join(["python", "-m", "lsn_tf.crossval", *sys.argv[1:]])
    return crossval(Config(**own, folds=folds, extra_seeds=extra_seeds, training=training, command=command))


def define_flags() -> None:
    """Defines the flags of this command: its own, and those of the training but for what differs between runs."""
    train.define_flags()
    for name in ("model", "fold", "seed", "run_dir", "resume"):
        delattr(flags.FLAGS, name)
    flags.DEFINE_string(
        "models", "lse,lsn,unet", "Models, as --model of train; options of the training may be among theirs."
    )
    flags.DEFINE_list("folds", [str(fold) for fold in range(NUM_FOLDS)], "Folds to hold out, one after the other.")
    flags.DEFINE_integer("seeds", 1, "How many seeds on every fold: --first_seed and those that follow.")
    flags.DEFINE_integer("first_seed", 0, "The first seed, where others are trained elsewhere.", lower_bound=0)
    flags.DEFINE_list("extra_seeds", [], "FOLD:SEEDS,FOLD:SEEDS; how many seeds instead on these folds.")
    flags.DEFINE_string("runs_dir", None, "Where the trainings lie (default: runs/crossval/DATASET).")
    flags.DEFINE_string("results_dir", None, "Where the tables are written (default: results/DATASET).")
    flags.DEFINE_string("reference", None, "Model that the others are compared with (default: the last U-Net).")
    flags.DEFINE_integer("jobs", None, "Trainings at a time (default: one a GPU, or one a core).", lower_bound=1)
    flags.DEFINE_bool("table_only", False, "Train nothing, make the tables of what has finished.")


if __name__ == "__main__":
    outcome: dict[str, Any] = {}
    common_flags.run_command(lambda: outcome.update(main()) or outcome, define_flags, __doc__, print_page)
    sys.exit(1 if outcome["failed"] else 0)
