"""Dice against the share of kernels replaced, a column a replacement, with its controls; below it, layer by layer."""

import itertools
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lsn_tf.analysis.figures.style import COLOURS, WIDTH, new_figure, saved, styled
from lsn_tf.analysis.swapping import ALL, BEST_FIRST, LAYER, NETWORK, NULL, RANDOM, TURNED, label
from lsn_tf.artifacts import replaced

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)
OWN, OF_TURNED, OF_NULL = COLOURS[0], COLOURS[1], "0.54"
PANEL_IN = (1.7, 2.2)
LAYERS_IN = 2.9
SMALL = {"fontsize": 8}
Row = Mapping[str, Any]


def write_swap(found: Sequence[Row], path: pathlib.Path, title: str) -> bool:
    """Writes the figure as a PNG or SVG; returns whether it did: it does not where matplotlib is missing."""
    try:
        with styled():
            content = saved(draw_swap(found, title), path.suffix[1:])
    except ImportError:
        logger.info("%s was not drawn: that takes matplotlib, pip install 'lsn_tf[analysis]'.", path)
        return False
    with replaced(path) as temporary:
        temporary.write_bytes(content)
    return True


def draw_swap(found: Sequence[Row], title: str = "") -> "Figure":
    """Draws what the causal test has found; within `style.styled`.

    Args:
        found: a row for each part and what replaced it, as the "results" in swap.json.
        title: above all.
    """
    names = list(dict.fromkeys(row["replacement"] for row in found if row["replacement"] and not row["control"]))
    layers = [row for row in found if row["unit"] == LAYER]
    width, height = PANEL_IN
    heights = [height, height, *([LAYERS_IN] if layers else [])]
    figure = new_figure(max(width * len(names), WIDTH), sum(heights) + 0.7)
    grid = figure.add_gridspec(len(heights), len(names), height_ratios=heights)
    shared = None
    for i, order in enumerate((BEST_FIRST, RANDOM)):
        for j, name in enumerate(names):
            axes = figure.add_subplot(grid[i, j], sharey=shared)
            shared = shared or axes
            _curves(axes, found, name, order)
            axes.tick_params(labelleft=j == 0, labelsize=8)
            if i == 0:
                axes.set_title(label({"replacement": name, "control": ""}).replace(" of order", "\nof order"), **SMALL)
            if j == 0:
                axes.set_ylabel(f"Dice, {order}", **SMALL)
            if i == 1:
                axes.set_xlabel("share replaced", **SMALL)
    shared.set(ylim=(0, 1), xlim=(-0.03, 1.03))
    if layers:
        _layers(figure.add_subplot(grid[2, :]), layers)
    handles, labels = shared.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, **SMALL)
    if title:
        figure.suptitle(title, fontsize=9, x=0.01, horizontalalignment="left")
    return figure


def _curves(axes, found: Sequence[Row], name: str, order: str) -> None:
    of_network = [row for row in found if row["unit"] == NETWORK and row["order"] in (order, ALL)]
    start = next(row["dice"] for row in of_network if not row["kernels"] and not row["epochs"])
    untouched = {"share": 0.0, "dice": start, "dice_low": start, "dice_high": start}
    axes.axhline(start, color="black", linewidth=0.6, linestyle=":")
    for control, colour, text in (
        (NULL, OF_NULL, "null"),
        (TURNED, OF_TURNED, "the same, turned in kernel space"),
        ("", OWN, "replacement"),
    ):
        rows = [
            row for row in of_network if row["control"] == control and (control == NULL or row["replacement"] == name)
        ]
        before = [untouched, *sorted((row for row in rows if row["kernels"] and not row["epochs"]), key=_share)]
        if len(before) == 1:
            continue
        shares = [row["share"] for row in before]
        if control:
            low, high = ([row[end] for row in before] for end in ("dice_low", "dice_high"))
            axes.fill_between(shares, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(shares, [row["dice"] for row in before], color=colour, linewidth=1.3, marker=".", label=text)
        tuned = [row for row in rows if row["epochs"] and row["kernels"]]
        if tuned:
            axes.plot(
                [row["share"] for row in tuned],
                [row["dice"] for row in tuned],
                color=colour,
                linestyle="",
                marker="D",
                markersize=4,
                markerfacecolor="white",
                label=f"{text}, others fine-tuned",
            )


def _layers(axes, layers: Sequence[Row]) -> None:
    names = list(dict.fromkeys(row["name"] for row in layers))
    places = range(len(names))
    columns = list(dict.fromkeys((row["replacement"], row["control"]) for row in layers))
    shades = itertools.cycle(COLOURS)
    for replacement, control in columns:
        of_column = {
            row["name"]: row for row in layers if (row["replacement"], row["control"]) == (replacement, control)
        }
        rows = [of_column[name] for name in names]
        text = label({"replacement": replacement, "control": control})
        colour = OF_NULL if control else next(shades)
        if control:
            low, high = ([row[end] for row in rows] for end in ("dice_low", "dice_high"))
            axes.fill_between(places, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(places, [row["dice"] for row in rows], color=colour, linewidth=1.1, marker=".", label=text)
    axes.set_xticks(places, names, rotation=35, ha="right", rotation_mode="anchor", fontsize=7)
    axes.set_ylabel("Dice, one layer replaced", **SMALL)
    axes.set_ylim(0, 1)
    axes.tick_params(axis="y", labelsize=8)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, frameon=False, fontsize=7)  # above the curves


def _share(row: Row) -> float:
    return row["share"]
