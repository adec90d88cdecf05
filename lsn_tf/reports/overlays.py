"""Held-out scans to look at: which ones are shown, and a slice with the contours of reference and prediction."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from lsn_tf.analysis.figures.style import new_figure, saved
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.studies.fronts_figure import zero_contours

REFERENCE, PREDICTED = "#22d3ee", "#ff9f1c"
MARGIN_MM = 15.0
WIDTH_IN = 3.0


@dataclasses.dataclass(frozen=True, eq=False)
class Overlay:
    """A slice as one model has segmented it.

    Attributes:
        model: label.
        image: (height, width), HU.
        reference: (height, width) bool.
        phi: (height, width), mm, negative inside.
        spacing_mm: (dy, dx).
        dice: of the whole scan.
        slice_dice: of this slice.
    """

    model: str
    image: np.ndarray
    reference: np.ndarray
    phi: np.ndarray
    spacing_mm: np.ndarray
    dice: float
    slice_dice: float


@dataclasses.dataclass(frozen=True, eq=False)
class ShownScan:
    """A scan as several models have segmented it.

    Attributes:
        names: why it is shown.
        volume_id: its number.
        fold: that holds it out.
        slice: number of the slice, from 0.
        slices: how many there are.
        overlays: one for each model.
    """

    names: Sequence[str]
    volume_id: int
    fold: int
    slice: int
    slices: int
    overlays: Sequence[Overlay]


def chosen_scans(scores: Mapping[str, Mapping[int, float]]) -> dict[int, list[str]]:
    """Returns which scans are shown, by number, and why: best, median, worst of the mean over models, most apart.

    The mean over all models favours none of them. Equal scans are ordered by their numbers, the lower one being the
    better; of an even number the median is the lower middle one. A scan with two names comes once.

    Args:
        scores: Dice of each scan, by number, for each model; scans that not all have are left out.

    Raises:
        ValueError: if there is no scan that all have.
    """
    common = set.intersection(*(set(of_model) for of_model in scores.values())) if scores else set()
    if not common:
        raise ValueError(f"scores must be of models that have scans in common. Received {sorted(scores)}.")
    dice = {volume: [of_model[volume] for of_model in scores.values()] for volume in common}
    ranked = sorted(common, key=lambda volume: (round(float(np.mean(dice[volume])), 9), -volume))
    names = {"best": ranked[-1], "median": ranked[(len(ranked) - 1) // 2], "worst": ranked[0]}
    if len(scores) > 1:
        names["models most apart"] = max(sorted(common), key=lambda volume: np.ptp(dice[volume]))
    chosen: dict[int, list[str]] = {}
    for name, volume in names.items():
        chosen.setdefault(volume, []).append(name)
    return chosen


def draw_overlay(overlay: Overlay, box_mm: np.ndarray, window_hu: Sequence[float]) -> bytes:
    """Returns the slice as an SVG: the image, windowed and cut to a box, with both contours.

    Args:
        overlay: what is drawn.
        box_mm: ((top, left), (bottom, right)).
        window_hu: HU that are (black, white).
    """
    from matplotlib.collections import LineCollection

    (top, left), (bottom, right) = box_mm
    figure = new_figure(WIDTH_IN, WIDTH_IN * (bottom - top) / (right - left))
    figure.set_layout_engine("none")  # the slice fills it
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    picture, extent = _cut(overlay, box_mm)
    low, high = window_hu
    axes.imshow(picture, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="none")
    for lines, colour in ((reference_contours(overlay), REFERENCE), (predicted_contours(overlay), PREDICTED)):
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=1.4), autolim=False)
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="auto")
    return saved(figure, "svg")


def reference_contours(overlay: Overlay) -> list[np.ndarray]:
    """Returns the polygons, (x, y) in mm, around the reference."""
    return zero_contours(np.where(overlay.reference, INSIDE, -INSIDE).astype(float), overlay.spacing_mm)


def predicted_contours(overlay: Overlay) -> list[np.ndarray]:
    """Returns the polygons, (x, y) in mm, on which phi is zero."""
    return zero_contours(overlay.phi, overlay.spacing_mm)


def common_box(overlays: Sequence[Overlay]) -> np.ndarray:
    """Returns the box of all contours of a slice with a margin, mm, inside the slice; all of it without any."""
    size = np.multiply(overlays[0].image.shape, overlays[0].spacing_mm)
    lines = [line for one in overlays for line in (*reference_contours(one), *predicted_contours(one))]
    if not lines:
        return np.stack([np.zeros(2), size])
    points = np.concatenate(lines)[:, ::-1]
    return np.clip([points.min(axis=0) - MARGIN_MM, points.max(axis=0) + MARGIN_MM], 0, size)


def _cut(overlay: Overlay, box_mm: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Returns the pixels that a box touches, and where they lie: left, right, bottom, top, mm."""
    starts = np.floor(box_mm[0] / overlay.spacing_mm).astype(int)
    ends = np.ceil(box_mm[1] / overlay.spacing_mm).astype(int)
    (top, left), (bottom, right) = starts * overlay.spacing_mm, ends * overlay.spacing_mm
    return overlay.image[starts[0] : ends[0], starts[1] : ends[1]], (left, right, bottom, top)
