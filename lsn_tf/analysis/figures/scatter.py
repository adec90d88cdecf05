"""Figures of kernels as points: the plane of a layer with named kernels in it, and the fan and the clump."""

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from lsn_tf.analysis.dictionary import published_kernels
from lsn_tf.analysis.figures.style import (
    WIDTH,
    cluster_style,
    label,
    mosaic,
    new_figure,
)
from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.identification import dc_energy
from lsn_tf.analysis.kernel_arrays import flat, norms
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.nulls import gaussian
from lsn_tf.analysis.planes import plane_of
from lsn_tf.analysis.principal_components import principal_components

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VECTORS = 1_000  # points of an SVG; more of them are a picture within it
ALSO_NAMED = ("backward_x", "backward_y", "central_x", "central_y")  # the LSE's own, beside those published
LATE_LAYERS = 3
CLUSTER = "cluster"  # column of the kernel table, as published


def draw_plane(findings: Findings, layer: Layer) -> "Figure | None":
    """Draws a layer's kernels in their plane, clusters in colours, with the named kernels; None if too few are alive.

    Named are those that were published, and the first differences of the level set equation.
    """
    plane = plane_of(layer.living)
    if plane is None:
        return None
    index = findings.samples[layer.name].index
    index = index[layer.alive[index]]
    points = plane.points(layer.kernels[index])
    labels = findings.partitions[CLUSTER].labels[layer.name][index]
    names, kernels = findings.named([*(entry.name for entry in published_kernels()), *ALSO_NAMED])
    places = plane.points(kernels)
    figure = new_figure(WIDTH, 5.6)
    axes, key = figure.subplots(1, 2, width_ratios=(5, 1.6))
    for number in np.unique(labels):
        members = points[labels == number]
        axes.scatter(
            *members.T,
            s=9,
            alpha=0.55,
            linewidths=0,
            label=f"cluster {number}: {np.sum(labels == number):,}",
            rasterized=len(points) > VECTORS,
            **cluster_style(int(number)),
        )
    axes.scatter(*places.T, s=26, marker="D", facecolor="white", edgecolor="black", linewidths=0.9, zorder=4)
    first, second = 100 * plane.axes.explained[:2]
    axes.set(xlabel=f"first component, {first:.1f} % of variance", ylabel=f"second, {second:.1f} %")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(linewidth=0.4, alpha=0.4)
    figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=8, markerscale=1.6)
    shown = "" if len(index) == layer.alive.sum() else f", {len(index):,} shown"
    axes.set_title(f"{label(layer.name, 48)}: {int(layer.alive.sum()):,} kernels{shown}", loc="left")
    _key(figure, axes, key, names, kernels, places)
    return figure


def _key(figure, axes, key, names, kernels, places) -> None:
    """Draws the named kernels as pictures in a column, each with a line to its place in the plane."""
    from matplotlib.patches import ConnectionPatch

    order = np.argsort(-places[:, 1], kind="stable")
    tops = mosaic(key, kernels[order], 1)
    for (x, y), number in zip(tops, order, strict=True):
        key.text(x + 0.7, y + 0.5, label(names[number]), va="center", fontsize=7.5)
        ends = (x - 0.6, y + 0.5), places[number]
        line = ConnectionPatch(*ends, "data", "data", axesA=key, axesB=axes, color="0.35", linewidth=0.45)
        figure.add_artist(line)
    key.set_xlim(-0.2, 8)
    key.set_anchor("W")


def late_layers(findings: Findings) -> list[Layer]:
    """Returns the last layers of the decoder, of the network where no stage is known, that have a few kernels."""
    able = [layer for layer in findings.layers if layer.alive.sum() > findings.size**2]
    return ([layer for layer in able if layer.stage == "decoder"] or able)[-LATE_LAYERS:]


def draw_fan(findings: Findings) -> "Figure | None":
    """Draws late layers' kernels with the weights as they are, and their DC energy against their norm.

    Behind them lie as many kernels of i.i.d. normal weights of the same variance. None if no layer has enough kernels.
    """
    layers = late_layers(findings)
    if not layers:
        return None
    rng = np.random.default_rng(findings.summary["options"]["seed"])
    figure = new_figure(WIDTH, 3.1 * len(layers) + 0.5)
    for (left, right), layer in zip(figure.subplots(len(layers), 2, squeeze=False), layers, strict=True):
        index = findings.samples[layer.name].index
        kernels = layer.kernels[index[layer.alive[index]]]
        labels = findings.partitions[CLUSTER].labels[layer.name][index[layer.alive[index]]]
        noise = gaussian(len(kernels), findings.size, rng) * np.sqrt(np.mean(kernels**2))
        axes = principal_components(kernels)
        dots = {"s": 8, "linewidths": 0, "rasterized": len(kernels) > VECTORS}
        for panel, place in ((left, lambda k, axes=axes: axes.project(k)), (right, _norm_and_energy)):
            panel.scatter(*place(noise).T, color="0.7", alpha=0.6, **dots)
            for number in np.unique(labels):
                style = cluster_style(int(number))
                panel.scatter(*place(kernels[labels == number]).T, alpha=0.6, **style, **dots)
        first, second = 100 * axes.explained[:2]
        left.set(xlabel=f"first component, {first:.1f} % of variance", ylabel=f"second, {second:.1f} %")
        left.set_aspect("equal", adjustable="datalim")
        left.set_title(label(layer.name, 40), loc="left")
        right.axhline(1 / findings.size**2, color="0.4", linewidth=0.8, linestyle="--")
        right.set(xlabel="norm |k|, L2", ylabel="DC energy", ylim=(-0.02, 1.02))
        right.set_xlim(left=0)
        rank = stats.spearmanr(*_norm_and_energy(kernels).T)
        correlation = f"{round(rank.statistic, 2) + 0.0:+.2f}".replace("-", "\N{MINUS SIGN}")
        right.set_title(f"rank correlation {correlation} (p = {rank.pvalue:.2g})", loc="left")
    found = findings.summary["clusters"][CLUSTER]
    handles = [_dot(f"cluster {number}", **cluster_style(number)) for number in range(found["k"])]
    handles.append(_dot("i.i.d. normal weights", color="0.7", marker="o"))
    figure.legend(handles=handles, loc="outside lower left", ncols=5, frameon=False, fontsize=8)
    return figure


def _norm_and_energy(kernels: np.ndarray) -> np.ndarray:
    return np.stack([norms(flat(kernels)), dc_energy(kernels)], axis=1)


def _dot(text: str, color: str, marker: str):
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, marker=marker, linestyle="none", markersize=4, label=text)
