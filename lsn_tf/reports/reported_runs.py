"""What a report reads of trainings: their folders, and a table of them in which every run has a label."""

import csv
import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lsn_tf.artifacts import RunDir, read_json
from lsn_tf.data.folds import NO_FOLD
from lsn_tf.studies.trained_runs import TrainedRun, read_run

OF_A_RUN = ("fold", "seed")  # options in which runs of one model differ
NOT_OPTIONS = ("model", *OF_A_RUN, "command", "training", "data_dir", "arrays", "synthetic", "jit", "multi_gpu")


@dataclasses.dataclass(frozen=True, eq=False)
class ReportedRun:
    """A training, or scores of a method that is not trained, and what there is of it.

    Attributes:
        name: of its folder.
        of: status, results and scores.
        dataset, target: what it was scored on.
        synthetic: whether no patient is in that.
        config: of config.json; {} where it is not there.
        folder: the run, where it is there.
        history: rows of history.csv, numbers by name.
        certificate: of certificate.json.
        note: what the label stands for, where that needs a word.
    """

    name: str
    of: TrainedRun
    dataset: str
    target: str
    synthetic: bool
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    folder: RunDir | None = None
    history: Sequence[Mapping[str, float]] = ()
    certificate: Mapping[str, Any] | None = None
    note: str = ""

    @property
    def model(self) -> str:
        return self.of.model


def read_folders(paths: Sequence[pathlib.Path]) -> list[ReportedRun]:
    """Returns the runs in folders of `lsn_tf.train`, finished or not.

    Raises:
        FileNotFoundError: for a folder that is no run.
        ValueError: for a file that is damaged, a run that has held out no fold, or two runs that differ in nothing.
    """
    folders = [RunDir(path) for path in paths]
    configs = [_checked(folder, lambda folder=folder: _config(folder)) for folder in folders]
    for folder, config in zip(folders, configs, strict=True):
        if config["fold"] == NO_FOLD:
            raise ValueError(
                "run_dir must be a run with a held-out fold, whose scores are reported. Received "
                f"{folder.path}, which was trained on all of them. Leave it out."
            )
    labels = labels_of(configs)
    return [
        _checked(f, lambda f=f, c=c, n=n: read_folder(f, c, n))
        for f, c, n in zip(folders, configs, labels, strict=True)
    ]


def read_folder(run: RunDir, config: Mapping[str, Any], label: str) -> ReportedRun:
    """Returns the run in a folder, under a label."""
    of = read_run(run, label, int(config["fold"]), int(config["seed"]))
    if of.done and not {int(row["volume_id"]): float(row["dice"]) for row in of.scans}:
        raise ValueError(f"{run.dice.name} without a scan")
    return ReportedRun(
        name=run.path.resolve().name,
        of=of,
        dataset=config["dataset"],
        target=config["target"],
        synthetic=bool(config.get("synthetic", False)),
        config=config,
        folder=run,
        history=read_history(run.history),
        certificate=read_json(run.certificate) if run.certificate.is_file() else None,
    )


def _config(run: RunDir) -> dict[str, Any]:
    config = run.read_config()
    for name in ("model", *OF_A_RUN, "dataset", "target"):
        config[name]  # noqa: B018 (raises)
    return config


def labels_of(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns a label for each run: its model and, where runs of one model were trained otherwise, the options.

    Raises:
        ValueError: for two runs that differ in nothing, not even in fold or seed.
    """
    labels = []
    for config in configs:
        same = [other for other in configs if other["model"] == config["model"]]
        names = [name for name in config if name not in NOT_OPTIONS]
        differing = [name for name in names if any(other.get(name) != config[name] for other in same)]
        options = ",".join(f"{name}={config[name]}" for name in differing)
        joint = "," if ":" in config["model"] else ":"
        labels.append(config["model"] + joint * bool(options) + options)
    return labels


def read_history(path: pathlib.Path) -> list[dict[str, float]]:
    """Returns the rows of history.csv with the numbers that are in it; [] where there is none."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    return [row for row in rows if math.isfinite(row.get("epoch", math.nan))]


def _checked(run: RunDir, read):
    """Returns what is read of a run. Raises ValueError, which names the folder, where a file of it is damaged."""
    try:
        return read()
    except OSError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{run.path} must hold the files of a run as lsn_tf.train writes them. Received damaged ones: {what}"
        ) from error
