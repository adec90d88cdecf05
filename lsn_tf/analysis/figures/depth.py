"""Figures along the depth of a network: families, DC energy, finite differences and variance, each with its chance."""

from typing import TYPE_CHECKING

import numpy as np

from lsn_tf.analysis.diversity import explained_variance, variance_entropy
from lsn_tf.analysis.figures.style import (
    CHANCE,
    HOLDS,
    OPEN,
    WIDTH,
    against_chance,
    bands,
    chance_legend,
    depth_axis,
    dots,
    new_figure,
)
from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.published_rule import in_words
from lsn_tf.analysis.white_noise import dc_energy_band, entropy_band

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES_BELOW = 1.3  # inches that the names of layers take


def draw_families(findings: Findings) -> "Figure":
    """Draws the share of each family of named kernels in each layer, with its interval and the band of chance."""
    families = list(dict.fromkeys(claim.family for claim in findings.claims))
    return _small_multiples(findings, findings.claims, "family", families, 100.0, "% of kernels")


def draw_published(findings: Findings) -> "Figure | None":
    """Draws the share of each name by the published rule in each layer, against white noise; None of other sizes."""
    names = list(dict.fromkeys(test.name for test in findings.published))
    if not names:
        return None
    return _small_multiples(findings, findings.published, "name", names, 100.0, "% of kernels", in_words)


def draw_shares(findings: Findings) -> "Figure":
    """Draws the mean share of |k|² in the finite differences of each order, with interval and the band of chance."""
    orders = sorted({share.order for share in findings.shares})
    return _small_multiples(
        findings, findings.shares, "order", orders, 1.0, "mean share of |k|²", "order {} and above".format
    )


def _small_multiples(findings, tests, attribute, values, scale, ylabel, title=str) -> "Figure":
    layers = findings.layers
    place = {layer.name: number for number, layer in enumerate(layers)}
    rows = max(-(-len(values) // 2), 1)
    figure = new_figure(WIDTH, 1.25 * rows + NAMES_BELOW + 0.4)
    panels = figure.subplots(rows, 2, sharex=True, squeeze=False).ravel()
    for number, (axes, value) in enumerate(zip(panels, values, strict=False)):
        depth_axis(axes, layers, stages=number < 2)
        axes.tick_params(axis="y", labelsize=7.5)
        shown = [test for test in tests if getattr(test, attribute) == value]
        against_chance(axes, shown, [place[test.layer] for test in shown], findings.summary["claims_hold_at_q"], scale)
        axes.set_title(title(value), loc="left", pad=14 if number < 2 else 4)
        axes.set_ylabel(ylabel, fontsize=7.5)
        axes.set_ylim(0, scale * _top(shown))
    legend = {"handles": chance_legend(), "frameon": False, "fontsize": 8}
    if len(values) == len(panels):
        figure.legend(loc="outside upper left", ncols=3, **legend)
        return figure
    for axes in panels[len(values) :]:  # the names of layers, and the legend
        depth_axis(axes, layers, stages=False)
        for line in [*axes.lines]:
            line.remove()
        axes.spines[:].set_visible(False)
        axes.tick_params(left=False, labelleft=False)
    panels[-1].legend(loc="center left", **legend)
    return figure


def _top(tests) -> float:
    """Returns the upper limit of an axis: layers of few kernels have intervals so long that they may leave it."""
    ends = [np.quantile([value(test) for test in tests], 0.85) for value in (_interval_end, _chance_end)]
    return min(1.12 * max(*ends, *(test.share for test in tests)), 1.02)


def _interval_end(test) -> float:
    return test.interval[1]


def _chance_end(test) -> float:
    return test.chance_high


def draw_dc_energy(findings: Findings) -> "Figure":
    """Draws the mean DC energy of each layer's kernels, with its interval, against white noise: 1 / s² on average."""
    layers = findings.layers
    weights = findings.size**2
    place = {layer.name: number for number, layer in enumerate(layers)}
    tests = [share for share in findings.shares if share.order == 1]
    places = np.array([place[test.layer] for test in tests])
    figure = new_figure(WIDTH, 2.6 + NAMES_BELOW)
    axes = figure.subplots()
    if tests:
        low, high = np.transpose([dc_energy_band(weights, test.kernels) for test in tests])
        means = 1 - np.array([test.share for test in tests])
        outside = (means < low) | (means > high)
        bands(axes, places, low, high)
        upper, lower = 1 - np.transpose([test.interval for test in tests])
        axes.vlines(places, lower, upper, color=np.where(outside, HOLDS, OPEN), linewidth=1.2)
        dots(axes, places, means, outside)
    axes.axhline(1 / weights, color="0.45", linewidth=0.8)
    axes.set_ylabel("mean DC energy, (Σk)² / (s²|k|²)")
    axes.set_ylim(bottom=0)
    depth_axis(axes, layers)
    figure.legend(handles=_dc_legend(weights), loc="outside upper left", ncols=2, frameon=False, fontsize=8)
    return figure


def draw_variance(findings: Findings) -> "Figure":
    """Draws the variance in the first principal components of each layer, and its entropy against white noise."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    layers = findings.layers
    weights = findings.size**2
    figure = new_figure(WIDTH, 2.4 + NAMES_BELOW)
    curves, entropies = figure.subplots(1, 2, width_ratios=(2, 3))
    dark = ListedColormap(colormaps["cividis"](np.linspace(0, 0.85, 256)))  # its end is faint on white
    colours = ScalarMappable(Normalize(0, max(len(layers) - 1, 1)), dark)
    components = np.arange(1, weights + 1)
    alive = {n: layer.living for n, layer in enumerate(layers) if layer.alive.sum() > 1}
    for place, kernels in alive.items():
        curves.plot(components, 100 * explained_variance(kernels), color=colours.to_rgba(place), linewidth=1)
    if alive:
        low, high = np.transpose([entropy_band(weights, len(kernels)) for kernels in alive.values()])
        found = np.array([variance_entropy(kernels) for kernels in alive.values()])
        bands(entropies, np.array(list(alive)), low, high)
        dots(entropies, np.array(list(alive)), found, (found < low) | (found > high))
    curves.plot(components, 100 * components / weights, color="black", linestyle="--", label="equal in all directions")
    curves.legend(frameon=False, fontsize=8)
    curves.set(xlabel="principal components", ylabel="explained variance, %", xlim=(1, weights), ylim=(0, 102))
    curves.set_xticks(components if weights <= 9 else components[:: weights // 8])
    bar = figure.colorbar(colours, ax=curves, location="top", aspect=40, pad=0.02)
    bar.set_ticks([0, max(len(layers) - 1, 1)], labels=["first layer", "last"])
    entropies.set_ylabel("variance entropy")
    depth_axis(entropies, layers)
    return figure


def _dc_legend(weights: int) -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], color=HOLDS, marker="o", markersize=5, label="outside of the band"),
        Line2D([], [], color=OPEN, marker="o", markersize=5, markerfacecolor="white", label="inside"),
        Patch(color=CHANCE, label="95 % of layers of white noise"),
        Line2D([], [], color="0.45", linewidth=0.8, label=f"white noise on average, 1/{weights} = {1 / weights:.3f}"),
    ]
