"""Figures of kernels as pictures: the principal components of each layer, and the centres of the clusters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lsn_tf.analysis.figures.style import COLOURS, WIDTH, label, mosaic, new_figure
from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.planes import plane_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COMPONENTS = 9
COLUMNS = 6  # of cluster centres
UNIT = WIDTH / (2 * COLUMNS)  # inches, the width of one
FORMS = {"l1": "kernels at unit L1 norm, as published", "canonical": "canonical kernels, symmetries taken out"}


def draw_components(layers: Sequence[Layer]) -> "Figure | None":
    """Draws the first nine eigen-images of each layer, a row a layer, with their share of the variance in per cent.

    They are those of the layer's plane, see `planes.plane_of`. None if no layer has two kernels alive.
    """
    planes = {layer.name: plane for layer in layers if (plane := plane_of(layer.living))}
    if not planes:
        return None
    size = layers[0].kernels.shape[1]
    columns = min(MOST_COMPONENTS, size**2)
    figure = new_figure(WIDTH, 0.62 * len(planes) + 0.3)
    axes = figure.subplots()
    images = [plane.axes.components[:columns].reshape(-1, size, size) for plane in planes.values()]
    tops = mosaic(axes, np.concatenate(images), columns)
    shares = np.concatenate([plane.axes.explained[:columns] for plane in planes.values()])
    for (x, y), share in zip(tops, shares, strict=True):
        axes.text(x, y - 0.06, f"{100 * share:.1f} %", ha="center", va="bottom", fontsize=6.5)
    for row, name in enumerate(planes):
        axes.text(-0.3, tops[row * columns][1] + 0.5, label(name), ha="right", va="center", fontsize=8)
    axes.set_xlim(left=-4.2)
    return figure


def draw_centres(findings: Findings) -> "Figure | None":
    """Draws the centres of the clusters of both forms, with their size and the nearest named kernel; None if none."""
    forms = {form: [row for row in findings.cluster_rows if row["form"] == form] for form in FORMS}
    forms = {form: rows for form, rows in forms.items() if rows}
    if not forms:
        return None
    most = max(len(rows) for rows in forms.values())
    beside = most <= COLUMNS // 2
    columns = COLUMNS // 2 if beside else COLUMNS
    lines = [-(-len(rows) // columns) for rows in forms.values()]
    figure = new_figure(WIDTH, UNIT * 2 * (max(lines) if beside else sum(lines)) + 0.4 * (1 if beside else len(lines)))
    shape = (1, len(forms)) if beside else (len(forms), 1)
    panels = figure.subplots(*shape, squeeze=False, height_ratios=None if beside else lines).ravel()
    for axes, (form, rows) in zip(panels, forms.items(), strict=True):
        _draw_form(axes, form, rows, findings.size, columns)
    return figure


def _draw_form(axes, form: str, rows, size: int, columns: int) -> None:
    tops = mosaic(axes, np.array([_centre(row, size) for row in rows]), columns, gap=1.0)
    for (x, y), row in zip(tops, rows, strict=True):
        colour = COLOURS[row["cluster"] % len(COLOURS)] if form == "l1" else "black"
        heading = f"{row['cluster']}: {row['kernels']:,} ({100 * row['share']:.0f} %)"
        axes.text(x, y - 0.06, heading, ha="center", va="bottom", fontsize=8, color=colour)
        if row["nearest"]:
            nearest = f"{label(row['nearest'], 22)}\n{row['similarity']:.2f}"
            axes.text(x, y + 1.06, nearest, ha="center", va="top", fontsize=7)
    axes.set(xlim=(-0.5, 2 * columns - 0.5), ylim=(2 * -(-len(rows) // columns) - 0.4, -0.3))
    axes.set_title(FORMS[form], loc="left")


def _centre(row, size: int) -> np.ndarray:
    return np.array([[row[f"w{y}{x}"] for x in range(size)] for y in range(size)])
