"""What is scored, and what is refused: no scan of the training folds, and no results in the place of others."""

import csv
import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lsn_tf import evaluate
from lsn_tf.artifacts import RunDir, read_json, write_json
from lsn_tf.data import sources
from lsn_tf.data.volumes import Scan
from lsn_tf.models import LevelSetNetwork

TRAINED_ON = "liver_lits/slices_256"


@dataclasses.dataclass(frozen=True)
class FakeSource:
    """Two scans a fold, numbered after it."""

    name: str
    synthetic: bool = False
    folds: tuple = (0, 1, 2, 3, 4, sources.EXTRA)

    def scans(self, fold):
        for number in (0, 1):
            volume_id = 131 + number if fold == sources.EXTRA else 27 * fold + number
            label = np.zeros((3, 16, 16), np.uint8)
            label[:, 4 : 9 + number, 5:12] = 1
            image = np.where(label, 100, -50).astype(np.int16)
            yield Scan(volume_id, image, label, (5.0, 0.7, 0.9), number == 1, np.eye(4))


@pytest.fixture
def run(tmp_path) -> RunDir:
    """An untrained network that has held out fold 2."""
    run = RunDir(tmp_path / "run")
    record = {"model": "lsn", "dataset": TRAINED_ON, "data_dir": None, "fold": 2, "target": "liver", "seed": 0}
    record |= {"image_size": 16, "window_hu": [-100, 400], "mixed_precision": "float32", "jit": False, "command": "-"}
    write_json(run.config, record)
    LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=1).save(run.model)
    return run


@pytest.fixture
def prepared(monkeypatch) -> dict[str, FakeSource]:
    """What `open_source` finds."""
    found = {name: FakeSource(name) for name in (TRAINED_ON, "liver_lits/volumes", "phantom")}
    monkeypatch.setattr(evaluate, "open_source", lambda dataset, *_: found[dataset])
    return found


def scored(run: RunDir, folder, **options) -> tuple[dict, list[dict]]:
    results = evaluate.evaluate(evaluate.Config(str(run.path), results_dir=str(folder), **options))
    assert read_json(RunDir(folder).results) == json.loads(json.dumps(results))
    with RunDir(folder).dice.open() as file:
        return results, list(csv.DictReader(file))


def test_the_fold_that_was_held_out_is_scored_beside_the_model(run, prepared):
    results = evaluate.evaluate(evaluate.Config(str(run.path)))
    assert read_json(run.results) == json.loads(json.dumps(results))
    assert (results["fold"], results["scans"], results["slices"]) == (2, 2, 6)


def test_a_run_keeps_the_machine_that_trained_it_wherever_it_is_scored(run, prepared, monkeypatch):
    monkeypatch.setattr(evaluate, "machine", lambda: "a pocket calculator")
    untold = evaluate.evaluate(evaluate.Config(str(run.path)))
    assert untold["machine"] == untold["scored_on"] == "a pocket calculator"
    write_json(run.config, {**run.read_config(), "training": {"machine": "an abacus"}})
    results = evaluate.evaluate(evaluate.Config(str(run.path)))
    assert (results["machine"], results["scored_on"]) == ("an abacus", "a pocket calculator")


def _as_refiner(run: RunDir, initial_contour: str = "given") -> None:
    """Makes the network one whose front stays where it is given."""
    still = {"curvature": "diffusion", "edges": "none", "smoothing": 0.0, "initial_contour": initial_contour}
    LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=1, **still).save(run.model)


def test_a_refiner_starts_from_the_masks_of_another_run_or_from_simulated_contours(run, prepared, tmp_path):
    start = RunDir(tmp_path / "start")
    write_json(start.config, run.read_config())
    shutil.copy(run.model, start.model)
    of_start, _ = scored(start, tmp_path / "of_start")
    _as_refiner(run)
    results, rows = scored(run, tmp_path / "refined", start_from=str(start.path))
    assert results["started_from"] == str(start.path)
    for name in ("dice", "hd95_mm", "assd_mm", "surface_dice"):
        of_run = {"dice": "dice_per_scan"}.get(name, name)
        assert results[f"start_{name}_mean"] == of_start[f"{of_run}_mean"] == results[f"{of_run}_mean"]
        assert all(row[name] == row[f"start_{name}"] for row in rows)
    simulated = evaluate.evaluate(evaluate.Config(str(run.path)))
    assert simulated["started_from"] == evaluate.SIMULATED
    assert 0 < simulated["start_dice_mean"] < 1
    assert simulated == evaluate.evaluate(evaluate.Config(str(run.path)))


def test_a_start_that_has_seen_the_scans_or_is_not_one_is_refused(run, prepared, tmp_path):
    def refused(message, **options):
        with pytest.raises(ValueError, match=message):
            evaluate.evaluate(evaluate.Config(str(run.path), start_from=str(start.path), **options))

    start = RunDir(tmp_path / "start")
    write_json(start.config, {**run.read_config(), "fold": 3})
    shutil.copy(run.model, start.model)
    elsewhere = {"results_dir": str(tmp_path / "elsewhere")}
    refused("start_from is for networks that start from given contours", **elsewhere)
    _as_refiner(run, "seed_point")
    refused("start_from is for networks that start from given contours", **elsewhere)
    _as_refiner(run)
    refused("trained on the others", **elsewhere)
    refused("results_dir must be given")
    write_json(start.config, run.read_config())
    shutil.copy(run.model, start.model)
    refused("needs no start itself", **elsewhere)


