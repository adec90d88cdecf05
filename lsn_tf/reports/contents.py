"""What a report says: the runs in one table, with the numbers of the cross-validation computed from their scans."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from lsn_tf.reports.reported_runs import ReportedRun
from lsn_tf.studies.fold_tables import fold_rows, model_row, paired_rows, scan_scores

FAMILIES = ("lse", "lsn", "unet")  # order of the models


@dataclasses.dataclass(frozen=True, eq=False)
class Contents:
    """The runs of a report and what follows from their scores.

    Attributes:
        runs: all of them.
        models: labels, classical ones first, then level set networks, U-Nets and others.
        folds: those held out.
        reference: the model that the others are compared with; None if there is none.
        dataset, target, synthetic: what all were scored on.
        fold_table, model_table, paired: as in crossval.json.
    """

    runs: Sequence[ReportedRun]
    models: Sequence[str]
    folds: Sequence[int]
    reference: str | None
    dataset: str
    target: str
    synthetic: bool
    fold_table: Sequence[Mapping[str, Any]]
    model_table: Sequence[Mapping[str, Any]]
    paired: Sequence[Mapping[str, Any]]

    def of(self, model: str) -> list[ReportedRun]:
        """Returns the runs of a model."""
        return [run for run in self.runs if run.model == model]

    @property
    def done(self) -> list[ReportedRun]:
        """The runs that have finished."""
        return [run for run in self.runs if run.of.done]

    def scores(self, model: str, folds: Sequence[int] | None = None) -> dict[int, float]:
        """Returns the Dice of each scan that a model has held out, the mean over seeds, by number."""
        done = [run.of for run in self.done]
        return scan_scores(done, model, self.folds if folds is None else folds)

    @property
    def fold_of(self) -> dict[int, int]:
        """The fold of each scan that was scored, by number."""
        return {int(scan["volume_id"]): run.of.fold for run in self.done for scan in run.of.scans}


def make_contents(runs: Sequence[ReportedRun], reference: str | None = None) -> Contents:
    """Returns what a report says of runs.

    Args:
        runs: one at least.
        reference: label of the model that the others are compared with; None for the last U-Net, or else the last of
            several models.

    Raises:
        ValueError: for runs that cannot stand in one table, or an unknown reference.
    """
    _check(runs)
    models = sorted(dict.fromkeys(run.model for run in runs), key=_family)
    folds = sorted({run.of.fold for run in runs})
    if reference is not None and reference not in models:
        raise ValueError(f"reference must be one of the models, {', '.join(models)}. Received {reference!r}.")
    unets = [model for model in models if model.startswith("unet")]
    reference = reference or next(reversed(unets or models[1:]), None)
    trained = [run.of for run in runs]
    return Contents(
        runs=runs,
        models=models,
        folds=folds,
        reference=reference,
        dataset=runs[0].dataset,
        target=runs[0].target,
        synthetic=runs[0].synthetic,
        fold_table=fold_rows(trained, models, folds),
        model_table=[model_row(model, trained) for model in models],
        paired=paired_rows(trained, models, reference),
    )


def _check(runs: Sequence[ReportedRun]) -> None:
    if not runs:
        raise ValueError("expected --run_dir or --results_dir, with one run at least. Received none.")
    for name in ("dataset", "target"):
        found = sorted({getattr(run, name) for run in runs})
        if len(found) > 1:
            raise ValueError(
                f"runs must be of one {name}, or their scores cannot be compared. Received {', '.join(found)}. "
                "Make a report of each."
            )
    seen: dict[tuple, ReportedRun] = {}
    for run in runs:
        key = run.model, run.of.fold, run.of.seed
        if key in seen:
            raise ValueError(
                f"runs must differ in model, fold, seed or options. Received {seen[key].name} and {run.name}, both "
                f"{run.model}, fold {run.of.fold}, seed {run.of.seed}."
            )
        seen[key] = run


def _family(model: str) -> int:
    return next((n for n, family in enumerate(FAMILIES) if model.startswith(family)), len(FAMILIES))
