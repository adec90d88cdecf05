"""The scores of a scan, its row of dice.csv, and those of all scans together, for results.json.

Distances are measured in space where the slices of a scan are known to follow one another at its dz. Elsewhere the gaps
between slices are not known, and they are measured in the plane, slice by slice, and pooled over the scan.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.data.pipeline import target_mask
from lsn_tf.data.sources import Fold
from lsn_tf.data.volumes import Scan
from lsn_tf.metrics import dice, false_positive_slices, largest_component, volume_error
from lsn_tf.surface_distances import (
    assd_mm,
    hausdorff_mm,
    surface_dice,
    surface_distances,
    surface_distances_in_plane,
)

SURFACE_TOLERANCE_MM = 2.0
IN_SPACE, IN_PLANE = "in space", "in plane, pooled over slices"


def scan_row(
    scan: Scan,
    predicted: np.ndarray,
    fold: Fold,
    target: str,
    contiguous: bool,
    tolerance_mm: float = SURFACE_TOLERANCE_MM,
) -> dict[str, Any]:
    """Returns the scan's row of dice.csv, and "slice_dice", the Dice of each of its slices.

    The largest component is that of the whole stack, also where slices are apart: consecutive slices are connected
    where pixels lie above one another. Lobes that a single slice shows apart then stay together, and of what else is
    predicted only that is kept which the next slice connects.

    Args:
        scan: with its label.
        predicted: (slices, height, width) bool, on the scan's own grid.
        fold: the fold that holds the scan out.
        target: see `target_mask`.
        contiguous: whether distances are measured in space; otherwise in the plane.
        tolerance_mm: of the surface Dice.
    """
    reference = target_mask(scan.label, target)
    voxel_mm3 = float(np.prod(scan.spacing_mm))
    slice_dice = [dice(*pair) for pair in zip(reference, predicted, strict=True)]
    if contiguous:
        distances = surface_distances(reference, predicted, scan.spacing_mm)
    else:
        distances = surface_distances_in_plane(reference, predicted, scan.spacing_mm[1:])
    return {
        "volume_id": scan.volume_id,
        "fold": fold,
        "dice": round(dice(reference, predicted), 6),
        "dice_per_slice_mean": round(float(np.mean(slice_dice)), 6),
        "slices": len(scan.image),
        "reference_mm3": round(reference.sum() * voxel_mm3, 1),
        "predicted_mm3": round(predicted.sum() * voxel_mm3, 1),
        "spacing_guessed": scan.spacing_guessed,
        "hd95_mm": round(hausdorff_mm(distances, 95), 3),
        "assd_mm": round(assd_mm(distances), 3),
        "surface_dice": round(surface_dice(distances, tolerance_mm), 6),
        "volume_error": round(volume_error(reference, predicted), 6),
        "dice_largest_component": round(dice(reference, largest_component(predicted)), 6),
        "false_positive_slices": false_positive_slices(reference, predicted),
        "missed_slices": false_positive_slices(predicted, reference),
        "slice_dice": slice_dice,
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns means, medians and sums over the rows of `scan_row`, for results.json.

    Scans whose spacing is guessed are left out where millimetres count, `scans_in_mm` are left; None if none is, and
    everywhere without any scan.
    """
    measured = in_mm(rows)
    slice_scores = [score for row in rows for score in row["slice_dice"]]
    return {
        "dice_per_scan_mean": _rounded(np.mean, rows, "dice"),
        "dice_per_scan_median": _rounded(np.median, rows, "dice"),
        "dice_per_scan_min": _rounded(np.min, rows, "dice"),
        "dice_per_slice_mean": round(float(np.mean(slice_scores)), 4) if slice_scores else None,
        "scans": len(rows),
        "slices": len(slice_scores),
        "dice_largest_component_mean": _rounded(np.mean, rows, "dice_largest_component"),
        "volume_error_mean_abs": _rounded(lambda errors: np.mean(np.abs(errors)), rows, "volume_error"),
        "hd95_mm_mean": _rounded(np.mean, measured, "hd95_mm"),
        "hd95_mm_median": _rounded(np.median, measured, "hd95_mm"),
        "assd_mm_mean": _rounded(np.mean, measured, "assd_mm"),
        "surface_dice_mean": _rounded(np.mean, measured, "surface_dice"),
        "scans_in_mm": len(measured),
        "false_positive_slices": _sum(rows, "false_positive_slices"),
        "missed_slices": _sum(rows, "missed_slices"),
    }


def in_mm(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns the rows of scans whose spacing is known, not guessed."""
    return [row for row in rows if not row["spacing_guessed"]]


def mean(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Returns the mean of a column, as in results.json; None of no rows."""
    return _rounded(np.mean, rows, name)


def _sum(rows: Sequence[Mapping[str, Any]], name: str) -> int | None:
    return sum(row[name] for row in rows) if rows else None


def _rounded(average, rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    return round(float(average([row[name] for row in rows])), 4) if rows else None
