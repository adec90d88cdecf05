"""The fronts of a level set network through grids and steps, as a picture: a row a scan, a column a grid."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from keras import ops

from lsn_tf.artifacts import replaced
from lsn_tf.layers.resample import area_weights
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.solver import Discretization

PANEL_IN = 1.75  # width of a panel, inches
DPI = 160
MARGIN_MM = 12.0  # around fronts and reference
RULER_MM = 50.0
WIDEST_MESH = 32  # a finer mesh of pixels would be grey
REFERENCE = "#22d3ee"  # cyan, which neither colour map of time comes near
STEP, END, THIN = {"linewidths": 0.7}, {"linewidths": 1.6}, {"linewidths": 0.8}
SMALL = {"fontsize": 8}


@dataclasses.dataclass(frozen=True, eq=False)
class GridFronts:
    """phi of one image on one grid.

    Attributes:
        phis: (steps + 1, height, width), before the first step and after each, mm.
        seconds: (steps + 1,), time of the equation on this grid, s.
        spacing_mm: (dy, dx).
    """

    phis: np.ndarray
    seconds: np.ndarray
    spacing_mm: np.ndarray

    @property
    def steps(self) -> int:
        return len(self.phis) - 1


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """What is drawn of one slice.

    Attributes:
        label: at the left of the row.
        image: (height, width) on the scan's own grid, HU.
        reference: (height, width) bool, where the target is.
        spacing_mm: (dy, dx) of the scan.
        grids: from coarse to fine; the equation's, which cover the slice, in their middle, and the air beside it.
        phi: (height, width), the end on the scan's own grid, mm.
        dice: of the whole scan.
    """

    label: str
    image: np.ndarray
    reference: np.ndarray
    spacing_mm: np.ndarray
    grids: Sequence[GridFronts]
    phi: np.ndarray
    dice: float

    @property
    def margin(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many pixels of the scan the grids reach beyond the slice, ((above, below), (left, right))."""
        grid = self.grids[-1]
        covered = np.rint(np.multiply(grid.phis.shape[1:], grid.spacing_mm) / self.spacing_mm).astype(int)
        beyond = (covered - self.image.shape).tolist()
        return tuple((n // 2, n - n // 2) for n in beyond)

    @property
    def corner_mm(self) -> np.ndarray:
        """Where the grids begin, (y, x) from the upper left corner of the slice."""
        return -np.multiply([before for before, _ in self.margin], self.spacing_mm)

    def fronts(self, grid: GridFronts) -> list[list[np.ndarray]]:
        """Returns the zero contours of each phi of a grid, see `zero_contours`, where they lie in the slice."""
        lines = [zero_contours(phi, grid.spacing_mm) for phi in grid.phis]
        return [[line + self.corner_mm[::-1] for line in front] for front in lines]


def fronts_by_grid(equation: Discretization) -> list[GridFronts]:
    """Returns phi of the first image of an equation after every step, the stages on one grid joined."""
    grids: list[GridFronts] = []
    for stage, phis in equation.step_by_step():
        phis = np.stack(phis)[:, 0, ..., 0]
        seconds = float(stage.time_step[0]) * np.arange(len(phis))
        if grids and grids[-1].phis.shape[1:] == phis.shape[1:]:
            before = grids.pop()
            phis = np.concatenate([before.phis, phis[1:]])
            seconds = np.concatenate([before.seconds, before.seconds[-1] + seconds[1:]])
        grids.append(GridFronts(phis, seconds, stage.spacing_mm[0]))
    return grids


def draw_fronts(
    rows: Sequence[Row], path: pathlib.Path, window_hu: tuple[float, float], title: str = "", with_image: bool = True
) -> None:
    """Draws the zero contour of phi on its way: phi_0, each grid with its steps, and the end beside the reference.

    All panels have one scale and show the same millimetres; those of a row the same place.

    Args:
        rows: the slices, all with equally many grids.
        path: of a PNG, written atomically.
        window_hu: HU that are (black, white).
        title: above all.
        with_image: whether images and references are drawn; otherwise the fronts alone, on white.

    Raises:
        ValueError: if there is no row, or one with another number of grids.
        ImportError: if matplotlib is not installed.
    """
    counts = {len(row.grids) for row in rows}
    if len(counts) != 1:
        raise ValueError(f"rows must be one at least, all with equally many grids. Received {len(rows)}: {counts}.")
    check_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [_Panels(row, window_hu, with_image) for row in rows]
    window_mm = np.max([np.ptp(panel.box_mm, axis=0) for panel in panels], axis=0)
    columns = counts.pop() + 2
    height = len(rows) * (PANEL_IN * window_mm[0] / window_mm[1] + 0.4) + 0.72
    figure = Figure(figsize=(columns * PANEL_IN + 0.35, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03, wspace=0.01, hspace=0.02)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for panel, axes_of_row in zip(panels, axes, strict=True):
        panel.draw(axes_of_row, window_mm)
    _draw_ruler(axes[0, 0], with_image)
    _draw_key(figure, axes, with_image)
    figure.suptitle(title, fontsize=10)
    with replaced(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def zero_contours(phi: np.ndarray, spacing_mm: Sequence[float]) -> list[np.ndarray]:
    """Returns the polygons (points, 2), (x, y) in mm, on which phi is zero; none where it has one sign.

    phi is linear between the centres of pixels and constant from the outermost to the border.
    """
    from contourpy import contour_generator  # comes with matplotlib

    y, x = (
        size * np.concatenate([[0.0], np.arange(n) + 0.5, [n]]) for n, size in zip(phi.shape, spacing_mm, strict=True)
    )
    return contour_generator(x, y, np.pad(phi, 1, "edge")).lines(0.0)


def time_shares(grid: GridFronts) -> np.ndarray:
    """Returns the share of the grid's time that is over at each phi, (steps + 1,) in [0, 1]."""
    return grid.seconds / grid.seconds[-1] if grid.seconds[-1] > 0 else np.linspace(0, 1, len(grid.seconds))


def averaged(image: np.ndarray, shape: tuple[int, int], window_hu: tuple[float, float]) -> np.ndarray:
    """Returns the windowed image on a coarser grid, as the equation sees it there."""
    down, right = (ops.convert_to_numpy(area_weights(n, m)) for n, m in zip(image.shape, shape, strict=True))
    return down @ np.clip(image, *window_hu) @ right.T


class _Panels:
    """The panels of a row: their contours once, then how they are drawn."""

    def __init__(self, row: Row, window_hu: tuple[float, float], with_image: bool):
        self.row, self.window_hu, self.with_image = row, window_hu, with_image
        self.on_grids = np.pad(row.image, row.margin, constant_values=window_hu[0])
        self.fronts = [row.fronts(grid) for grid in row.grids]
        self.end = zero_contours(row.phi, row.spacing_mm)
        outside = np.where(row.reference, INSIDE, -INSIDE)
        self.reference = zero_contours(outside, row.spacing_mm) if with_image else []

    @property
    def size_mm(self) -> np.ndarray:
        """(height, width) of the slice."""
        return np.multiply(self.row.image.shape, self.row.spacing_mm)

    @property
    def box_mm(self) -> np.ndarray:
        """((top, left), (bottom, right)) of all contours, with a margin, inside the slice; all of it without any."""
        lines = [line for grid in self.fronts for lines in grid for line in lines] + self.end + self.reference
        if not lines:
            return np.stack([np.zeros(2), self.size_mm])
        points = np.concatenate(lines)[:, ::-1]
        return np.clip([points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM], 0, self.size_mm)

    def draw(self, axes: Sequence, window_mm: np.ndarray) -> None:
        first, *between, last = axes
        row = self.row
        start = row.grids[0]
        self._draw_ground(first, start)
        self._draw_fronts(first, [self.fronts[0][0]], [0.0])
        first.set_title(f"φ₀, {_size(start.phis.shape[1:])}\n{_pixel(start.spacing_mm)}", **SMALL)
        first.set_ylabel(row.label, fontsize=9)
        for axis, grid, fronts in zip(between, row.grids, self.fronts, strict=True):
            self._draw_ground(axis, grid)
            self._draw_fronts(axis, fronts, time_shares(grid))
            steps = f"{grid.steps} step" + "s" * (grid.steps != 1)
            axis.set_title(f"{_size(grid.phis.shape[1:])}, {steps}\n{_pixel(grid.spacing_mm)}", **SMALL)
        self._draw_ground(last)
        self._draw_fronts(last, [self.end], [1.0])
        last.set_title(f"scan's own grid, {_size(row.image.shape)}\nDice of scan {row.dice:.3f}", **SMALL)
        for axis in axes:
            self._set_window(axis, window_mm)

    def _draw_ground(self, axis, grid: GridFronts | None = None) -> None:
        """Draws the image as the equation sees it on a grid, or the borders of that grid's pixels; or the slice."""
        row = self.row
        shape, spacing_mm = (grid.phis.shape[1:], grid.spacing_mm) if grid else (row.image.shape, row.spacing_mm)
        image, (top, left) = (self.on_grids, row.corner_mm) if grid else (row.image, (0.0, 0.0))
        if self.with_image:
            picture = averaged(image, shape, self.window_hu)
            black, white = self.window_hu
            height, width = np.multiply(shape, spacing_mm)
            extent = (left, left + width, top + height, top)
            axis.imshow(picture, cmap="gray", vmin=black, vmax=white, extent=extent, interpolation="nearest")
        elif max(shape) <= WIDEST_MESH:
            dy, dx = spacing_mm
            mesh = {"color": "#e2e8f0", "linewidth": 0.4, "zorder": 0}
            for n in range(shape[0] + 1):
                axis.axhline(top + n * dy, **mesh)
            for n in range(shape[1] + 1):
                axis.axvline(left + n * dx, **mesh)

    def _draw_fronts(self, axis, fronts: Sequence[Sequence[np.ndarray]], shares: Sequence[float]) -> None:
        """Draws fronts in the order of time, the last one thick, and the reference over them."""
        from matplotlib.collections import LineCollection

        colours = _time_map(self.with_image)
        for n, (front, share) in enumerate(zip(fronts, shares, strict=True)):
            style = END if n == len(fronts) - 1 else STEP
            axis.add_collection(LineCollection(front, colors=[colours(share)], **style), autolim=False)
        axis.add_collection(LineCollection(self.reference, colors=REFERENCE, **THIN), autolim=False)
        if not fronts[-1]:
            colour = "white" if self.with_image else "black"
            axis.text(0.5, 0.5, "no front", transform=axis.transAxes, color=colour, ha="center", va="center", **SMALL)

    def _set_window(self, axis, window_mm: np.ndarray) -> None:
        """Shows so many millimetres around the contours, as far as possible of the slice alone."""
        top, left = np.clip(self.box_mm.mean(axis=0) - window_mm / 2, 0, np.maximum(self.size_mm - window_mm, 0))
        axis.set(xlim=(left, left + window_mm[1]), ylim=(top + window_mm[0], top), xticks=[], yticks=[], aspect="equal")
        axis.spines[:].set(linewidth=0.5, color="#94a3b8")


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _pixel(spacing_mm: Sequence[float]) -> str:
    dy, dx = (f"{size:.3g}" for size in spacing_mm)
    return f"pixel {dy} mm" if dy == dx else f"pixel {dy} × {dx} mm"


def _time_map(with_image: bool):
    """Returns the colours of time in [0, 1]: brighter and brighter on an image, darker and darker on white."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    low, high = (0.35, 0.96) if with_image else (0.88, 0.0)
    return ListedColormap(matplotlib.colormaps["plasma"](np.linspace(low, high, 256)))


def _draw_ruler(axis, with_image: bool) -> None:
    """Draws a bar of 50 mm in the lower left corner."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    x, y = left + 0.05 * (right - left), bottom + 0.06 * (top - bottom)
    colour = "white" if with_image else "black"
    axis.plot([x, x + RULER_MM], [y, y], color=colour, linewidth=1.5, solid_capstyle="butt", scalex=False, scaley=False)
    height = y + 0.02 * (top - bottom)
    axis.text(x + RULER_MM / 2, height, f"{RULER_MM:.0f} mm", color=colour, fontsize=6.5, ha="center", va="bottom")


def _draw_key(figure, axes: np.ndarray, with_image: bool) -> None:
    """Draws the scale of time, and what the line of the reference is."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.lines import Line2D

    bar = figure.colorbar(
        ScalarMappable(cmap=_time_map(with_image)),
        ax=axes,
        location="bottom",
        shrink=0.3,
        aspect=45,
        pad=0.02,
    )
    bar.set_label("front: time on the grid, from its start (0) to its end (1)", fontsize=8)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_linewidth(0.5)
    if with_image:
        line = Line2D([], [], color=REFERENCE, linewidth=1.2, label="reference")
        figure.legend(handles=[line], loc="lower right", fontsize=8, frameon=False)


def check_matplotlib() -> None:
    """Raises ImportError, with what to do, where matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError("expected matplotlib, which draws the fronts: pip install 'lsn_tf[solver]'.") from error
