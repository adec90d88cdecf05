"""Dice against the number of parameters: the record of a cross-validation as a picture."""

import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.artifacts import replaced

logger = logging.getLogger(__name__)
LEVEL_SETS, UNETS = "#00639c", "#c2410c"  # colours of the two families, apart in luminance too
Point = tuple[int, float, list[float]]  # parameters, mean Dice, Dice of each fold
LINE = 0.25  # inches, of a label
WIDE = 0.2  # of Dice: beyond such a range the axis is that of log(1 - Dice), or the best would lie upon each other
TICKS = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99)  # of that axis
LEAST_ERROR = 1e-4  # 1 - Dice, on that axis
LEAST_RANGE = 10.0  # of the axis of parameters, its end over its beginning
DENSE_RANGE = 100.0  # up to which three numbers a decade stand on that axis


def draw_dice(record: Mapping[str, Any], path: pathlib.Path) -> bool:
    """Draws each model of a record as a point, with its folds as small ones; its label stands at the right.

    Args:
        record: as in crossval.json.
        path: of a PNG.

    Returns:
        Whether it was drawn: it is not where matplotlib is missing, or no model has a score.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogLocator, NullLocator
    except ImportError:
        logger.info("%s was not drawn: that takes matplotlib, pip install 'lsn_tf[solver]'.", path)
        return False
    points = model_points(record)
    if not points:
        return False
    tall = max(4.5, LINE * len(points) + 1.0)
    figure = Figure(figsize=(8.0, tall), dpi=150, layout="constrained")
    axes = figure.add_subplot(xscale="log")
    axes.set(xlabel="parameters", ylabel="Dice per scan, mean over folds")
    axes.margins(x=0.06, y=0.06)
    _tell_apart(axes, [dice for _, _, of_folds in points.values() for dice in of_folds])
    for label, (parameters, dice, of_folds) in points.items():
        colour = _colour(label)
        axes.plot(
            [parameters] * len(of_folds), of_folds, color=colour, linewidth=1, alpha=0.5, marker="o", markersize=3
        )
        axes.scatter([parameters], [dice], s=52, color=colour, zorder=3)
    low, high = axes.set_xlim(*zoomed_out(*axes.get_xlim()))
    ticks = LogLocator(subs=(1, 2, 5) if high / low < DENSE_RANGE else (1,))
    axes.xaxis.set(major_locator=ticks, minor_locator=NullLocator(), major_formatter="{x:,.0f}")
    texts = {label: text_of(label, point, len(record["folds"])) for label, point in points.items()}
    _write_labels(axes, points, texts, LINE / tall)
    axes.set_title(_title(record), fontsize="medium", loc="left")
    axes.grid(axis="y", linewidth=0.5, alpha=0.4)
    axes.spines[["top", "right"]].set_visible(False)
    FigureCanvasAgg(figure)
    with replaced(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    return True


def _tell_apart(axes, dice: Sequence[float]) -> None:
    """Gives the axis of Dice more room for the best, where others are far below."""
    if max(dice) - min(dice) > WIDE:
        axes.set_yscale("function", functions=(of_error, of_error_back))
        axes.set_yticks([tick for tick in TICKS if min(dice) <= tick <= max(dice)])


def text_of(label: str, point: Point, folds: int) -> str:
    """Returns Dice and name of a model, and how many folds are done where some are not: its scans are others then."""
    _, dice, of_folds = point
    done = "" if len(of_folds) == folds else f", {len(of_folds)} of {folds} folds"
    return f"{dice:.3f}  {label}{done}"


def _write_labels(axes, points: Mapping[str, Point], texts: Mapping[str, str], line: float) -> None:
    """Writes the text of each model to the right of the axes, at its height where there is room."""
    low, high = axes.transAxes.transform([(0.0, 0.0), (0.0, 1.0)])[:, 1]
    at = axes.transData.transform([(parameters, dice) for parameters, dice, _ in points.values()])[:, 1]
    heights = spread(((at - low) / (high - low)).tolist(), line)
    for (label, (parameters, dice, _)), height in zip(points.items(), heights, strict=True):
        axes.annotate(
            texts[label],
            xy=(parameters, dice),
            xytext=(1.04, height),
            textcoords="axes fraction",
            verticalalignment="center",
            color=_colour(label),
            arrowprops={"arrowstyle": "-", "relpos": (0, 0.5), "color": _colour(label), "linewidth": 0.6, "alpha": 0.5},
        )


def of_error(dice):
    """Returns where Dice stands on an axis on which a tenth of the error is one further."""
    return -np.log10(np.maximum(1.0 - np.asarray(dice), LEAST_ERROR))


def of_error_back(height):
    """Returns the Dice that stands there."""
    return 1.0 - 10.0 ** -np.asarray(height)


def zoomed_out(low: float, high: float) -> tuple[float, float]:
    """Returns the ends of a logarithmic axis, moved apart to a decade if they are nearer than that."""
    factor = max(1.0, LEAST_RANGE / (high / low)) ** 0.5
    return low / factor, high * factor


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Returns heights at least a gap apart, in the same order, near those given; above zero as far as they fit."""
    order = sorted(range(len(heights)), key=lambda n: -heights[n])
    placed: dict[int, float] = {}
    for above, n in zip([None, *order], order, strict=False):
        placed[n] = heights[n] if above is None else min(heights[n], placed[above] - gap)
    raised = 0.0
    for n in reversed(order):
        placed[n] = max(placed[n], raised)
        raised = placed[n] + gap
    return [placed[n] for n in range(len(heights))]


def model_points(record: Mapping[str, Any]) -> dict[str, Point]:
    """Returns parameters, mean Dice and the Dice of each fold that is done, for each model that has some."""
    rows = [row for row in record["fold_table"] if len(row["folds"]) == 1]
    points = {}
    for model in record["model_table"]:
        label = model["model"]
        of_folds = [row["models"][label]["dice"] for row in rows if row["models"][label]["dice"] is not None]
        if of_folds:
            points[label] = (max(1, model["parameters"]), sum(of_folds) / len(of_folds), of_folds)
    return points


def _colour(label: str) -> str:
    return UNETS if label.startswith("unet") else LEVEL_SETS


def _title(record: Mapping[str, Any]) -> str:
    what = "synthetic data" if record["synthetic"] else record["dataset"]
    folds = ", ".join(map(str, record["folds"]))
    shown = f"; small points: folds {folds}" if len(record["folds"]) > 1 else f", fold {folds}"
    return f"Held-out scans of {what}{shown}"