def test_slices_are_measured_in_the_plane_and_volumes_in_space(run, prepared, tmp_path):
    for dataset, distances in ((TRAINED_ON, "in plane, pooled over slices"), ("liver_lits/volumes", "in space")):
        results, rows = scored(run, tmp_path / "scores", dataset=dataset)
        assert results["distances"] == distances
        scan = next(prepared[dataset].scans(2))
        again = evaluate.score_scan(
            evaluate.load_segmenter(run), scan, 2, "liver", 16, contiguous=distances == "in space"
        )
        assert float(rows[0]["assd_mm"]) == again["assd_mm"]


def test_the_tolerance_is_recorded_and_decides_the_surface_dice(run, prepared, tmp_path):
    tight, _ = scored(run, tmp_path / "tight", surface_tolerance_mm=0.0)
    loose, _ = scored(run, tmp_path / "loose", surface_tolerance_mm=100.0)
    assert (tight["surface_tolerance_mm"], loose["surface_tolerance_mm"]) == (0.0, 100.0)
    assert tight["surface_dice_mean"] < loose["surface_dice_mean"] == 1.0


def test_all_folds_of_other_scans_are_scored_each_under_its_own_name(run, prepared, tmp_path):
    results, rows = scored(run, tmp_path / "all", dataset="phantom", fold="all")
    assert [row["fold"] for row in rows] == ["0", "0", "1", "1", "2", "2", "3", "3", "4", "4", "extra", "extra"]
    assert (results["fold"], results["scans"], results["scans_in_mm"]) == ("all", 12, 6)


@pytest.mark.parametrize("dataset", [TRAINED_ON, "liver_lits/volumes"])
def test_volumes_in_no_fold_were_never_trained_on(run, prepared, tmp_path, dataset):
    results, rows = scored(run, tmp_path / "extra", dataset=dataset, fold="extra")
    assert results["fold"] == "extra" and [row["volume_id"] for row in rows] == ["131", "132"]


@pytest.mark.parametrize("dataset", [TRAINED_ON, "liver_lits/volumes"])
@pytest.mark.parametrize("fold", [0, 4, "all"])
def test_the_training_folds_are_refused_in_whatever_form(run, prepared, tmp_path, dataset, fold):
    with pytest.raises(ValueError, match=f"fold must be 2.* it was trained on the others. Received fold={fold}"):
        scored(run, tmp_path / "refused", dataset=dataset, fold=fold)
    assert not (tmp_path / "refused").exists()


def test_all_that_is_there_may_be_what_was_held_out(run, prepared, tmp_path):
    prepared["liver_lits/volumes"] = FakeSource("liver_lits/volumes", folds=(2, sources.EXTRA))
    _, rows = scored(run, tmp_path / "all", dataset="liver_lits/volumes", fold="all")
    assert [row["fold"] for row in rows] == ["2", "2", "extra", "extra"]


@pytest.mark.parametrize("options", [{"fold": "extra"}, {"dataset": "phantom"}, {"dataset": "phantom", "fold": "all"}])
def test_the_results_of_other_scans_need_a_place_of_their_own(run, prepared, options):
    with pytest.raises(ValueError, match="results_dir must be given"):
        evaluate.evaluate(evaluate.Config(str(run.path), **options))
    assert not run.results.exists()


def test_the_table_says_which_scans_and_what_is_not_known_in_millimetres(run, prepared, tmp_path, capsys):
    results, _ = scored(run, tmp_path / "extra", fold="extra")
    evaluate.print_results({**results, "run_dir": "-", "hd95_mm_mean": None})
    printed = capsys.readouterr().out
    assert "volumes in no fold: 2 scans" in printed
    assert "HD95, mean             not known, the spacing is guessed" in printed


@pytest.mark.parametrize("flag", ["--fold=5", "--fold=-1", "--fold=some", "--surface_tolerance_mm=-1"])
def test_bad_usage_gets_one_line_and_exit_code_2(flag, tmp_path):
    command = [sys.executable, "-m", "lsn_tf.evaluate", flag, f"--run_dir={tmp_path}", "--quiet"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert flag in process.stderr.splitlines()[-1] and "Traceback" not in process.stderr


@pytest.fixture
def run_of_all(run) -> RunDir:
    """A network that has held out nothing."""
    write_json(run.config, {**run.read_config(), "fold": "none"})
    return run


def test_a_run_of_all_folds_has_results_without_a_score(run_of_all, prepared, tmp_path, capsys):
    results = evaluate.write_unscored(run_of_all)
    assert read_json(run_of_all.results) == json.loads(json.dumps(results)) and not run_of_all.dice.exists()
    assert (results["fold"], results["scans"], results["unscored"]) == ("none", 0, evaluate.UNSCORED)
    of_scans = evaluate.evaluate(evaluate.Config(str(run_of_all.path), fold="extra", results_dir=str(tmp_path)))
    scores = [name for name in of_scans if name.endswith(("_mean", "_median", "_min", "_mean_abs"))]
    assert len(scores) > 5 and all(results[name] is None for name in scores)
    evaluate.print_results({**results, "run_dir": "-"})
    assert "none is left that it has not seen" in capsys.readouterr().out


@pytest.mark.parametrize("fold", [None, 0, 4, "all"])
def test_a_run_of_all_folds_is_scored_on_none_of_them(run_of_all, prepared, tmp_path, fold):
    match = "expected a run with a held-out fold" if fold is None else "fold must be extra; it was trained on"
    with pytest.raises(ValueError, match=match):
        evaluate.evaluate(evaluate.Config(str(run_of_all.path), fold=fold, results_dir=str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_a_run_of_all_folds_is_scored_on_scans_of_another_origin(run_of_all, prepared, tmp_path):
    results, rows = scored(run_of_all, tmp_path / "extra", fold="extra")
    assert results["scans"] == len(rows) == 2 and {row["volume_id"] for row in rows} == {"131", "132"}
    assert scored(run_of_all, tmp_path / "twin", fold="all", dataset="phantom")[0]["scans"] == 12
