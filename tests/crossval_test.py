"""The cross-validation with a trainer that learns nothing: what is trained, resumed, refused, reported and written."""

import csv
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import fake_trainer
import numpy as np
import pytest

from lsn_tf import crossval, train
from lsn_tf.artifacts import read_json
from lsn_tf.studies.fold_page import page
from lsn_tf.studies.paired import paired_difference
from lsn_tf.studies.processes import last_line

FAKE = (sys.executable, fake_trainer.__file__)


@pytest.fixture
def run(tmp_path):
    """Runs a cross-validation of the phantom with the fake trainer."""

    def run(models="lse,unet", **options):
        options = {"folds": (0, 1), "dataset": "phantom", **options}
        return crossval.crossval(configured(tmp_path, models, **options), FAKE)

    return run


def configured(folder, models, jobs=1, **options):
    """One training at a time, so that their order is known."""
    places = {"runs_dir": str(folder / "runs"), "results_dir": str(folder / "results")}
    return crossval.Config(models, jobs=jobs, **places, **options)


def commands(folder):
    file = folder / "runs" / "commands.txt"
    return file.read_text().splitlines() if file.is_file() else []


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def statuses(record):
    return {f"{run['model']} {run['fold']} {run['seed']}": run["status"] for run in record["runs"]}


def test_every_model_fold_and_seed_is_trained_once_first_seeds_first(run, tmp_path):
    run(seeds=1, extra_seeds={1: 2})
    folders = [command.split("/")[-1] for command in commands(tmp_path)]
    assert folders == [f"{model}-fold{fold}-seed0" for fold in (0, 1) for model in ("lse", "unet")] + [
        "lse-fold1-seed1",
        "unet-fold1-seed1",
    ]


def test_seeds_may_begin_elsewhere_than_at_0(run, tmp_path):
    record = run(seeds=2, first_seed=3, folds=(1,))
    folders = [command.split("/")[-1] for command in commands(tmp_path)]
    assert folders == [f"{model}-fold1-seed{seed}" for seed in (3, 4) for model in ("lse", "unet")]
    assert record["seeds"] == {"1": [3, 4]} and "seeds: 2 on fold 1, the first is 3." in page(record)


def test_the_trainer_gets_its_options(run, tmp_path):
    run("unet:filters=4-4,epochs=3 lsn", folds=(3,), training={"epochs": 5, "window_hu": (-10.0, 90.0)})
    one, other = (set(command.split()) for command in commands(tmp_path))
    assert {"--model=unet:filters=4-4", "--epochs=3", "--fold=3", "--window_hu=-10.0,90.0"} <= one
    assert "--epochs=5" in other and "--dataset=phantom" in other
    assert not any(option.startswith("--learning_rate") for option in one | other)


def test_the_record_is_written_and_says_the_same_everywhere(run, tmp_path):
    record = json.loads(json.dumps(run(seeds=2)))
    results = tmp_path / "results"
    assert {name: record[name] for name in read_json(results / "crossval.json")} == read_json(results / "crossval.json")
    assert (results / "crossval.md").read_text() == page(read_json(results / "crossval.json"))
    rows, scans = read_csv(results / "crossval.csv"), read_csv(results / "scans.csv")
    assert [row["certified"] for row in rows] == ["yes", "no"] * 4
    certificates = results.glob("certificates/*.json")
    assert {file.name: read_json(file)["certified"] for file in certificates} == {
        f"{model}-fold{fold}-seed{seed}.json": model == "lse"
        for model in ("lse", "unet")
        for fold in (0, 1)
        for seed in (0, 1)
    }
    assert len(scans) == 2 * 2 * 2 * 6 and {"model", "seed", "volume_id", "dice", "hd95_mm"} == scans[0].keys() - {
        "fold"
    }
    for row in rows:
        of_run = [float(s["dice"]) for s in scans if all(s[name] == row[name] for name in ("model", "fold", "seed"))]
        assert float(row["dice_per_scan_mean"]) == pytest.approx(np.mean(of_run), abs=1e-4)
    assert record["failed"] == record["missing"] == 0


def test_the_difference_is_that_of_the_scans_with_seeds_averaged(run, tmp_path):
    found = run(seeds=2)["paired"]
    means = {}
    for row in read_csv(tmp_path / "results" / "scans.csv"):
        means.setdefault(row["model"], {}).setdefault(int(row["volume_id"]), []).append(float(row["dice"]))
    lse, unet = ({volume: np.mean(dice) for volume, dice in means[model].items()} for model in ("lse", "unet"))
    expected = paired_difference(lse, unet)
    assert [(row["model"], row["reference"], row["mean"], row["interval"]) for row in found] == [
        ("lse", "unet", expected.mean, expected.interval)
    ]
    assert found[0]["losses"] == found[0]["scans"] == 12


