"""Makes the weights that come with the package of a training run: the weights, a model card, a checksum.

    python -m lsn_tf.train --fold=none --dataset=liver_lits --run_dir=runs/lsn
    python -m lsn_tf.package --run_dir=runs/lsn --name=lsn --results_dir=results/lits_mini/crossval

Writes NAME.keras (below 1 MB, without the state of the optimizer), NAME.json and NAME.md. The card has data and
licence, scores, the intended use and the sha256, which is checked at every load. Scores are those of `crossval`, from
its --results_dir: a run that has held out nothing has none of its own, and trainings of the same model in the same way,
each scored on a fold that it has not seen, say what to expect of it.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir, read_json
from lsn_tf.weights.packaged import FOLDER, write_weights

SAME = ("target", "image_size", "window_hu", "epochs")  # of run and folds, if the scores are to be those of the card


def fold_scores(results_dir: str, trained: Mapping[str, Any]) -> dict[str, float]:
    """Returns the mean Dice per scan of a model on each fold and over the folds, and the lowest of all scans.

    Args:
        results_dir: folder that `crossval` has written, with crossval.json.
        trained: config.json of the run whose model and training it is.

    Raises:
        FileNotFoundError: if there is no such record.
        ValueError: if it has no training of the model, or one on other data or with other settings.
    """
    path = pathlib.Path(results_dir) / "crossval.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"expected the folder that crossval has written. Received {path.parent}, without {path.name}."
        )
    done = [row for row in read_json(path)["runs"] if row["status"] == "done" and row["model"] == trained["model"]]
    if not done:
        raise ValueError(f"{path} must have trainings of the model {trained['model']!r} of the run. Received none.")
    for row in done:
        _check_same(path, row, trained)
    scores: dict[int, list[float]] = {}
    for row in done:
        scores.setdefault(row["fold"], []).append(row["dice_per_scan_mean"])
    means = {fold: sum(values) / len(values) for fold, values in sorted(scores.items())}
    named = {f"Dice per scan, fold {fold} held out": mean for fold, mean in means.items()}
    named["Dice per scan, mean over the folds"] = sum(means.values()) / len(means)
    named["Dice per scan, the lowest of all scans"] = min(row["dice_per_scan_min"] for row in done)
    return {name: round(value, 4) for name, value in named.items()}


def _check_same(path: pathlib.Path, row: Mapping[str, Any], trained: Mapping[str, Any]) -> None:
    pairs = {name: (row[name], trained[name]) for name in SAME}
    pairs["dataset"] = tuple(one["dataset"].partition("@")[0] for one in (row, trained))  # "@128": resized before
    for name, (of_fold, of_run) in pairs.items():
        if of_fold != of_run:
            raise ValueError(
                f"{path}: expected scores of trainings like that of the run, with {name}={of_run}. Received "
                f"{name}={of_fold} on fold {row['fold']}. Give the folder of a crossval of the same training."
            )


def main() -> dict[str, Any]:
    """Reads the flags and writes the weights."""
    values = flags.FLAGS
    run = RunDir(values.run_dir)
    scores = fold_scores(values.results_dir, run.read_config()) if values.results_dir else {}
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
    flags.DEFINE_string("results_dir", None, "Folder that crossval has written, for the folds' scores on the card.")
    flags.DEFINE_string("weights_dir", str(FOLDER), "Where to.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
