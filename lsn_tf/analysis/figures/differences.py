"""Figures of what differs: two networks side by side at each place, and the layers of one among themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lsn_tf.analysis.comparison import DIVERGENCE, Difference
from lsn_tf.analysis.figures.style import CHANCE, COLOURS, LABELS, WIDTH, bands, dots, label, new_figure
from lsn_tf.analysis.findings import Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENERGY = "mean_dc_energy"
HERE, THERE = COLOURS[0], COLOURS[3]
LEVELS = ("layer", "stage", "model")  # in the order of the figures
COLOURS_OF_DIFFERENCES = "PuOr_r"
QUANTILE = 0.85  # of the divergences, at which colours end
NAMES_BELOW = 1.4  # inches that the names of places take


def draw_comparison(findings: Findings) -> "Figure | None":
    """Draws the DC energy of two networks at each place, and the divergence of their kernels against chance."""
    from matplotlib.patches import Patch

    energies, divergences = (_of(findings, measure) for measure in (ENERGY, DIVERGENCE))
    if not energies:
        return None
    q = findings.summary["compare"]["hold_at_q"]
    figure = new_figure(WIDTH, 4.2 + NAMES_BELOW)
    above, below = figure.subplots(2, 1, sharex=True)
    numbers = np.arange(len(energies))
    here, there = np.transpose([(row.value, row.other_value) for row in energies])
    above.vlines(numbers, here, there, color="0.6", linewidth=1)
    for values, colour, text in ((there, THERE, "the other network"), (here, HERE, "this network")):
        filled = np.array([row.q_value < q for row in energies])
        for chosen, face in ((~filled, "white"), (filled, colour)):
            above.plot(numbers[chosen], values[chosen], "o", color=colour, markerfacecolor=face, markersize=4)
        above.plot([], [], "o", color=colour, markersize=4, label=text)
    above.axhline(1 / findings.size**2, color="0.45", linewidth=0.8, label="white noise on average")
    above.set_ylabel("mean DC energy")
    above.set_ylim(bottom=0)
    places = [_place(row) for row in energies]
    found = {places.index(_place(row)): row for row in divergences if _place(row) in places}
    values, highs = np.array([(row.difference, row.chance_high) for row in found.values()]).reshape(-1, 2).T
    least = 0.5 * min(filter(None, (*values, *highs)), default=1.0)  # the axis is logarithmic
    numbers, floor = np.array(list(found), int), np.full(len(found), least)
    bands(below, numbers, floor, np.maximum(highs, least))
    dots(below, numbers, np.maximum(values, least), np.array([row.q_value < q for row in found.values()], bool))
    below.set(yscale="log", ylabel="divergence, nats")
    below.yaxis.set_major_formatter("{x:g}")  # without mathematics, which `style.SETTINGS` turns off
    below.yaxis.set_minor_formatter("")
    below.set_ylim(bottom=least)
    _name_places(below, energies)
    handles = [*above.get_legend_handles_labels()[0], Patch(color=CHANCE, label="what 95 % of permutations stay below")]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, frameon=False, fontsize=8)
    return figure


def draw_differences(findings: Findings) -> "Figure | None":
    """Draws the differences of all shares and means, a row a measure, a column a place, with a dot where one holds."""
    rows = [row for row in _of(findings) if row.measure != DIVERGENCE]
    if not rows:
        return None
    q = findings.summary["compare"]["hold_at_q"]
    measures = list(dict.fromkeys(row.measure for row in rows))
    places = {_place(row): row for row in rows}
    values = np.full((len(measures), len(places)), np.nan)
    held = np.zeros(values.shape, bool)
    order = list(places)
    for row in rows:
        place = measures.index(row.measure), order.index(_place(row))
        values[place], held[place] = row.difference, row.q_value < q
    most = np.nanmax(np.abs(values[held] if held.any() else values)) or 1.0
    figure = new_figure(WIDTH, 0.19 * len(measures) + NAMES_BELOW + 0.7)
    axes = figure.subplots()
    picture = axes.imshow(values, cmap=COLOURS_OF_DIFFERENCES, vmin=-most, vmax=most, aspect="auto")
    axes.plot(*np.argwhere(held).T[::-1], "o", color="black", markersize=2.5)
    axes.set_yticks(range(len(measures)), [_words(measure) for measure in measures], fontsize=7)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    _name_places(axes, list(places.values()))
    figure.colorbar(
        picture, ax=axes, location="top", aspect=50, pad=0.02, label="difference, here \N{MINUS SIGN} there"
    )
    return figure


def draw_divergence(findings: Findings) -> "Figure | None":
    """Draws the divergence between the kernels of any two layers; None of fewer than two."""
    names, values = findings.divergence
    if len(names) < 2:
        return None
    side = min(max(0.24 * len(names), 2.5), WIDTH - 2.5)
    figure = new_figure(WIDTH, side + NAMES_BELOW)
    axes = figure.subplots()
    most = np.quantile(values, QUANTILE) or None  # layers of few kernels are far from all
    picture = axes.imshow(values, cmap="cividis_r", vmin=0, vmax=most)
    step = -(-len(names) // LABELS)
    ticks = range(0, len(names), step)
    axes.set_xticks(ticks, [label(names[n]) for n in ticks], rotation=90, fontsize=7)
    axes.set_yticks(ticks, [label(names[n]) for n in ticks], fontsize=7)
    axes.spines[:].set_visible(False)
    figure.colorbar(picture, ax=axes, label="divergence, nats", extend="max", shrink=0.8)
    return figure


def _of(findings: Findings, measure: str | None = None) -> list[Difference]:
    """Returns the differences, of one measure or of all, layers first and the whole last."""
    found = [row for row in findings.differences if measure in (None, row.measure)]
    return sorted(found, key=lambda row: LEVELS.index(row.level))


def _place(row: Difference) -> tuple[str, str, str]:
    return row.level, row.layer, row.other_layer


def _words(measure: str) -> str:
    return measure.replace("mean_dc_energy", "mean DC energy").replace("mean_fd_share_", "mean share, order \u2265 ")


def _name_places(axes: "Axes", rows: Sequence[Difference]) -> None:
    """Names the places along x, where there is room, and parts layers, stages and the whole."""
    step = -(-len(rows) // LABELS)
    ticks = range(0, len(rows), step)
    axes.set_xticks(ticks, [label(rows[n].layer) for n in ticks], rotation=90, fontsize=7)
    axes.set_xlim(-0.7, len(rows) - 0.3)
    for n in range(1, len(rows)):
        if rows[n].level != rows[n - 1].level:
            axes.axvline(n - 0.5, color="0.4", linewidth=0.8, linestyle=":")
