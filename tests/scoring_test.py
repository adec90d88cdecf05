"""The row of a scan agrees with the scores that it is made of, in space and in the plane; means leave out guesses."""

import dataclasses

import numpy as np
import pytest

from lsn_tf.data.volumes import Scan
from lsn_tf.metrics import dice
from lsn_tf.scoring import scan_row, summary
from lsn_tf.surface_distances import assd_mm, hausdorff_mm, surface_dice, surface_distances, surface_distances_in_plane

SPACING = (5.0, 0.7, 0.9)  # (dz, dy, dx), mm


@pytest.fixture
def scan(rng) -> Scan:
    label = rng.integers(0, 3, (4, 9, 11)).astype(np.uint8)
    return Scan(7, np.zeros(label.shape, np.int16), label, SPACING, False, np.eye(4))


@pytest.fixture
def predicted(scan, rng) -> np.ndarray:
    return (scan.label > 0) ^ (rng.random(scan.label.shape) < 0.1)


def row_of(scan, predicted, contiguous=True, **options):
    return scan_row(scan, predicted, 0, "liver", contiguous, **options)


@pytest.mark.parametrize("contiguous", [True, False])
def test_distances_are_in_space_where_slices_are_contiguous_and_else_in_the_plane(scan, predicted, contiguous):
    row = row_of(scan, predicted, contiguous, tolerance_mm=0.8)
    reference = scan.label > 0
    if contiguous:
        distances = surface_distances(reference, predicted, SPACING)
    else:
        distances = surface_distances_in_plane(reference, predicted, SPACING[1:])
    assert row["hd95_mm"] == pytest.approx(hausdorff_mm(distances, 95), abs=1e-3)
    assert row["assd_mm"] == pytest.approx(assd_mm(distances), abs=1e-3)
    assert row["surface_dice"] == pytest.approx(surface_dice(distances, 0.8), abs=1e-6)


def test_in_the_plane_nothing_depends_on_the_distance_of_slices_but_the_volumes(scan, predicted):
    near, far = (
        row_of(dataclasses.replace(scan, spacing_mm=(dz, 0.7, 0.9)), predicted, contiguous=False) for dz in (1.0, 15.0)
    )
    assert {name for name in near if near[name] != far[name]} == {"reference_mm3", "predicted_mm3"}


def test_without_a_scan_there_is_no_score(scan, predicted):
    none, one = summary([]), summary([row_of(scan, predicted)])
    counts = {"scans", "slices", "scans_in_mm"}
    assert none == {name: 0 if name in counts else None for name in one}


def test_volumes_and_slices_are_counted(scan):
    predicted = scan.label > 0
    predicted[2] = False
    row = row_of(scan, predicted)
    voxels = (scan.label > 0).sum()
    assert row["reference_mm3"] == pytest.approx(voxels * np.prod(SPACING), abs=0.05)
    assert row["volume_error"] == pytest.approx(predicted.sum() / voxels - 1, abs=1e-6)
    assert (row["false_positive_slices"], row["missed_slices"]) == (0, 1)
    assert row["slice_dice"] == [1.0, 1.0, 0.0, 1.0]
    assert row["dice_per_slice_mean"] == 0.75


def test_the_largest_component_links_slices_and_drops_what_is_apart():
    """Two lobes, apart in the first slice, meet in the second; a false positive beside them is of no slice's making."""
    label = np.zeros((2, 8, 12), np.uint8)
    label[0, 1:5, 1:3] = label[0, 1:5, 5:7] = label[1, 1:5, 1:7] = 1
    predicted = label > 0
    predicted[0, 6:, 9:] = True
    scan = Scan(7, np.zeros(label.shape, np.int16), label, SPACING, False, np.eye(4))
    row = row_of(scan, predicted, contiguous=False)
    assert row["dice_largest_component"] == 1.0 > row["dice"] == pytest.approx(dice(label, predicted), abs=1e-6)


def test_a_perfect_and_an_empty_prediction_have_the_best_and_the_worst_scores(scan):
    perfect, empty = (row_of(scan, mask) for mask in (scan.label > 0, np.zeros(scan.label.shape, bool)))
    names = ("dice", "hd95_mm", "assd_mm", "surface_dice", "volume_error")
    diagonal = pytest.approx(np.linalg.norm(np.multiply(scan.label.shape, SPACING)), abs=1e-3)
    assert [perfect[name] for name in names] == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert [empty[name] for name in names] == [0.0, diagonal, diagonal, 0.0, -1.0]


def rows(*hd95_mm, guessed=()):
    same = {"dice": 0.9, "slice_dice": [0.8, 1.0], "dice_largest_component": 0.9, "assd_mm": 1.0, "surface_dice": 0.5}
    counts = {"false_positive_slices": 1, "missed_slices": 2}
    return [
        {**same, **counts, "hd95_mm": value, "volume_error": (-1) ** n * 0.2, "spacing_guessed": n in guessed}
        for n, value in enumerate(hd95_mm)
    ]


def test_means_and_medians_are_over_scans_and_volume_errors_do_not_cancel():
    results = summary(rows(1.0, 2.0, 6.0))
    assert (results["hd95_mm_mean"], results["hd95_mm_median"]) == (3.0, 2.0)
    assert results["volume_error_mean_abs"] == 0.2
    assert (results["scans"], results["slices"], results["scans_in_mm"]) == (3, 6, 3)
    assert (results["false_positive_slices"], results["missed_slices"]) == (3, 6)


def test_scans_whose_spacing_is_guessed_do_not_count_in_millimetres():
    results = summary(rows(1.0, 2.0, 600.0, guessed=(2,)))
    assert (results["hd95_mm_mean"], results["scans_in_mm"], results["scans"]) == (1.5, 2, 3)
    nothing = summary(rows(1.0, guessed=(0,)))
    assert nothing["hd95_mm_mean"] is nothing["surface_dice_mean"] is None
    assert nothing["dice_per_scan_mean"] == 0.9
