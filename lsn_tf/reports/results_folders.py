"""What a report reads of results: of `lsn_tf.crossval`, or the scores that `evaluate` and `solve --calibrate` write."""

import csv
import pathlib
from collections.abc import Mapping
from typing import Any

from lsn_tf.artifacts import RunDir, read_json
from lsn_tf.reports.reported_runs import ReportedRun, read_history
from lsn_tf.studies.trained_runs import DONE, TrainedRun

RECORD, SCANS, CERTIFICATES = "crossval.json", "scans.csv", "certificates"
OF_TRAINING = ("image_size", "window_hu", "epochs", "hold_back", "mixed_precision", "jit", "command")


def read_results(
    folder: pathlib.Path, runs_dir: pathlib.Path | None = None
) -> tuple[list[ReportedRun], dict[str, Any]]:
    """Returns the runs of a folder of results and, of a cross-validation, its record; {} of other results.

    Args:
        folder: with crossval.json and scans.csv, or with results.json and dice.csv.
        runs_dir: where the trainings lie; None for where they were.

    Raises:
        FileNotFoundError: if it is neither.
        ValueError: for files that are damaged.
    """
    scores = RunDir(folder)
    try:
        if (folder / RECORD).is_file():
            record = read_json(folder / RECORD)
            return _of_crossval(folder, record, runs_dir), record
        if scores.results.is_file() and scores.dice.is_file():
            return _of_scores(scores), {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{folder} must hold results as lsn_tf.crossval or evaluate write them. Received damaged ones: {what}"
        ) from error
    raise FileNotFoundError(
        f"expected the results of a cross-validation, {RECORD} and {SCANS}, or {scores.results.name} and "
        f"{scores.dice.name}. Received {folder}. Make them with: python -m lsn_tf.crossval --results_dir={folder}"
    )


def _of_crossval(folder: pathlib.Path, record: Mapping[str, Any], runs_dir: pathlib.Path | None) -> list[ReportedRun]:
    scans: dict[tuple[str, int, int], list[dict[str, str]]] = {}
    if (folder / SCANS).is_file():
        for row in read_rows(folder / SCANS):
            scans.setdefault((row["model"], int(row["fold"]), int(row["seed"])), []).append(row)
    runs = []
    for row in record["runs"]:
        key = row["model"], row["fold"], row["seed"]
        if row["status"] == DONE and key not in scans:
            raise ValueError(f"{SCANS} has no scans of {row['model']}, fold {row['fold']}, seed {row['seed']}")
        place = pathlib.Path(row["run_dir"])
        run = RunDir(runs_dir / place.name if runs_dir else place)
        there = run.config.is_file()
        kept = folder / CERTIFICATES / f"{place.name}.json"
        certificate = kept if kept.is_file() else run.certificate
        runs.append(
            ReportedRun(
                name=place.name,
                of=TrainedRun(*key, row["status"], row["reason"], row, scans.get(key, ()), row["certified"]),
                dataset=record["dataset"],
                target=record["target"],
                synthetic=record["synthetic"],
                config=run.read_config() if there else {name: row[name] for name in OF_TRAINING if name in row},
                folder=run if there else None,
                history=read_history(run.history) if there else (),
                certificate=read_json(certificate) if certificate.is_file() else None,
            )
        )
    return runs


def _of_scores(scores: RunDir) -> list[ReportedRun]:
    """Returns a run for each fold in dice.csv, with the scores of all scans, and the means if there is one fold."""
    results, rows = read_json(scores.results), read_rows(scores.dice)
    label, _, more = results["model"].partition(", ")
    folds = sorted({row["fold"] for row in rows})
    if not all(fold.isdigit() for fold in folds):
        raise ValueError(f"scans of the folds {', '.join(folds)}; a report takes the published folds, 0 to 4")
    means = results if len(folds) == 1 and isinstance(results.get("parameters"), int) else {}
    about = {"command": results["command"], "machine": results["machine"]}
    return [
        ReportedRun(
            name=scores.path.resolve().name,
            of=TrainedRun(
                *(label, int(fold), int(results.get("seed", 0)), DONE, "", {**means, **about}),
                [row for row in rows if row["fold"] == fold],
            ),
            dataset=results["dataset"],
            target=results.get("target", "liver"),
            synthetic=results["synthetic"],
            note=f"{label} is {more}." if more else "",
        )
        for fold in folds
    ]


def read_rows(path: pathlib.Path) -> list[dict[str, str]]:
    """Returns the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
