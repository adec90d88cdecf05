"""Paired differences as a figure: the mean with its intervals, and the difference of every scan."""

from typing import TYPE_CHECKING

import numpy as np

from lsn_tf.analysis.figures.style import WIDTH, label, new_figure
from lsn_tf.reports.contents import Contents
from lsn_tf.reports.dice_boxes import LONGEST, ROW, colour_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_pairs(contents: Contents) -> "Figure | None":
    """Draws a row for each model that is compared with the reference; None if none is."""
    rows = contents.paired
    if not rows:
        return None
    rng = np.random.default_rng(0)
    figure = new_figure(WIDTH, ROW * len(rows) + 1.0)
    means, scans = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, row in enumerate(rows):
        colour = colour_of(contents, row["model"])
        for ends, thickness in ((row["block_interval"], 1.2), (row["interval"], 3.6)):
            if ends:
                means.hlines(place, *ends, color=colour, linewidth=thickness)
        means.plot(row["mean"], place, "o", color="white", markeredgecolor=colour, markersize=6, markeredgewidth=1.6)
        differences = scan_differences(contents, row)
        jitter = place + rng.uniform(-0.28, 0.28, len(differences))
        scans.plot(differences, jitter, "o", color=colour, markersize=2.4, alpha=0.5, mew=0)
    for axes, title in ((means, "mean: by scan (thick), by block (thin)"), (scans, "every scan")):
        axes.axvline(0, color="0.35", linewidth=0.8, zorder=0)
        axes.grid(axis="x", linewidth=0.4, alpha=0.5)
        axes.set_title(title, loc="left", fontsize=8)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.locator_params(axis="x", nbins=6)
    means.set_yticks(range(len(rows)), [label(row["model"], LONGEST) for row in rows])
    scans.tick_params(axis="y", left=False)
    figure.supxlabel(f"Dice minus that of {label(rows[0]['reference'], LONGEST)}", fontsize=9)
    return figure


def scan_differences(contents: Contents, row) -> np.ndarray:
    """Returns the difference of each scan that a row of the paired table is of."""
    ours, theirs = (contents.scores(row[which], row["folds"]) for which in ("model", "reference"))
    return np.array([ours[volume] - theirs[volume] for volume in sorted(ours)])