def test_trainings_share_what_jax_compiles_unless_the_environment_says_where_it_is_kept(run, tmp_path, monkeypatch):
    places = []
    monkeypatch.setattr(crossval, "train_all", lambda trainings, given, trainer: places.extend(given) or {})
    monkeypatch.delenv(crossval.JAX_CACHE, raising=False)
    run(jobs=2)
    assert {place[crossval.JAX_CACHE] for place in places} == {str(tmp_path / "runs" / "compiled")}
    places.clear()
    monkeypatch.setenv(crossval.JAX_CACHE, "elsewhere")
    run(jobs=2)
    assert len(places) == 2 and not any(crossval.JAX_CACHE in place for place in places)


def test_what_has_finished_is_not_trained_again(run, tmp_path):
    before = run()
    assert run() == before
    assert len(commands(tmp_path)) == 4
    run(seeds=2)
    assert len(commands(tmp_path)) == 8


def test_a_run_that_was_broken_off_is_resumed(run, tmp_path):
    run()
    broken = tmp_path / "runs" / "lse-fold1-seed0"
    (broken / "state").mkdir()
    record = run(table_only=True)
    assert statuses(record)["lse 1 0"] == "missing" and len(commands(tmp_path)) == 4
    run()
    assert commands(tmp_path)[4:] == [f"--resume --run_dir={broken}"]


def test_a_training_that_fails_is_reported_and_does_not_stop_the_others(run, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_FAILS", "lse-fold0-seed0")
    record = run()
    assert statuses(record) == {"lse 0 0": "failed", "unet 0 0": "done", "lse 1 0": "done", "unet 1 0": "done"}
    assert (record["failed"], record["runs"][0]["reason"]) == (1, "the disk is full. (exit code 1)")
    assert record["fold_table"][0]["models"]["lse"]["dice"] is None and record["paired"][0]["folds"] == [1]
    assert "lse, fold 0, seed 0: failed: the disk is full." in (tmp_path / "results" / "crossval.md").read_text()
    monkeypatch.delenv("FAKE_FAILS")
    assert run()["failed"] == 0
    assert commands(tmp_path)[-1].startswith("--resume")


def test_a_training_that_has_collapsed_is_reported_and_not_tried_again(run, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_COLLAPSES", "lse-fold0-seed0")
    first = run()
    monkeypatch.delenv("FAKE_COLLAPSES")
    for record in (first, run(), run(table_only=True)):
        assert record["failed"] == 1
        assert record["runs"][0]["reason"] == "collapsed: seed 0: the masks fill 99%"
    assert len(commands(tmp_path)) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"training": {"epochs": 7}}, f"epochs=7. Received one with epochs={train.EPOCHS_SYNTHETIC}"),
        ({"training": {"learning_rate": 1e-3}}, "learning_rate=0.001. Received one with learning_rate=0.002"),
        ({"training": {"window_hu": (0.0, 9.0)}}, "window_hu=.0.0, 9.0.. Received one with window_hu=None"),
        ({"training": {"mixed_precision": "float32"}}, "mixed_precision=float32"),
    ],
)
def test_another_configuration_in_the_same_folder_is_refused_before_anything_is_trained(
    run, tmp_path, options, message
):
    run("lse")
    with pytest.raises(ValueError, match=message):
        run("unet,lse", **options)
    assert len(commands(tmp_path)) == 2


def test_what_was_asked_for_explicitly_is_not_what_was_left_open(run):
    run("lse", training={"window_hu": (0.0, 9.0)})
    with pytest.raises(ValueError, match="window_hu"):
        run("lse")
    assert run("lse", training={"window_hu": (0.0, 9.0)})["missing"] == 0


def test_a_table_of_nothing_has_no_numbers(run, tmp_path):
    record = run(table_only=True)
    assert record["missing"] == 4 and record["paired"] == [] and commands(tmp_path) == []
    assert not (tmp_path / "results" / "scans.csv").exists()
    assert "lse, fold 0, seed 0: missing" in page(record)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 1), (signal.SIGKILL, -9)])
