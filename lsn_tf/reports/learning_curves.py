"""Learning curves: loss and Dice by epoch, a row of panels for each model, a line for each run."""

import math
from typing import TYPE_CHECKING

from lsn_tf.analysis.figures.style import COLOURS, WIDTH, label, new_figure
from lsn_tf.reports.contents import Contents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_MODELS = 12  # rows of one figure
PANELS = (("loss", "loss"), ("val_dice", "Dice, monitored"))  # columns of history.csv
SEEDS = ("-", "--", ":", "-.")  # line styles


def draw_curves(contents: Contents) -> "Figure | None":
    """Draws the history of all runs, unfinished ones too; None if no run has one."""
    models = [model for model in contents.models if any(run.history for run in contents.of(model))][:MOST_MODELS]
    if not models:
        return None
    from matplotlib.lines import Line2D

    figure = new_figure(WIDTH, 1.7 * len(models) + 0.8)
    grid = figure.subplots(len(models), len(PANELS), squeeze=False, sharex="col", sharey="col")
    for row, model in zip(grid, models, strict=True):
        for axes, (name, title) in zip(row, PANELS, strict=True):
            for run in contents.of(model):
                _draw(axes, run, name, contents)
            axes.grid(linewidth=0.4, alpha=0.5)
            axes.set_ylabel(title, fontsize=8)
        row[0].set_title(label(model, 44), loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    _limit(grid[:, 0])
    handles = [Line2D([], [], color=_colour(contents, fold), label=f"fold {fold} held out") for fold in contents.folds]
    seeds = sorted({run.of.seed for run in contents.runs if run.history})
    if len(seeds) > 1:
        handles += [Line2D([], [], color="0.3", linestyle=_style(seed), label=f"seed {seed}") for seed in seeds]
    figure.legend(handles=handles, loc="outside upper left", ncols=5, frameon=False, fontsize=8)
    return figure


def _draw(axes, run, name: str, contents: Contents) -> None:
    points = [(row["epoch"], row[name]) for row in run.history if math.isfinite(row.get(name, math.nan))]
    if points:
        colour = _colour(contents, run.of.fold)
        axes.plot(*zip(*points, strict=True), color=colour, linestyle=_style(run.of.seed), linewidth=1, alpha=0.85)
        if not run.of.done:
            axes.plot(*points[-1], "x", color=colour, markersize=6)  # where it stands


def _limit(columns) -> None:
    """Makes the axis of a loss logarithmic where it is positive and falls by more than a factor of ten."""
    values = [y for axes in columns for line in axes.lines for y in line.get_ydata()]
    if values and min(values) > 0 and max(values) > 10 * min(values):
        from matplotlib.ticker import FuncFormatter, NullFormatter

        columns[0].set_yscale("log")
        for axes in columns:
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())


def _colour(contents: Contents, fold: int) -> str:
    return COLOURS[list(contents.folds).index(fold) % len(COLOURS)]


def _style(seed: int) -> str:
    return SEEDS[seed % len(SEEDS)]
