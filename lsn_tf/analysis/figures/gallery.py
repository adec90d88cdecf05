"""All figures of an analysis, by name, in the order of the page; those of one layer each come last."""

import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lsn_tf.analysis.figures.depth import draw_dc_energy, draw_families, draw_published, draw_shares, draw_variance
from lsn_tf.analysis.figures.differences import draw_comparison, draw_differences, draw_divergence
from lsn_tf.analysis.figures.galleries import draw_centres, draw_components
from lsn_tf.analysis.figures.scatter import draw_fan, draw_plane
from lsn_tf.analysis.figures.swap_curves import draw_swap
from lsn_tf.analysis.findings import Findings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 30  # layers of one figure of eigen-images
LONGEST = 80  # characters of a layer's name in that of a file


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure with its name, which is that of its files.

    Attributes:
        name: letters, digits, dots, hyphens and underscores.
        figure: as drawn by matplotlib.
    """

    name: str
    figure: "Figure"


def network_pictures(findings: Findings) -> Iterator[Picture]:
    """Yields the figures of the whole network. Draw and save them within `style.styled`."""
    drawn = {
        "family_shares": draw_families,
        "published_rule": draw_published,
        "dc_energy": draw_dc_energy,
        "finite_difference_shares": draw_shares,
        "variance": draw_variance,
        "divergence": draw_divergence,
        "comparison": draw_comparison,
        "differences": draw_differences,
        "swap": _draw_swap,
        "fan_and_clump": draw_fan,
        "cluster_centres": draw_centres,
    }
    layers = findings.layers
    for start in range(0, len(layers), ROWS):
        name = "eigen_images" if len(layers) <= ROWS else f"eigen_images_{start // ROWS + 1}"
        drawn[name] = lambda _, rows=layers[start : start + ROWS]: draw_components(rows)
    for name, draw in drawn.items():
        if (figure := draw(findings)) is not None:
            yield Picture(name, figure)


def layer_pictures(findings: Findings) -> Iterator[Picture]:
    """Yields the plane of each layer. Draw and save them within `style.styled`."""
    for number, layer in enumerate(findings.layers):
        if (figure := draw_plane(findings, layer)) is not None:
            name = re.sub(r"[^\w.]+", "-", layer.name, flags=re.ASCII)[:LONGEST]
            yield Picture(f"plane_{number:03d}_{name}", figure)


def _draw_swap(findings: Findings) -> "Figure | None":
    return draw_swap(findings.summary["swap"]["results"]) if "swap" in findings.summary else None
