"""Dice against the number of parameters: the record of a cross-validation as a picture."""

import logging
import pathlib
from collections.abc import Mapping
from typing import Any

from lsn_tf.artifacts import replaced

logger = logging.getLogger(__name__)
LEVEL_SETS, UNETS = "#00639c", "#c2410c"  # colours of the two families, apart in luminance too


def draw_dice(record: Mapping[str, Any], path: pathlib.Path) -> bool:
    """Draws each model of a record as a point, with its folds as small ones; its label is beside it.

    Args:
        record: as in crossval.json.
        path: of a PNG.

    Returns:
        Whether it was drawn: it is not where matplotlib is missing, or no model has a score.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        logger.info("%s was not drawn: that takes matplotlib, pip install 'lsn_tf[solver]'.", path)
        return False
    points = model_points(record)
    if not points:
        return False
    figure = Figure(figsize=(7.2, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot(xscale="log")
    for label, (parameters, dice, of_folds) in points.items():
        colour = UNETS if label.startswith("unet") else LEVEL_SETS
        axes.plot([parameters] * 2, [min(of_folds), max(of_folds)], color=colour, linewidth=1, alpha=0.5)
        axes.scatter([parameters] * len(of_folds), of_folds, s=12, color=colour, alpha=0.5, linewidths=0)
        axes.scatter([parameters], [dice], s=52, color=colour, zorder=3)
        axes.annotate(
            f"{label}  {dice:.3f}", (parameters, dice), (8, 0), textcoords="offset points", va="center", color=colour
        )
    axes.set(xlabel="parameters", ylabel="Dice per scan, mean over folds")
    axes.set_title(_title(record), fontsize="medium", loc="left")
    axes.margins(x=0.25, y=0.12)
    axes.grid(axis="y", linewidth=0.5, alpha=0.4)
    axes.spines[["top", "right"]].set_visible(False)
    FigureCanvasAgg(figure)
    with replaced(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    return True


def model_points(record: Mapping[str, Any]) -> dict[str, tuple[int, float, list[float]]]:
    """Returns parameters, mean Dice and the Dice of each fold that is done, for each model that has some."""
    rows = [row for row in record["fold_table"] if len(row["folds"]) == 1]
    points = {}
    for model in record["model_table"]:
        label = model["model"]
        of_folds = [row["models"][label]["dice"] for row in rows if row["models"][label]["dice"] is not None]
        if of_folds:
            points[label] = (max(1, model["parameters"]), sum(of_folds) / len(of_folds), of_folds)
    return points


def _title(record: Mapping[str, Any]) -> str:
    what = "synthetic data" if record["synthetic"] else record["dataset"]
    return f"Held-out scans of {what}; small points: folds {', '.join(map(str, record['folds']))}"
