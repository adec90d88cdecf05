"""The sections of a report, in its order. Another one is a function here and a template beside the others."""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from lsn_tf.pages.page_parts import Column, Pictures, Section
from lsn_tf.reports.certificate_words import NOT_CLAIMED, InWords, in_words
from lsn_tf.reports.contents import Contents
from lsn_tf.reports.kernel_shares import KernelShares
from lsn_tf.reports.outcome import outcome, signed, undone_word
from lsn_tf.reports.overlays import ShownScan, common_box, draw_overlay
from lsn_tf.reports.reported_runs import NOT_OPTIONS, ReportedRun
from lsn_tf.studies import published
from lsn_tf.studies.fold_page import MEASURED, PAIRED, PUBLISHED
from lsn_tf.studies.fold_tables import average


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """All that a page shows.

    Attributes:
        contents: runs and scores.
        shown: scans to look at.
        shown_note: why there are none, or fewer; "" if there is nothing to say.
        window_hu: HU that are (black, white) in them.
        kernels: analyses of networks.
        kernels_note: as shown_note.
        command: that makes this report.
        commands: that made the results.
        versions: of what made the report.
        output: where the page will lie.
    """

    contents: Contents
    shown: Sequence[ShownScan] = ()
    shown_note: str = ""
    window_hu: Sequence[float] = (-100.0, 400.0)
    kernels: Sequence[KernelShares] = ()
    kernels_note: str = ""
    command: str = ""
    commands: Sequence[str] = ()
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    output: pathlib.Path = pathlib.Path("report.html")


MODEL_COLUMNS = (
    Column("model", "model"),
    Column("runs_text", "runs", help="Finished, of all"),
    Column("certified", "certified", help="Runs that are, of those with a certificate"),
    Column("parameters", "parameters", ",d"),
    Column("dice", "Dice", ".3f", "Mean over folds of the mean per scan, seeds averaged"),
    Column("median", "median", ".3f", "Dice of the middle scan, all folds together"),
    Column("dice_per_slice_mean", "per slice", ".3f", "Mean Dice of slices"),
    Column("hd95_mm_mean", "HD95, mm", ".1f", "95th percentile of surface distances"),
    Column("assd_mm_mean", "ASSD, mm", ".2f", "Average symmetric surface distance"),
    Column("surface_dice_mean", "surface Dice", ".3f", "Share of the surfaces within the tolerance"),
    Column("volume_error_mean_abs", "volume error", ".3f", "Mean of |predicted - reference| / reference"),
    Column("worst", "worst scan", help="Its Dice and its number"),
    Column("seconds_train", "training, s", ",.0f"),
)
PAIRED_COLUMNS = (
    Column("model", "model"),
    Column("reference", "minus"),
    Column("scans", "scans", "d"),
    Column("mean", "difference", "+.4f", "Mean over scans"),
    Column("by_scan", "95 % by scan"),
    Column("by_block", "95 % by block"),
    Column("p_value", "p", ".2g", "Wilcoxon's signed-rank test, two-sided"),
    Column("wins", "better", "d", "Scans"),
    Column("ties", "equal", "d", "Scans"),
    Column("losses", "worse", "d", "Scans"),
)
RUN_COLUMNS = (
    Column("model", "model"),
    Column("fold", "fold", "d"),
    Column("seed", "seed", "d"),
    Column("status", "status"),
    Column("dice", "Dice", ".4f", "Mean over the scans of the fold"),
    Column("median", "median", ".4f"),
    Column("worst", "worst", ".4f"),
    Column("scans", "scans", "d"),
    Column("epochs", "epochs", "d"),
    Column("seconds", "training, s", ",.0f"),
    Column("certified", "certified"),
    Column("name", "folder"),
    Column("machine", "machine"),
)
FAMILY_COLUMNS = (
    Column("family", "family"),
    Column("hits", "kernels", ",d", "That are like one of the family, over all layers"),
    Column("share", "share, %", ".1f", "Of all kernels that are not dead", 100),
    Column("chance", "chance, %", ".1f", "The share under the null", 100),
    Column("held", "layers with more than chance", "d", "In how many the claim holds"),
)


def _outcome(report: Report, pictures: Pictures) -> Section:
    contents = report.contents
    values = {"sentences": outcome(contents, report.kernels), "synthetic": contents.synthetic}
    return Section("outcome", "In short", values)


