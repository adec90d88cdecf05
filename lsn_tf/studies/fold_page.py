"""The record of a cross-validation -> a page for people, in Markdown that reads as plain text too."""

from collections.abc import Mapping, Sequence
from typing import Any

from lsn_tf.studies.paired import BLOCK

MOST_COLUMNS = 8  # of models; more become rows
MEASURED = (
    "Dice per scan: over all voxels of a scan, on its own grid, by a model that has not seen the fold that the scan is "
    "in. A fold's figure is the mean over its scans, then over seeds; ± is the standard deviation over seeds."
)
PUBLISHED = (
    "After ours: Actor, talk, Rice University, 14 October 2019, on LiTS, other scans and slices than here. Averages "
    "are computed from the rows; those that the talk prints for the LSE, 0.604 and 0.640, do not follow from them."
)
PAIRED = (
    "Mean difference of Dice over the scans that both models have held out, paired by scan, seeds averaged first, with "
    f"95 % bootstrap intervals (BCa): scans resampled, and blocks of {BLOCK} neighbouring volume numbers, which may be "
    "one patient. p: Wilcoxon's signed-rank test, not corrected for the number of models. What another seed "
    "would change is not in the intervals."
)


def page(record: Mapping[str, Any]) -> str:
    """Returns the page of a record, as in crossval.json."""
    parts = [f"# Cross-validation on {record['dataset']}"]
    if record["synthetic"]:
        parts.append("**Synthetic data: the phantom, not CT of patients. These numbers say nothing of patients.**")
    parts += [f"    {record['command']}", _trained(record), MEASURED, _folds(record), PUBLISHED, _models(record)]
    if record["paired"]:
        parts += [PAIRED, _paired(record)]
    undone = [run for run in record["runs"] if run["status"] != "done"]
    if undone:
        parts += ["Not in the tables:", "\n".join(_undone(run) for run in undone)]
    parts.append(f"Trained on: {'; '.join(record['machines']) or 'nothing yet'}.")
    return "\n\n".join(parts) + "\n"


def _trained(record: Mapping[str, Any]) -> str:
    sizes = sorted({run["image_size"] for run in record["runs"] if "image_size" in run})
    seeds = ", ".join(f"{len(seeds)} on fold {fold}" for fold, seeds in record["seeds"].items())
    first = min(seed for of_fold in record["seeds"].values() for seed in of_fold)
    seeds += f", the first is {first}" if first else ""
    grids = " and ".join(f"{size} × {size}" for size in sizes) or "-"
    return f"Trained at {grids} pixels, target {record['target']}; seeds: {seeds}."


def _folds(record: Mapping[str, Any]) -> str:
    models, rows = record["models"], record["fold_table"]
    published = list(rows[0]["published"])
    header = ["held out", *models, *(f"{column} (talk)" for column in published)]
    lines = []
    for row in rows:
        ours = [_average(row["models"][model]) for model in models]
        lines.append([row["row"], *ours, *(f"{row['published'][column]:.3f}" for column in published)])
    if len(models) > MOST_COLUMNS:
        header, *lines = zip(header, *lines, strict=True)
        header = ("model", *header[1:])
    return markdown_table(header, lines)


def _average(cell: Mapping[str, Any]) -> str:
    deviation = "" if cell["deviation"] is None else f" ± {cell['deviation']:.3f}"
    return "–" if cell["dice"] is None else f"{cell['dice']:.3f}{deviation}"


def _models(record: Mapping[str, Any]) -> str:
    columns = {
        "parameters": ("parameters", ","),
        "seconds of training": ("seconds_train", ",.0f"),
        "Dice per slice": ("dice_per_slice_mean", ".3f"),
        "HD95, mm": ("hd95_mm_mean", ".1f"),
        "ASSD, mm": ("assd_mm_mean", ".2f"),
        "surface Dice": ("surface_dice_mean", ".3f"),
        "largest component, Dice": ("dice_largest_component_mean", ".3f"),
        "volume error": ("volume_error_mean_abs", ".3f"),
    }
    rows = record["model_table"]
    known = {title: how for title, how in columns.items() if any(row.get(how[0]) is not None for row in rows)}
    lines = []
    for row in rows:
        cells = ["–" if row.get(name) is None else f"{row[name]:{form}}" for name, form in known.values()]
        lines.append([_named(row, record["runs"]), *cells, _worst(row), _certified(row)])
    return markdown_table(["model", *known, "worst scan", "certified"], lines)


def _named(row: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> str:
    """Returns the name of a model, and how many trainings are done where some are not: its means are of other scans."""
    planned = sum(run["model"] == row["model"] for run in runs)
    return row["model"] if row["runs_done"] == planned else f"{row['model']}, {row['runs_done']} of {planned} trainings"


def _worst(row: Mapping[str, Any]) -> str:
    return f"{row['worst_dice']:.3f} (scan {row['worst_volume_id']})" if row["runs_done"] else "–"


def _certified(row: Mapping[str, Any]) -> str:
    if not row.get("certificates"):
        return "–"
    return {0: "no", row["certificates"]: "yes"}.get(
        row["certified_runs"], f"{row['certified_runs']} of {row['certificates']}"
    )


def _paired(record: Mapping[str, Any]) -> str:
    header = ["model", "minus", "scans", "difference", "95 % by scan", "95 % by block", "p", "better/equal/worse"]
    lines = [
        [
            *(row["model"], row["reference"], str(row["scans"]), f"{row['mean']:+.4f}"),
            *(_interval(row["interval"]), _interval(row["block_interval"]), f"{row['p_value']:.2g}"),
            f"{row['wins']}/{row['ties']}/{row['losses']}",
        ]
        for row in record["paired"]
    ]
    return markdown_table(header, lines)


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"{ends[0]:+.4f} to {ends[1]:+.4f}"


def _undone(run: Mapping[str, Any]) -> str:
    reason = f": {run['reason']}" if run["reason"] else ""
    return f"* {run['model']}, fold {run['fold']}, seed {run['seed']}: {run['status']}{reason}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table with its columns aligned: the first to the left, the others to the right."""
    widths = [max(3, *map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells):
        first, *rest = [
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join([first, *rest])} |"

    rule = [("-" * widths[0])] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return "\n".join(line(cells) for cells in [header, rule, *rows])
