"""Parameters for a scan are chosen without that scan, and a click stays where it is in the body."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from lsn_tf.data.folds import NUM_FOLDS
from lsn_tf.data.phantoms import make_scan
from lsn_tf.data.sources import open_source
from lsn_tf.numerics.level_sets import ball
from lsn_tf.solver import calibration
from lsn_tf.solver.calibration import RANGES, CalibrationConfig, Click, best, calibrate, clicks_of, sobol_design
from lsn_tf.solver.seeded_contour import Parameters


def disc_click(shape=(64, 48), spacing=(0.7, 1.1), centre=(20.0, 24.0), volume_id=1, fold=0):
    mask = (ball(shape, spacing, centre, 12.0) < 0).astype(np.float32)
    return Click(volume_id, fold, 110 * mask, mask, spacing, centre)


def centroid_mm(click):
    indices = zip(np.indices(click.mask.shape), click.spacing_mm, strict=True)
    return [np.average(index * h, weights=click.mask) for index, h in indices]


def test_a_resized_click_stays_in_the_middle_of_its_organ_and_the_field_of_view_stays():
    click = disc_click()
    small = click.resized(16)
    assert small.image.shape == small.mask.shape == (16, 16)
    np.testing.assert_allclose(np.multiply(small.spacing_mm, 16), np.multiply(click.spacing_mm, (64, 48)))
    np.testing.assert_allclose(centroid_mm(click), click.seed_mm, atol=0.1)
    np.testing.assert_allclose(centroid_mm(small), small.seed_mm, atol=0.1)
    assert (small.volume_id, small.fold) == (click.volume_id, click.fold)


def test_every_slice_with_liver_is_clicked_inside_it():
    scan = make_scan(3, size=32, slices=4)
    clicks = list(clicks_of(scan, fold=2))
    assert len(clicks) == sum(label.any() for label in scan.label) > 1
    for click in clicks:
        place = tuple(np.rint(np.divide(click.seed_mm, click.spacing_mm)).astype(int))
        assert click.mask[place] == 1 and (click.volume_id, click.fold) == (3, 2)


def test_a_design_fills_the_ranges_and_repeats():
    design = sobol_design(8, seed=0)
    assert design == sobol_design(8, seed=0) != sobol_design(8, seed=1)
    assert len(set(design)) == 8 and len(sobol_design(5, seed=0)) == 5
    for name, (lower, upper, logarithmic) in RANGES.items():
        values = np.array([getattr(parameters, name) for parameters in design])
        assert (lower <= values).all() and (values <= upper).all()
        middle = np.sqrt(lower * upper) if logarithmic else (lower + upper) / 2
        assert (values < middle).sum() == 4


def test_slices_of_different_sizes_are_solved_each_on_its_own_grid(monkeypatch):
    """In batches of one, so that a batch is not what was given in a row."""
    monkeypatch.setattr(calibration, "BATCH", 1)
    clicks = [disc_click(), disc_click((32, 36), (1.4, 1.4), (21.0, 25.2)), disc_click()]
    masks = calibration.segment_clicks(clicks, Parameters(seconds=20.0, sigma=0.75))
    scores = calibration.dice_per_scan(clicks, masks)
    assert [mask.shape for mask in masks] == [click.mask.shape for click in clicks]
    assert set(scores) == {1} and scores[1] > 0.93


def test_the_score_of_a_scan_counts_the_voxels_of_all_its_slices():
    clicks = [disc_click(volume_id=volume) for volume in (7, 7, 9)]
    full, nothing = clicks[0].mask > 0, np.zeros(clicks[0].mask.shape, bool)
    scores = calibration.dice_per_scan(clicks, [full, nothing, full])
    assert scores == {7: pytest.approx(2 / 3), 9: 1.0}


def test_the_best_candidate_is_that_with_the_highest_mean_over_the_given_scans():
    table = [{1: 0.9, 2: 0.2, 3: 0.3}, {1: 0.1, 2: 0.8, 3: 0.7}]
    assert best(table, [1]) == 0 and best(table, [2, 3]) == 1 and best(table, [1, 2, 3]) == 1


@pytest.fixture
def two_candidates(monkeypatch):
    """The phantom's clicks on tiny grids, and a search in which every fold's own best is what the others find worse.

    Candidate 1 is only better for scans of fold 0, and so much that it would be the best for all.
    """
    source = open_source("phantom", None)
    numbers = {fold: [scan.volume_id for scan in source.scans(fold)] for fold in range(NUM_FOLDS)}

    class Tiny:
        name, synthetic = source.name, source.synthetic

        def scans(self, fold):
            return (make_scan(volume, size=32, slices=2) for volume in numbers[fold][:2])

    real, searched = calibration.dice_per_scan, []

    def scores(clicks, masks):
        found = real(clicks, masks)
        if len(found) < 2 * NUM_FOLDS:
            return found  # of the held-out scans
        searched.append(found)
        good = len(searched) == 2
        return {volume: (1.0 if good else 0.0) if volume in numbers[0] else 0.4 + 0.1 * (not good) for volume in found}

    monkeypatch.setattr(calibration, "open_source", lambda *_: Tiny())
    monkeypatch.setattr(calibration, "dice_per_scan", scores)


def test_a_fold_is_scored_with_what_is_best_on_the_others(two_candidates, tmp_path):
    config = CalibrationConfig("phantom", None, str(tmp_path / "lse"), candidates=2, image_size=16)
    results = calibrate(config)
    design = [dataclasses.asdict(parameters) for parameters in sobol_design(2, 0)]
    assert results["parameters_by_fold"][0] == design[0], "fold 0 itself wants the other one"
    assert all(results["parameters_by_fold"][fold] == design[1] for fold in range(1, NUM_FOLDS))
    assert results["parameters"] == design[1]
    folder = tmp_path / "lse"
    assert sorted(path.name for path in folder.iterdir()) == [
        "candidates.csv", "dice.csv", "parameters.json", "results.json"
    ]  # fmt: skip
    assert Parameters(**json.loads((folder / "parameters.json").read_text())) == Parameters(**design[1])
    with (folder / "dice.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == results["scans"] == 2 * NUM_FOLDS and results["slices"] == sum(int(r["slices"]) for r in rows)
    assert results["dice_per_scan_mean"] == pytest.approx(np.mean([float(row["dice"]) for row in rows]), abs=1e-4)
    written = json.loads((folder / "results.json").read_text())
    assert set(results) == {*written, "results_dir"} and written["search"]["candidates"] == 2
    assert set(written) == {
        "command", "machine",
        "model", "dataset", "synthetic", "dice_per_scan_mean", "dice_per_scan_median", "dice_per_scan_min",
        "dice_per_scan_by_fold", "scans", "slices", "parameters_by_fold", "parameters", "search", "seconds"
    }  # fmt: skip
    with (folder / "candidates.csv").open() as file:
        assert [set(row) for row in csv.DictReader(file)] == [{*RANGES, "dice_per_scan_mean"}] * 2


def test_scans_of_a_single_fold_cannot_calibrate_each_other(two_candidates, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "NUM_FOLDS", 1)
    with pytest.raises(ValueError, match=r"two folds at least.*Received folds \[0\]"):
        calibrate(CalibrationConfig("phantom", None, str(tmp_path)))
    assert not list(tmp_path.iterdir())
