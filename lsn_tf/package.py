"""Makes the weights that come with the package of a training run: the weights, a model card, a checksum.

    python -m lsn_tf.package --run_dir=runs/lsn --name=lsn --crossval=results/lits_mini/crossval/crossval.csv

Writes NAME.keras (below 1 MB, without the state of the optimizer), NAME.json and NAME.md. The card has data and
licence, the Dice of every fold from the table of `crossval`, the intended use and the sha256, which is checked at every
load.
"""

import csv
import pathlib
from collections.abc import Mapping
from typing import Any

from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir
from lsn_tf.weights.packaged import FOLDER, write_weights


def fold_scores(path: str, model: str) -> dict[str, float]:
    """Returns the mean Dice per scan of a model on each fold, and over the folds, from a table of `crossval`.

    Raises:
        ValueError: if the table has no such model.
    """
    with pathlib.Path(path).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == model and row["dice_per_scan_mean"]]
    if not rows:
        raise ValueError(f"{path} must have rows of the model {model!r} of the run. Received none.")
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(f"Dice per scan, fold {row['fold']} held out", []).append(float(row["dice_per_scan_mean"]))
    means = {name: sum(values) / len(values) for name, values in sorted(scores.items())}
    means["Dice per scan, mean over the folds"] = sum(means.values()) / len(means)
    return {name: round(value, 4) for name, value in means.items()}


def main() -> dict[str, Any]:
    """Reads the flags and writes the weights."""
    values = flags.FLAGS
    run = RunDir(values.run_dir)
    scores = fold_scores(values.crossval, run.read_config()["model"]) if values.crossval else {}
    folder = pathlib.Path(values.weights_dir)
    card = write_weights(run, values.name, scores, folder)
    return {"weights": str(folder / f"{values.name}.keras"), **card}


def print_results(results: Mapping[str, Any]) -> None:
    """Prints where the weights lie."""
    print(f"{results['weights']}: {results['bytes']:,} bytes, sha256 {results['sha256']}")


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_run_dir_flag()
    flags.DEFINE_string("name", None, "What predict --model calls it.", required=True)
    flags.DEFINE_string("crossval", None, "Table crossval.csv that the card has the folds' scores from.")
    flags.DEFINE_string("weights_dir", str(FOLDER), "Where to.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
