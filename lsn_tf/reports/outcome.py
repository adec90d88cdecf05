"""The outcome of trainings in plain sentences: what was reached, what is more than chance, what is missing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.reports.contents import Contents
from lsn_tf.reports.kernel_shares import KernelShares
from lsn_tf.studies import published
from lsn_tf.studies.fold_tables import average

SIGNIFICANT = 0.05


def outcome(contents: Contents, kernels: Sequence[KernelShares] = ()) -> list[str]:
    """Returns the sentences, as plain text."""
    return [
        *(_reached(contents, row) for row in contents.model_table),
        *(compared(row) for row in contents.paired),
        *_seeds(contents),
        *_published(contents),
        *_certified(contents),
        *(found.headline() for found in kernels),
        *_missing(contents),
    ]


def _reached(contents: Contents, row: Mapping[str, Any]) -> str:
    model, scores = row["model"], list(contents.scores(row["model"]).values())
    if not scores:
        return f"{model}: no run has finished."
    size = f" ({row['parameters']:,} parameters)" if row.get("parameters") else ""
    folds = sorted({run.of.fold for run in contents.of(model) if run.of.done})
    mean = average([run.of for run in contents.of(model)], folds).dice  # over folds, as in the table
    notes = dict.fromkeys(run.note for run in contents.of(model) if run.note)
    held_out = f"fold {folds[0]}" if len(folds) == 1 else f"{len(folds)} folds"
    return (
        f"{model}{size} reaches a Dice per scan of {mean:.3f} on the {len(scores)} held-out scans of {held_out}; half "
        f"of them have more than {np.median(scores):.3f}, the worst has {row['worst_dice']:.3f} "
        f"(scan {row['worst_volume_id']}).{''.join(f' {note}' for note in notes)}"
    )


def compared(row: Mapping[str, Any]) -> str:
    """Returns what a row of paired differences says, and whether chance explains it."""
    what = "above" if row["mean"] > 0 else "below"
    ends = row["interval"]
    interval = f"95 % interval {signed(ends[0])} to {signed(ends[1])}, " if ends else ""
    return (
        f"{row['model']} is {abs(row['mean']):.4f} {what} {row['reference']} in the mean over {row['scans']} scans, "
        f"paired ({interval}p = {row['p_value']:.2g}): {_verdict(row)}."
    )


def _verdict(row: Mapping[str, Any]) -> str:
    small = row["p_value"] < SIGNIFICANT
    ends = [row["interval"], row["block_interval"]]
    apart = [not low <= 0 <= high for low, high in filter(None, ends)]
    if small and apart and all(apart):
        return "more than the choice of scans explains"
    if not small and not any(apart):
        return "the choice of scans explains it, no difference is shown"
    return "intervals and test do not agree, so it stays open"


def _seeds(contents: Contents) -> list[str]:
    fewest = min(
        (cell["seeds"] for row in contents.fold_table for cell in row["models"].values() if cell["seeds"]), default=0
    )
    if contents.paired and fewest == 1:
        return ["With one seed, what another seed would change is in no interval."]
    return []


def _published(contents: Contents) -> list[str]:
    if contents.synthetic or not contents.done:
        return []
    return [
        "The published figures beside ours are of other scans and slices of LiTS, so they show the order of magnitude "
        f"and not which method is better. The published LSN collapsed on fold {published.COLLAPSED_FOLD} "
        f"({published.DICE['LSN, test'][published.COLLAPSED_FOLD]})."
    ]


def _certified(contents: Contents) -> list[str]:
    rows = [row for row in contents.model_table if row.get("certificates")]
    proven = [
        f"{row['model']} ({row['certified_runs']} of {row['certificates']} runs)"
        for row in rows
        if row["certified_runs"]
    ]
    return [f"Certified as stable for every image: {', '.join(proven)}."] if proven else []


def _missing(contents: Contents) -> list[str]:
    undone = [run for run in contents.runs if not run.of.done]
    if not undone:
        return []
    names = "; ".join(f"{r.model}, fold {r.of.fold}, seed {r.of.seed}: {undone_word(r.of)}" for r in undone)
    return [f"Not in the tables are {len(undone)} of {len(contents.runs)} runs: {names}."]


def undone_word(run) -> str:
    """Returns why a run has no scores."""
    return f"failed, {run.reason.rstrip('.')}" if run.reason else "not finished"


def signed(value: float) -> str:
    """Returns a number with its sign, a true minus."""
    return f"{value:+.4f}".replace("-", "\N{MINUS SIGN}")