def _folds(report: Report, pictures: Pictures) -> Section:
    contents = report.contents
    rows = [
        {
            "row": row["row"],
            "ours": [fold_cell(row["models"][model]) for model in contents.models],
            "published": [f"{row['published'][column]:.3f}" for column in published.DICE],
            "summary": len(row["folds"]) > 1,
        }
        for row in contents.fold_table
    ]
    notes = list(dict.fromkeys(run.note for run in contents.runs if run.note))
    values = {"rows": rows, "models": contents.models, "published": list(published.DICE), "notes": notes}
    return Section("folds", "Folds", {**values, "measured": MEASURED, "source": PUBLISHED})


def fold_cell(cell: Mapping[str, Any]) -> str:
    """Returns a mean of the table of folds as text, with its deviation over seeds where there is one."""
    if cell["dice"] is None:
        return "–"
    return f"{cell['dice']:.3f}" + ("" if cell["deviation"] is None else f" ± {cell['deviation']:.3f}")


def _models(report: Report, pictures: Pictures) -> Section:
    rows = [_model_row(report.contents, row) for row in report.contents.model_table]
    always = ("model", "runs_text", "dice")
    columns = [c for c in MODEL_COLUMNS if c.key in always or any(row[c.key] is not None for row in rows)]
    return Section("models", "Models", {"rows": rows, "columns": columns})


def _model_row(contents: Contents, row: Mapping[str, Any]) -> dict[str, Any]:
    scores = list(contents.scores(row["model"]).values())
    done = [run.of for run in contents.of(row["model"]) if run.of.done]
    certificates = row.get("certificates")
    return {
        **dict.fromkeys(column.key for column in MODEL_COLUMNS),
        **row,
        "runs_text": f"{row['runs_done']} of {row['runs']}",
        "dice": average(done, {run.fold for run in done}).dice if done else None,
        "median": float(np.median(scores)) if scores else None,
        "worst": f"{row['worst_dice']:.3f} ({row['worst_volume_id']})" if scores else None,
        "certified": f"{row['certified_runs']} of {certificates}" if certificates else None,
    }


def _pairs(report: Report, pictures: Pictures) -> Section:
    rows = [
        {**row, "by_scan": _interval(row["interval"]), "by_block": _interval(row["block_interval"])}
        for row in report.contents.paired
    ]
    values = {"rows": rows, "columns": PAIRED_COLUMNS, "explained": PAIRED, "reference": report.contents.reference}
    return Section("pairs", "Paired differences", {**values, "pictures": pictures})


def _interval(ends: Sequence[float] | None) -> str:
    return "–" if ends is None else f"{signed(ends[0])} to {signed(ends[1])}"


def _boxes(report: Report, pictures: Pictures) -> Section:
    return Section("boxes", "Dice per scan", {"pictures": pictures, "folds": len(report.contents.folds)})


def _curves(report: Report, pictures: Pictures) -> Section:
    runs = [run for run in report.contents.runs if run.history]
    held_back = {bool(run.config.get("hold_back")) for run in runs}
    monitoring = {True: "held back from training", False: "trained on as well"}
    known = monitoring[held_back.pop()] if len(held_back) == 1 else "held back from training by some runs only"
    without = [run for run in report.contents.runs if not run.history]
    told = f"{len(without)} of {len(report.contents.runs)}: {', '.join(dict.fromkeys(run.model for run in without))}"
    return Section(
        "curves", "Learning curves", {"pictures": pictures, "monitoring": known, "without": told if without else ""}
    )


def _scans(report: Report, pictures: Pictures) -> Section:
    shown = []
    for scan in report.shown:
        box = common_box([overlay for overlay in scan.overlays])
        panels = [(overlay, draw_overlay(overlay, box, report.window_hu)) for overlay in scan.overlays]
        shown.append((scan, panels))
    values = {"shown": shown, "note": report.shown_note, "synthetic": report.contents.synthetic}
    return Section("overlays", "Best, median and worst scans", {**values, "window_hu": report.window_hu})


def _kernels(report: Report, pictures: Pictures) -> Section:
    networks = [
        {
            "found": found,
            "id": f"families-{n}",
            "picture": {"family_shares": found.picture} if found.picture else {},
            "page": quote(os.path.relpath(found.page, report.output.parent)) if found.page else None,
        }
        for n, found in enumerate(report.kernels)
    ]
    values = {"networks": networks, "columns": FAMILY_COLUMNS, "note": report.kernels_note}
    return Section("kernels", "Kernels", values)


