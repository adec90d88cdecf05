"""The tables of a cross-validation, from the scores of its runs: Dice of each fold, the models, paired differences."""

import dataclasses
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from lsn_tf.studies import published
from lsn_tf.studies.paired import paired_difference
from lsn_tf.studies.trained_runs import TrainedRun

MEANS = (  # of results.json, shown for each model where they are there
    "dice_per_slice_mean",
    "hd95_mm_mean",
    "assd_mm_mean",
    "surface_dice_mean",
    "volume_error_mean_abs",
    "dice_largest_component_mean",
)


@dataclasses.dataclass(frozen=True)
class Average:
    """A mean of Dice per scan: over seeds, for an average also over folds.

    Attributes:
        dice: the mean; None if a run that it needs is not done.
        deviation: standard deviation over seeds; None unless there are several, the same ones in every fold.
        seeds: over how many, in the fold with the fewest.
    """

    dice: float | None
    deviation: float | None
    seeds: int


def average(runs: Iterable[TrainedRun], folds: Collection[int]) -> Average:
    """Returns the mean over folds of the mean over seeds of one model's Dice per scan."""
    scores = {fold: {run.seed: run.dice for run in runs if run.fold == fold and run.done} for fold in folds}
    fewest = min(len(of_fold) for of_fold in scores.values())
    if not fewest:
        return Average(None, None, 0)
    dice = float(np.mean([np.mean(list(of_fold.values())) for of_fold in scores.values()]))
    common = set.intersection(*(set(of_fold) for of_fold in scores.values()))
    by_seed = [np.mean([of_fold[seed] for of_fold in scores.values()]) for seed in sorted(common)]
    return Average(dice, float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None, fewest)


def fold_rows(runs: Sequence[TrainedRun], models: Sequence[str], folds: Sequence[int]) -> list[dict[str, Any]]:
    """Returns a row for each fold, for their average, and for that without the fold that collapsed as published."""
    rows = {f"fold {fold}": [fold] for fold in folds}
    if len(folds) > 1:
        rows["average"] = list(folds)
    rest = [fold for fold in folds if fold != published.COLLAPSED_FOLD]
    if len(folds) > len(rest) > 1:
        rows[f"average without fold {published.COLLAPSED_FOLD}"] = rest
    of_model = {model: [run for run in runs if run.model == model] for model in models}
    return [
        {
            "row": name,
            "folds": of_row,
            "models": {model: dataclasses.asdict(average(of_model[model], of_row)) for model in models},
            "published": {column: round(published.average(column, of_row), 4) for column in published.DICE},
        }
        for name, of_row in rows.items()
    ]


def model_row(model: str, runs: Sequence[TrainedRun]) -> dict[str, Any]:
    """Returns what there is to say of a model over all its runs; means over the seeds of a fold, then over folds."""
    done = [run for run in runs if run.model == model and run.done]
    row = {"model": model, "runs": sum(run.model == model for run in runs), "runs_done": len(done)}
    if not done:
        return row
    worst, volume = min((float(scan["dice"]), int(scan["volume_id"])) for run in done for scan in run.scans)
    return {
        **row,
        "parameters": done[0].results.get("parameters"),
        "seconds_train": _mean_over_folds(done, "seconds_train"),
        **{name: _mean_over_folds(done, name) for name in MEANS},
        "worst_dice": worst,
        "worst_volume_id": volume,
        "certified_runs": sum(run.certified is True for run in done),
        "certificates": sum(run.certified is not None for run in done),
    }


def paired_rows(runs: Sequence[TrainedRun], models: Sequence[str], reference: str | None) -> list[dict[str, Any]]:
    """Returns how each model differs from the reference on the scans of the folds that both have done."""
    rows, folds_of = [], {}
    for model in models:
        folds_of[model] = {run.fold for run in runs if run.model == model and run.done}
    for model in models:
        folds = sorted(folds_of[model] & folds_of.get(reference, set()))
        if model == reference or not folds:
            continue
        difference = paired_difference(scan_scores(runs, model, folds), scan_scores(runs, reference, folds))
        rows.append({"model": model, "reference": reference, "folds": folds, **dataclasses.asdict(difference)})
    return rows


def scan_scores(runs: Iterable[TrainedRun], model: str, folds: Collection[int]) -> dict[int, float]:
    """Returns the Dice of each held-out scan, the mean over seeds, by volume number."""
    scores: dict[int, list[float]] = {}
    for run in runs:
        if run.model == model and run.fold in folds:
            for scan in run.scans:
                scores.setdefault(int(scan["volume_id"]), []).append(float(scan["dice"]))
    return {volume: float(np.mean(of_seeds)) for volume, of_seeds in scores.items()}


def _mean_over_folds(runs: Sequence[TrainedRun], name: str) -> float | None:
    """Returns the mean of a number of results.json; None where a run has none, or one that is not finite."""
    values = [run.results.get(name) for run in runs]
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        return None
    by_fold = [[v for v, run in zip(values, runs, strict=True) if run.fold == fold] for fold in {r.fold for r in runs}]
    return float(np.mean([np.mean(of_fold) for of_fold in by_fold]))
