"""How the figures look: sizes for a page, colours that all eyes can tell apart, depth as an axis, kernels as pictures.

matplotlib is imported where it is used: the analysis itself does without.
"""

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lsn_tf.analysis.network import Layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), without yellow, which is faint on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")  # the next for each round of the colours
HOLDS, OPEN, CHANCE = COLOURS[1], COLOURS[0], "0.82"
KERNEL_COLOURS = "RdBu_r"  # negative weights blue, zero white, positive ones red
WIDTH = 8.0  # inches, of a page
HALF = 0.42  # width of a band of chance, half of it
DPI = 150
LABELS = 40  # layers whose names stand along an axis; of more, every other or fewer
LETTER = 0.06  # inches, of the name of a stage
LONGEST = 28  # characters of a name in a figure
SETTINGS = {
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": DPI,
    "text.parse_math": False,  # names come from files: a dollar is a dollar
    "svg.fonttype": "path",
    "svg.hashsalt": "lsn_tf",  # equal figures are equal files
}


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Draws and saves figures with `SETTINGS`."""
    import matplotlib

    with matplotlib.rc_context(SETTINGS):
        yield


def new_figure(width: float, height: float) -> "Figure":
    """Returns a figure, in inches, that belongs to no window and to no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def saved(figure: "Figure", form: str) -> bytes:
    """Returns a figure as a "png" or "svg" file, the same bytes whenever it is drawn."""
    file = io.BytesIO()
    metadata = {"Software": None} if form == "png" else {"Date": None, "Creator": None}
    figure.savefig(file, format=form, metadata=metadata, dpi=DPI)
    return file.getvalue()


def label(name: str, longest: int = LONGEST) -> str:
    """Returns a name on one line, shortened in its middle, without characters that cannot be drawn."""
    text = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


def cluster_style(number: int) -> dict[str, str]:
    """Returns colour and marker of a cluster."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number // len(COLOURS) % len(MARKERS)],
    }


def depth_axis(axes: "Axes", layers: Sequence[Layer], names: bool = True, stages: bool = True) -> None:
    """Makes x the depth: a place for each layer, thin lines where the stage changes.

    The longest part of each stage has its name at the top, where there is room.
    """
    step = -(-len(layers) // LABELS)
    places = range(0, len(layers), step)
    axes.set_xticks(places, [label(layers[n].name) for n in places] if names else [], rotation=90, fontsize=7)
    axes.set_xlim(-0.7, len(layers) - 0.3)
    starts = [n for n in range(len(layers)) if n == 0 or layers[n].stage != layers[n - 1].stage]
    runs = list(zip(starts, [*starts[1:], len(layers)], strict=True))
    for start in starts[1:]:
        axes.axvline(start - 0.5, color="0.6", linewidth=0.6, linestyle=":", zorder=0)
    inches = axes.get_figure().get_figwidth() / axes.get_subplotspec().get_gridspec().ncols
    for stage in dict.fromkeys(layer.stage for layer in layers if stages and layer.stage):
        start, end = max((run for run in runs if layers[run[0]].stage == stage), key=lambda run: run[1] - run[0])
        if 0.85 * inches * (end - start) / len(layers) < LETTER * len(stage):
            continue
        axes.annotate(
            stage,
            ((start + end) / 2 - 0.5, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=7,
            color="0.35",
        )


def against_chance(axes: "Axes", tests: Sequence, places: Sequence[int], holds: float, scale: float = 1.0) -> None:
    """Draws tests, claims or mean shares, with their intervals over the band from chance to chance_high.

    Args:
        axes: to draw on.
        tests: each with share, interval, chance, chance_high and q_value.
        places: x of each.
        holds: a test that holds, its q-value below this, is filled.
        scale: of the shares, 100 for per cent.
    """
    places = np.asarray(places)
    columns = [(t.chance, max(t.chance, t.chance_high), *t.interval, t.share, t.q_value < holds) for t in tests]
    chance, high, lower, upper, share, held = np.array(columns, float).reshape(-1, 6).T
    bands(axes, places, scale * chance, scale * high)
    axes.hlines(scale * chance, places - HALF, places + HALF, color="0.45", linewidth=0.8)
    axes.vlines(places, scale * lower, scale * upper, color=np.where(held, HOLDS, OPEN), linewidth=1)
    dots(axes, places, scale * share, held > 0)


def bands(axes: "Axes", places: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Draws the band of chance at each place, from low to high."""
    axes.bar(places, np.subtract(high, low), 2 * HALF, low, color=CHANCE, linewidth=0, zorder=0.5)


def dots(axes: "Axes", places: np.ndarray, values: np.ndarray, filled: np.ndarray) -> None:
    """Draws values as dots, those that stand out from chance filled and in another colour."""
    for chosen, colour, face in ((~filled, OPEN, "white"), (filled, HOLDS, HOLDS)):
        look = {"color": colour, "markerfacecolor": face, "markersize": 4}
        axes.plot(places[chosen], values[chosen], "o", **look, clip_on=not chosen.any())  # whole at an edge


def chance_legend() -> list:
    """Returns the entries of a legend for `against_chance`."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], color=HOLDS, marker="o", markersize=4, label="holds (q < 0.05)"),
        Line2D([], [], color=OPEN, marker="o", markersize=4, markerfacecolor="white", label="does not hold"),
        Patch(color=CHANCE, label="from chance to what 95 % of layers\nstay below by chance"),
    ]


def mosaic(axes: "Axes", kernels: np.ndarray, columns: int, gap: float = 0.5) -> list[tuple[float, float]]:
    """Draws kernels, (n, s, s), as pictures in rows of so many, each scaled by its own largest weight.

    All are one picture: hundreds of them would take long to draw.

    Args:
        axes: to draw on.
        kernels: to draw.
        columns: pictures in a row.
        gap: between pictures, as a multiple of their width, in halves.

    Returns:
        The middle of the upper edge of each, (x, y), for a caption; a kernel is as wide as 1.
    """
    from matplotlib.collections import PatchCollection

    size, rows = kernels.shape[1], -(-len(kernels) // columns)
    pitch, pixels = 1 + gap, 2 * size  # so that half a width is a whole number of pixels
    picture = np.full((round(rows * pitch * pixels), round(columns * pitch * pixels)), np.nan)
    tops, frames = [], []
    for number, kernel in enumerate(kernels):
        row, column = divmod(number, columns)
        top, left = round(row * pitch * pixels), round(column * pitch * pixels)
        scaled = kernel / (np.abs(kernel).max() or 1.0)
        picture[top : top + pixels, left : left + pixels] = np.kron(scaled, np.ones((2, 2)))
        tops.append((column * pitch + 0.5, row * pitch))
        frames.append(_rectangle(column * pitch, row * pitch, 1, 1))
    extent = (0, columns * pitch, rows * pitch, 0)
    axes.imshow(picture, cmap=KERNEL_COLOURS, vmin=-1, vmax=1, extent=extent, interpolation="nearest")
    axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor="0.4", linewidth=0.5))
    axes.set(xlim=(-0.1, columns * pitch - gap + 0.1), ylim=(rows * pitch - gap + 0.1, -gap))
    axes.axis("off")
    return tops


def _rectangle(left: float, low: float, width: float, height: float, **look):
    from matplotlib.patches import Rectangle

    return Rectangle((left, low), width, height, **look)
