"""Joins records of cross-validations that share out models, folds or seeds.

    python docs/joined_records.py --models=lsn,unet --results_dir=results/lits_mini/seeds \\
        results/lits_mini/crossval results/lits_mini/seeds/folds_0_2 results/lits_mini/seeds/folds_1_3_4

Reads crossval.json and scans.csv of each, as `python -m lsn_tf.crossval` writes them, and writes what one command would
have written. A training that is in two records is taken once, if both say the same of it. Certificates stay where
they are.
"""

import argparse
import csv
import pathlib
import shlex
import sys
from collections.abc import Collection, Sequence
from typing import Any

from lsn_tf.artifacts import read_json
from lsn_tf.crossval import TRAINING_OPTIONS, chosen_reference, tables, write_record
from lsn_tf.studies.fold_page import page
from lsn_tf.studies.trained_runs import TrainedRun
from lsn_tf.studies.variants import parse_variants

OF_ALL = ("dataset", "synthetic", "target")  # what the records must agree on
OF_A_MODEL = ("parameters", "epochs", "image_size", "window_hu", "mixed_precision")  # what all of its runs must


def join(
    folders: Sequence[pathlib.Path],
    models: str,
    results_dir: pathlib.Path,
    reference: str | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Writes the joined record. Returns it.

    Args:
        folders: of the records.
        models: those that are wanted, as `--models` of `python -m lsn_tf.crossval`.
        results_dir: where it is written.
        reference: the model that the others are compared with; None for the last U-Net.
        command: what was typed, for the record.

    Raises:
        FileNotFoundError: if a folder holds no record.
        ValueError: if the records contradict one another, a model is in none of them, or the reference is not wanted.
    """
    records = [read_json(folder / "crossval.json") for folder in folders]
    variants = parse_variants(models, TRAINING_OPTIONS)
    labels = [variant.label for variant in variants]
    rows, runs = {}, {}
    for folder, record in zip(folders, records, strict=True):
        of_scans = _scans(folder / "scans.csv")
        for row in (row for row in record["runs"] if row["model"] in labels):
            key = row["seed"], row["fold"], row["model"]
            run = _run(row, of_scans.get(key, []))
            if key in runs and (runs[key].status, runs[key].scans) != (run.status, run.scans):
                raise ValueError(f"{folder} must have the scores of {key} that another record has. Received others.")
            rows.setdefault(key, row)
            runs.setdefault(key, run)
    for label in labels:
        done = [run.results for run in runs.values() if run.model == label and run.done]
        if not done:
            raise ValueError(f"models must have a run in one of the records. Received {label!r}.")
        for name in OF_A_MODEL:
            _check_alike(f"{name} of {label}", [results.get(name) for results in done])
    keys = sorted(runs, key=lambda key: (*key[:2], labels.index(key[-1])))
    folds = sorted({key[1] for key in keys})
    record = {
        "command": command,
        **{name: _check_alike(name, [record[name] for record in records]) for name in OF_ALL},
        "models": labels,
        "folds": folds,
        "seeds": {str(fold): sorted({key[0] for key in keys if key[1] == fold}) for fold in folds},
        **tables([runs[key] for key in keys], labels, folds, chosen_reference(variants, reference)),
        "versions": [record["versions"] for record in records],
        "commands": [record["command"] for record in records],
        "runs": [rows[key] for key in keys],
    }
    write_record(record, [runs[key] for key in keys], results_dir)
    return record


def _scans(path: pathlib.Path) -> dict[tuple[int, int, str], list[dict[str, str]]]:
    """Returns the scores of the scans of each run, by seed, fold and model."""
    scans = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            model, seed = row.pop("model"), int(row.pop("seed"))
            scans.setdefault((seed, int(row["fold"]), model), []).append(row)
    return scans


def _run(row: dict[str, Any], scans: Sequence[dict[str, str]]) -> TrainedRun:
    own = {name: row[name] for name in ("model", "fold", "seed", "status", "reason", "certified")}
    return TrainedRun(**own, results={name: value for name, value in row.items() if name not in own}, scans=scans)


def _check_alike(name: str, values: Collection[Any]) -> Any:
    """Returns what all values are. Raises ValueError if they differ."""
    first, *others = values
    different = [other for other in others if other != first]
    if different:
        raise ValueError(f"records that are joined must have the same {name}. Received {first!r} and {different[0]!r}.")
    return first


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True)
    parser.add_argument("--reference", help="that the others are compared with (default: the last U-Net)")
    parser.add_argument("--results_dir", required=True, type=pathlib.Path)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    given = parser.parse_args()
    typed = shlex.join(["python", "docs/joined_records.py", *sys.argv[1:]])
    try:
        print(page(join(given.folders, given.models, given.results_dir, given.reference, typed)), end="")
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"joined_records: {error}")