def _certificate(report: Report, pictures: Pictures) -> Section:
    contents = report.contents
    words = [in_words(model, _certificates(contents, model)) for model in contents.models]
    alike: dict[tuple, list[InWords]] = {}
    for one in words:
        alike.setdefault((one.verdict, *(row["reason"] for row in one.terms)), []).append(one)
    return Section("certificate", "The certificate", {"groups": list(alike.values()), "not_claimed": NOT_CLAIMED})


def _certificates(contents: Contents, model: str) -> list[Mapping[str, Any]]:
    return [run.certificate for run in contents.of(model) if run.certificate is not None]


def _every_scan(report: Report, pictures: Pictures) -> Section:
    contents = report.contents
    scores = {model: contents.scores(model) for model in contents.models}
    shown = [model for model in contents.models if scores[model]]
    keys = {model: f"dice_{n}" for n, model in enumerate(shown)}
    columns = [Column("volume", "scan", "d"), Column("fold", "fold", "d")]
    columns += [Column(keys[model], model, ".3f", "Dice, seeds averaged") for model in shown]
    rows = [
        {"volume": volume, "fold": fold, **{keys[model]: scores[model].get(volume) for model in shown}}
        for volume, fold in sorted(contents.fold_of.items())
    ]
    return Section("scans", "Every scan", {"rows": rows, "columns": columns})


def _made(report: Report, pictures: Pictures) -> Section:
    contents = report.contents
    options, of_models = options_of(contents)
    values = {
        "command": report.command,
        "commands": report.commands,
        "versions": report.versions,
        "rows": [_run_row(run) for model in contents.models for run in sorted(contents.of(model), key=_fold_and_seed)],
        "machines": sorted({run.of.results["machine"] for run in contents.runs if "machine" in run.of.results}),
        "columns": RUN_COLUMNS,
        "options": options,
        "of_models": of_models,
        "dataset": contents.dataset,
        "target": contents.target,
        "synthetic": contents.synthetic,
        "examples": _examples(contents),
    }
    return Section("made", "How it was made", values)


def _fold_and_seed(run: ReportedRun) -> tuple[int, int]:
    return run.of.fold, run.of.seed


def _run_row(run: ReportedRun) -> dict[str, Any]:
    of, training = run.of, run.config.get("training", {})
    dice = [float(row["dice"]) for row in of.scans]
    known = dict(of.results) | training
    return {
        **{"model": of.model, "fold": of.fold, "seed": of.seed, "name": run.name},
        "status": "done" if of.done else undone_word(of),
        "dice": of.dice if dice else None,
        "median": float(np.median(dice)) if dice else None,
        "worst": min(dice, default=None),
        "scans": len(dice) or None,
        "epochs": known.get("epochs", run.config.get("epochs")),
        "seconds": known.get("seconds_train"),
        "certified": {True: "yes", False: "no", None: None}[of.certified],
        "machine": known.get("machine"),
    }


def options_of(contents: Contents) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Returns the options that all runs were trained with, and those of each model that others do not share."""
    configs = {
        model: {k: v for k, v in run.config.items() if k not in NOT_OPTIONS}
        for model in contents.models
        for run in contents.of(model)[:1]
        if run.config
    }
    names = list(dict.fromkeys(name for config in configs.values() for name in config))
    missing = object()
    equal = [
        n for n in names if all(c.get(n, missing) == next(iter(configs.values())).get(n) for c in configs.values())
    ]
    shared = {name: next(iter(configs.values()))[name] for name in equal}
    own = {model: {n: v for n, v in config.items() if n not in equal} for model, config in configs.items()}
    return shared, {model: options for model, options in own.items() if options}


def _examples(contents: Contents) -> list[tuple[str, str]]:
    """Returns for each model the command of its first run that has one."""
    commands = []
    for model in contents.models:
        known = (run.config.get("command") or run.of.results.get("command") for run in contents.of(model))
        if command := next(filter(None, known), None):
            commands.append((model, command))
    return commands


SECTIONS: tuple[Callable[[Report, Pictures], Section], ...] = (
    _outcome,
    _folds,
    _models,
    _pairs,
    _boxes,
    _curves,
    _scans,
    _kernels,
    _certificate,
    _every_scan,
    _made,
)