def test_a_cross_validation_killed_in_the_middle_goes_on(run, tmp_path, number, code):
    """With SIGKILL the training lives on and keeps its lock, so the next one waits for it; here it is killed too."""
    config = configured(tmp_path, "lse,unet", folds=(0, 1), dataset="phantom")
    script = f"from lsn_tf import crossval\ncrossval.crossval(crossval.{config!r}, {FAKE!r})"
    environment = {**os.environ, "FAKE_HANGS": "lse-fold1-seed0"}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL)
    log = tmp_path / "runs" / "lse-fold1-seed0.log"
    while not last_line(log):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == code
    if number == signal.SIGKILL:
        os.kill(int(last_line(log)), signal.SIGKILL)
    record = run()
    assert set(statuses(record).values()) == {"done"}
    begun = [command.partition("--run_dir=")[2] for command in commands(tmp_path)]
    assert [pathlib.Path(folder).name for folder in begun] == [
        *("lse-fold0-seed0", "unet-fold0-seed0", "lse-fold1-seed0", "lse-fold1-seed0", "unet-fold1-seed0")
    ]


def test_the_reference_is_the_last_u_net_unless_another_is_asked_for(run):
    assert run("unet_2019,unet,lse")["reference"] == "unet"
    assert run("unet,lse", reference="lse")["reference"] == "lse"
    assert run("lse,lsn")["paired"] == []
    with pytest.raises(ValueError, match="Received 'unet'"):
        run("lse,lsn", reference="unet")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": (0, 5)}, "fold=5"),
        ({"folds": ()}, "one at least"),
        ({"folds": (1, 1)}, "different ones"),
        ({"seeds": 0}, "seeds=0"),
        ({"extra_seeds": {2: 3}}, "2: 3"),
        ({"extra_seeds": {1: 0}}, "1: 0"),
        ({"jobs": -1}, "Received -1"),
        ({"training": {"epochs": 0}}, "at least 1"),
        ({"models": "lse:epochs=many"}, "as its flags are"),
        ({"models": "lsn_refiner"}, "must need no initial contour"),
        ({"models": "lse:initial_contour=given"}, "must need no initial contour"),
    ],
)
def test_an_impossible_cross_validation_is_refused(run, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)
    assert commands(tmp_path) == [] and not (tmp_path / "results").exists()


def test_seeds_of_folds_are_parsed():
    assert crossval.parsed_seeds(["0:3", "2:1"]) == {0: 3, 2: 1}
    with pytest.raises(ValueError, match="Received '0=3'"):
        crossval.parsed_seeds(["0=3"])


def test_no_option_of_the_training_is_also_one_of_crossval():
    own = {"models", "folds", "seeds", "extra_seeds", "first_seed", "runs_dir", "results_dir", "reference", "jobs"}
    own |= {"table_only"}
    assert not own & set(crossval.TRAINING_OPTIONS)
    assert {"epochs", "learning_rate", "image_size"} <= set(crossval.TRAINING_OPTIONS)
    assert not {"model", "fold", "seed"} & set(crossval.TRAINING_OPTIONS)


@pytest.mark.slow
def test_the_command_trains_reports_what_has_failed_and_exits_with_1(tmp_path):
    models = "unet:filters=4-4 unet:filters=4-4,batch_size=1000"
    command = [sys.executable, "-m", "lsn_tf.crossval", f"--models={models}", "--folds=0", "--dataset=phantom"]
    command += ["--image_size=16", "--epochs=1", "--noaugment", f"--runs_dir={tmp_path}/runs"]
    command += [f"--results_dir={tmp_path}/results", "--json"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 1, process.stderr
    record = json.loads(process.stdout.splitlines()[-1])
    done, failed = record["runs"]
    assert (done["status"], done["image_size"], done["scans"]) == ("done", 16, 9)
    assert failed["status"] == "failed" and "must not exceed" in failed["reason"]
    assert "elapsed" in process.stderr.lower() and "SYNTHETIC" in process.stderr
    assert read_json(tmp_path / "runs" / "unet-filters-4-4-fold0-seed0" / "config.json")["augment"] is False
    again = subprocess.run([*command[:3], *command[3:-1], "--epochs=2"], capture_output=True, text=True, check=False)
    assert again.returncode == 2 and "epochs=2. Received one with epochs=1" in again.stderr.splitlines()[-1]


def test_epochs_default_to_those_of_the_data(run, tmp_path):
    run("lse", folds=(0,))
    assert f"--epochs={train.EPOCHS_SYNTHETIC}" in commands(tmp_path)[0]
