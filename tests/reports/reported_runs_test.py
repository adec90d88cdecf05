"""Runs are read as they lie there, finished or not, and have labels that tell apart what was trained apart."""

import math

import pytest
from run_files import CERTIFICATE, dice_of

from lsn_tf.artifacts import write_json
from lsn_tf.reports.reported_runs import labels_of, read_folders, read_history


def test_a_run_is_read_with_all_that_it_has(make_run):
    (run,) = read_folders([make_run("lsn", 2).path])
    assert (run.name, run.model, run.of.fold, run.of.seed, run.of.done) == ("lsn-fold2-seed0", "lsn", 2, 0, True)
    assert {int(row["volume_id"]): float(row["dice"]) for row in run.of.scans} == dice_of("lsn", 2, 0)
    assert run.certificate == CERTIFICATE and run.of.certified and run.synthetic
    assert [row["loss"] for row in run.history] == [0.5, 0.25, 0.125]


def test_a_run_that_has_not_finished_has_what_it_has(make_run):
    (run,) = read_folders([make_run("lsn", finished=False).path])
    assert not run.of.done and run.of.scans == () and run.certificate is None and len(run.history) == 3
    (bare,) = read_folders([make_run("unet", finished=False, history=False).path])
    assert bare.history == []


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("results", "{"),
        ("config", "[]"),
        ("history", "epoch,loss\n1,low\n"),
        ("dice", "a,b\n1,2\n"),
        ("certificate", "{}"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(make_run, file, content):
    run = make_run("lsn")
    getattr(run, file).write_text(content)
    with pytest.raises(ValueError, match=f"{run.path} must hold the files of a run") as caught:
        read_folders([run.path])[0].of.dice  # noqa: B018
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected the folder of a training run"):
        read_folders([tmp_path])


def test_a_run_without_a_held_out_fold_has_nothing_to_report(make_run):
    run = make_run("lsn")
    write_json(run.config, {**run.read_config(), "fold": "none"})
    with pytest.raises(ValueError, match=f"a run with a held-out fold, .* Received {run.path}"):
        read_folders([make_run("unet").path, run.path])


def test_labels_are_models_and_the_options_in_which_their_runs_differ():
    base = {"model": "lsn", "fold": 0, "seed": 0, "epochs": 3, "command": "a", "jit": True}
    other_seed = {**base, "seed": 1, "command": "b", "jit": False}
    assert labels_of([base, other_seed]) == ["lsn", "lsn"]
    assert labels_of([base, {**base, "epochs": 5}]) == ["lsn:epochs=3", "lsn:epochs=5"]
    wide = {**base, "model": "lsn:width=8"}
    assert labels_of([wide, {**wide, "epochs": 5}, base]) == ["lsn:width=8,epochs=3", "lsn:width=8,epochs=5", "lsn"]


def test_epochs_that_were_not_measured_are_left_out(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss,val_dice\n1,0.5,\n2,nan,0.75\n,1,1\n")
    first, second = read_history(path)
    assert first == {"epoch": 1, "loss": 0.5} and math.isnan(second["loss"]) and second["val_dice"] == 0.75
