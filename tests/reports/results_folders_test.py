"""Results of cross-validations and of scores alone become runs, with the same numbers."""

import json
import pathlib

import pytest
from source_tree import ROOT

from lsn_tf.artifacts import read_json, write_csv, write_json
from lsn_tf.reports.contents import make_contents
from lsn_tf.reports.results_folders import read_results

MINI = pathlib.Path(ROOT) / "results" / "lits_mini"


def test_the_tables_from_the_scans_are_those_of_the_record():
    runs, record = read_results(MINI / "crossval")
    contents = make_contents(runs)
    assert contents.reference == record["reference"] == "unet"
    computed = json.loads(json.dumps({"fold": contents.fold_table, "paired": contents.paired}))
    assert computed == {"fold": record["fold_table"], "paired": record["paired"]}
    assert contents.model_table == record["model_table"]


def test_scores_of_a_method_without_training_are_runs_of_its_folds():
    runs, record = read_results(MINI / "lse")
    assert record == {} and [run.of.fold for run in runs] == [0, 1, 2, 3, 4] and {run.model for run in runs} == {"lse"}
    by_fold = read_json(MINI / "lse" / "results.json")["dice_per_scan_by_fold"]
    assert {str(run.of.fold): round(run.of.dice, 4) for run in runs} == by_fold
    assert runs[0].note == "lse is one seed point a slice: the centre of the largest circle inscribed in the label."


@pytest.fixture
def results(tmp_path, make_run):
    """A cross-validation of two runs, of which one has failed, and whose folders have moved."""
    run = make_run("lsn", 1)
    rows = [{"model": "lsn", "seed": 0, "volume_id": 11, "fold": 1, "dice": 0.75}]
    shared = {"seed": 0, "reason": "", "certified": None, "fold": 1}
    record = {"dataset": "phantom", "target": "liver", "synthetic": True, "command": "python -m lsn_tf.crossval"}
    record["runs"] = [
        {"model": "lsn", "status": "done", "run_dir": f"gone/{run.path.name}", "parameters": 3, **shared},
        {"model": "unet", "status": "failed", "run_dir": "gone/unet", **shared, "reason": "collapsed"},
    ]
    folder = tmp_path / "results"
    write_json(folder / "crossval.json", record)
    write_csv(folder / "scans.csv", rows)
    return folder


def test_runs_are_found_where_they_lie_now(results, tmp_path):
    (lsn, unet), _ = read_results(results)
    assert lsn.folder is None and lsn.of.dice == 0.75 and lsn.history == () and lsn.certificate is None
    assert unet.of.status == "failed" and unet.of.reason == "collapsed"
    (lsn, unet), _ = read_results(results, tmp_path)
    assert lsn.folder.path == tmp_path / lsn.name and len(lsn.history) == 3 and lsn.certificate["certified"]
    assert lsn.of.dice == 0.75 and unet.folder is None


def test_a_certificate_that_was_kept_comes_before_that_of_the_run(results, tmp_path):
    write_json(results / "certificates" / "lsn-fold1-seed0.json", {"certified": False, "reason": "kept"})
    (lsn, _), _ = read_results(results, tmp_path)
    assert lsn.certificate["reason"] == "kept"


def test_what_is_no_result_is_refused(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"expected the results of a cross-validation, crossval.json and scans.csv"
    ):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("crossval.json", "{", "Expecting property name"),
        ("crossval.json", '{"runs": [{}]}', "no 'model'"),
        ("scans.csv", "model,seed,fold\nlsn,0,0\n", "scans.csv has no scans of lsn, fold 1, seed 0"),
    ],
)
def test_damaged_results_are_named_in_one_line(results, name, content, message):
    (results / name).write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_results(results)
    assert str(results) in str(caught.value) and "\n" not in str(caught.value)


def test_folds_that_are_not_published_are_refused(tmp_path):
    write_json(tmp_path / "results.json", {"model": "lsn", "dataset": "phantom", "command": "", "machine": ""})
    write_csv(tmp_path / "dice.csv", [{"volume_id": 200, "fold": "extra", "dice": 0.9}])
    with pytest.raises(ValueError, match="scans of the folds extra; a report takes the published folds"):
        read_results(tmp_path)
