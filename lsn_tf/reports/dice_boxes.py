"""Box plots of Dice per scan: all held-out scans of each model, and those of each fold."""

from typing import TYPE_CHECKING

import numpy as np

from lsn_tf.analysis.figures.style import COLOURS, WIDTH, label, new_figure
from lsn_tf.reports.contents import Contents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLOURS = len(COLOURS)  # models side by side in a fold
ROW = 0.42  # inches a model
LONGEST = 34  # characters of a label
WHISKERS = 1.5  # interquartile ranges


def draw_boxes(contents: Contents) -> "Figure | None":
    """Draws a box and all scans for each model; None if no model has a score."""
    scores = {model: list(contents.scores(model).values()) for model in contents.models}
    shown = [model for model in contents.models if scores[model]]
    if not shown:
        return None
    rng = np.random.default_rng(0)
    figure = new_figure(WIDTH, ROW * len(shown) + 0.75)
    axes = figure.subplots()
    for place, model in enumerate(shown):
        colour = colour_of(contents, model)
        dice = np.array(scores[model])
        _box(axes, [dice], [place], 0.55, colour, vertical=False)
        axes.plot(dice, place + rng.uniform(-0.2, 0.2, len(dice)), "o", color=colour, markersize=2.2, alpha=0.45, mew=0)
    axes.set_yticks(range(len(shown)), [label(model, LONGEST) for model in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlabel("Dice per scan")
    axes.set_xlim(right=min(1.005, axes.get_xlim()[1]))
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    return figure


def draw_folds(contents: Contents) -> "Figure | None":
    """Draws a box for each model in each fold; None where one fold has scores, or there are too many models."""
    models = [model for model in contents.models if contents.scores(model)]
    folds = sorted({run.of.fold for run in contents.done})
    if len(folds) < 2 or len(models) > MOST_COLOURS:
        return None
    from matplotlib.patches import Patch

    figure = new_figure(WIDTH, 3.0)
    axes = figure.subplots()
    width = 0.8 / len(models)
    for number, model in enumerate(models):
        found = {place: list(contents.scores(model, [fold]).values()) for place, fold in enumerate(folds)}
        found = {place: dice for place, dice in found.items() if dice}
        places = [place + (number - (len(models) - 1) / 2) * width for place in found]
        _box(axes, list(found.values()), places, 0.8 * width, colour_of(contents, model), vertical=True, outliers=True)
    axes.set_xticks(range(len(folds)), [f"fold {fold}" for fold in folds])
    axes.set_xlim(-0.55, len(folds) - 0.45)
    axes.set_ylabel("Dice per scan")
    axes.set_ylim(top=min(1.005, axes.get_ylim()[1]))
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    handles = [Patch(color=colour_of(contents, model), label=label(model, LONGEST)) for model in models]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(4, len(models)), frameon=False, fontsize=8)
    return figure


def colour_of(contents: Contents, model: str) -> str:
    """Returns the colour of a model, the same one in all figures."""
    return COLOURS[list(contents.models).index(model) % len(COLOURS)]


def _box(axes, values, places, width: float, colour: str, vertical: bool, outliers: bool = False) -> None:
    axes.boxplot(
        values,
        positions=places,
        widths=width,
        whis=WHISKERS,
        orientation="vertical" if vertical else "horizontal",
        manage_ticks=False,
        showfliers=outliers,
        patch_artist=True,
        boxprops={"facecolor": colour, "alpha": 0.25, "edgecolor": colour},
        medianprops={"color": colour, "linewidth": 1.6},
        whiskerprops={"color": colour},
        capprops={"color": colour},
        flierprops={"marker": "o", "markersize": 2.2, "markerfacecolor": colour, "markeredgewidth": 0, "alpha": 0.7},
    )
