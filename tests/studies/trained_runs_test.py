"""What the files of a run say of it."""

import pytest

from lsn_tf.artifacts import RunDir, write_csv, write_json
from lsn_tf.studies.trained_runs import death_of, has_finished, read_run


@pytest.fixture
def finished(tmp_path):
    run = RunDir(tmp_path / "run")
    write_json(run.results, {"parameters": 3})
    write_csv(run.dice, [{"volume_id": 4, "fold": 1, "dice": 0.5}, {"volume_id": 6, "fold": 1, "dice": 0.75}])
    run.model.touch()
    return run


def test_a_finished_run_is_read(finished):
    found = read_run(finished, "lsn:width=8", 1, 2)
    assert (found.model, found.fold, found.seed, found.done) == ("lsn:width=8", 1, 2, True)
    assert (found.dice, found.results, found.certified) == (0.625, {"parameters": 3}, None)
    write_json(finished.certificate, {"certified": False})
    assert read_run(finished, "lsn", 1, 2).certified is False


@pytest.mark.parametrize("missing", ["model", "results"])
def test_a_run_without_one_of_its_files_has_not_finished(finished, missing):
    assert has_finished(finished)
    getattr(finished, missing).unlink()
    assert not has_finished(finished)
    assert read_run(finished, "lsn", 1, 0).status == "missing"
    assert read_run(finished, "lsn", 1, 0, "out of memory").reason == "out of memory"


def test_a_run_with_a_state_is_in_training(finished):
    finished.state.mkdir()
    assert not has_finished(finished)


def test_a_run_that_has_collapsed_says_of_what(tmp_path):
    run = RunDir(tmp_path)
    assert death_of(run) == ""
    write_json(run.failure, {"collapses": ["seed 0: a.", "seed 1: b."]})
    assert death_of(run) == "collapsed: seed 0: a. seed 1: b."
    found = read_run(run, "lsn", 0, 0, "exit code 1")
    assert (found.status, found.reason) == ("failed", "collapsed: seed 0: a. seed 1: b.")
    run.model.touch()
    assert death_of(run) == ""
