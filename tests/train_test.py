"""The main job on a tiny twin: it ends with every artefact, repeats bit for bit, resumes after a kill, says no."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from lsn_tf import evaluate, export, train
from lsn_tf.artifacts import RunDir, machine, read_json, write_json
from lsn_tf.certificate import certify
from lsn_tf.data.folds import held_out
from lsn_tf.data.phantoms import DEFAULT_VOLUME_IDS
from lsn_tf.data.sources import open_source
from lsn_tf.models import LevelSetNetwork

TINY = ("--dataset=phantom", "--image_size=32", "--batch_size=8", "--seed=3", "--nojit", "--mixed_precision=float32")


def _command(verb: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"lsn_tf.{verb}", *arguments]


def _run(verb: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(_command(verb, *arguments), capture_output=True, text=True, check=False)


def _weights(run: RunDir) -> list[np.ndarray]:
    return keras.saving.load_model(run.model, compile=False).get_weights()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of three epochs, and its process."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    process = _run("train", *TINY, "--model=unet_2019", "--epochs=3", f"--run_dir={folder}", "--json")
    assert process.returncode == 0, process.stderr
    return RunDir(folder), process


def test_every_artefact_is_there_and_agrees(finished):
    run, process = finished
    printed = json.loads(process.stdout.splitlines()[-1])
    results = read_json(run.results)
    assert {name: printed[name] for name in results} == results
    with run.dice.open() as file:
        scores = [float(row["dice"]) for row in csv.DictReader(file)]
    assert results["dice_per_scan_mean"] == pytest.approx(np.mean(scores), abs=1e-4)
    assert results["scans"] == len(scores) == 9
    assert results["epochs"] == 3 and results["synthetic"]
    assert "SYNTHETIC" in process.stderr
    assert not run.state.exists()
    assert read_json(run.certificate)["reason"].startswith("UNet: it solves no level set equation")


def test_evaluating_again_gives_the_same_results(finished):
    run, _ = finished
    before = run.results.read_bytes(), run.dice.read_bytes()
    process = _run("evaluate", f"--run_dir={run.path}")
    assert process.returncode == 0, process.stderr
    assert (run.results.read_bytes(), run.dice.read_bytes()) == before
    assert "Dice per scan, mean" in process.stdout


def test_a_run_killed_at_any_moment_resumes_to_the_same_weights(finished, tmp_path):
    run, _ = finished
    arguments = (*TINY, "--model=unet_2019", "--epochs=3", f"--run_dir={tmp_path / 'killed'}")
    process = subprocess.Popen(_command("train", *arguments), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    killed = RunDir(tmp_path / "killed")
    deadline = time.monotonic() + 300
    while not (killed.state / "state.json").is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not killed.model.exists()
    other = _run("train", f"--run_dir={killed.path}", "--resume", "--seed=4", "--quiet")
    assert other.returncode == 2 and "seed was 3. Received 4" in other.stderr.splitlines()[-1]
    resumed = _run("train", f"--run_dir={killed.path}", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "Resuming after epoch" in resumed.stderr
    for a, b in zip(_weights(run), _weights(killed), strict=True):
        np.testing.assert_array_equal(a, b)
    assert killed.history.read_bytes() == run.history.read_bytes()
    assert read_json(killed.results)["machine"] == read_json(run.results)["machine"] == machine()


def test_the_saved_model_gives_the_models_answer_for_any_type_batch_and_size(finished):
    run, _ = finished
    served = tf.saved_model.load(str(run.saved_model))
    hounsfield = np.random.default_rng(0).integers(-1000, 1500, (3, 50, 41, 1)).astype(np.int16)
    spacing = np.tile(np.array([0.7, 0.9], np.float32), (3, 1))
    expected = served.signatures["serving_default"](
        image=tf.constant(hounsfield, tf.float32), spacing=tf.constant(spacing)
    )
    assert expected["phi"].shape == (3, 50, 41, 1)
    np.testing.assert_array_equal(expected["mask"], (expected["phi"].numpy() < 0).astype(np.uint8))
    np.testing.assert_array_equal(expected["mask"], (expected["probability"].numpy() > 0.5).astype(np.uint8))
    for name in ("int16", "int32", "float64"):
        given = served.signatures[f"serving_{name}"](image=tf.constant(hounsfield, name), spacing=tf.constant(spacing))
        np.testing.assert_array_equal(given["phi"], expected["phi"])
    alone = served.signatures["serving_int16"](image=tf.constant(hounsfield[1:2]), spacing=tf.constant(spacing[1:2]))
    np.testing.assert_allclose(alone["phi"][0], expected["phi"][1], atol=1e-4)


def test_a_model_that_was_changed_after_it_was_certified_is_not_loaded(tmp_path):
    run, model = RunDir(tmp_path), LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=1)
    write_json(run.config, {"image_size": 16})
    model.save(run.model)
    write_json(run.certificate, certify(model))
    assert evaluate.load_segmenter(run).model.count_params() == model.count_params()
    weight = model.trainable_variables[-1]
    weight.assign(weight + 0.01)
    model.save(run.model)
    with pytest.raises(ValueError, match="the certificate must be that of the model.*python -m lsn_tf.export"):
        evaluate.load_segmenter(run)
    assert evaluate.load_segmenter(run, certified=False).image_size == 16


def test_a_run_made_to_collapse_is_tried_again_reported_and_never_saved(tmp_path):
    run = RunDir(tmp_path / "dead")
    process = _run("train", *TINY, "--model=unet", "--epochs=8", "--learning_rate=1e6", f"--run_dir={run.path}")
    assert process.returncode == 1
    assert "collapsed twice, no model was saved" in process.stderr.splitlines()[-1]
    assert len(read_json(run.failure)["collapses"]) == 2
    assert not run.model.exists() and not run.results.exists() and not run.saved_model.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fold": 5}, "Received fold=5"),
        ({"image_size": 100}, "multiple of 16"),
        ({"image_size": 0}, "multiple of 16"),
        ({"model": "vnet"}, "vnet"),
        ({"target": "spleen"}, "spleen"),
        ({"mixed_precision": "int8"}, "int8"),
        ({"epochs": 0}, "at least 1"),
        ({"learning_rate": float("nan")}, "must be positive"),
        ({"seed": -1}, "negative"),
    ],
)
def test_an_impossible_configuration_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        train.Config(**options)


@pytest.mark.parametrize(("text", "message"), [("400,-100", "LOW below HIGH"), ("wide", "LOW,HIGH"), ("1", "LOW,HIGH")])
def test_an_impossible_window_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        train.parsed_window(text)


@pytest.mark.parametrize(
    ("config", "resume", "message"),
    [
        (train.Config(dataset="lits"), False, "dataset must be"),
        (train.Config(dataset="phantom", batch_size=1000), False, "must not exceed"),
        (train.Config(dataset="phantom"), True, "config.json"),
    ],
)
def test_what_is_refused_writes_nothing(config, resume, message, tmp_path):
    run = RunDir(tmp_path / "run")
    with pytest.raises((ValueError, OSError), match=message):
        train.train(config, run, resume)
    assert not run.path.exists()


def test_bad_usage_gets_one_line_and_exit_code_2(tmp_path):
    process = _run("train", "--fold=5", "--quiet", f"--run_dir={tmp_path / 'run'}")
    assert process.returncode == 2
    assert "Received fold=5" in process.stderr.splitlines()[-1]
    assert "Traceback" not in process.stderr


def test_a_finished_run_is_neither_resumed_nor_overwritten(finished):
    run, _ = finished
    with pytest.raises(ValueError, match="nothing to resume"):
        train.train(train.Config(model="unet_2019", epochs=3), run, resume=True)
    with pytest.raises(ValueError, match="run_dir must be new"):
        train.train(train.Config(model="unet_2019", epochs=3), run)


@pytest.mark.parametrize("hold_back", [True, False])
def test_the_scans_that_watch_are_trained_on_unless_they_are_held_back(hold_back):
    training, watching = train.training_slices(open_source("phantom"), train.Config(image_size=16, hold_back=hold_back))
    both = set(training.volume_id.tolist()) & set(watching.volume_id.tolist())
    assert both == (set() if hold_back else set(watching.volume_id.tolist()))
    assert not set(training.volume_id.tolist()) & set(held_out(0)) and len(watching)


def test_a_run_that_holds_out_nothing_is_trained_on_all_exported_and_not_scored(tmp_path):
    run = RunDir(tmp_path / "all")
    small = "--model=unet:filters=2-2"
    process = _run("train", *TINY, small, "--fold=none", "--epochs=1", f"--run_dir={run.path}", "--json")
    assert process.returncode == 0, process.stderr
    printed, results = json.loads(process.stdout.splitlines()[-1]), read_json(run.results)
    assert run.read_config()["fold"] == results["fold"] == "none" and not run.dice.exists()
    assert (results["scans"], results["dice_per_scan_mean"], results["unscored"]) == (0, None, evaluate.UNSCORED)
    assert printed["largest_difference_mm"] < export.TOLERANCE_MM and run.saved_model.is_dir()
    assert f"{len(DEFAULT_VOLUME_IDS)} scans, monitored" in process.stderr
    again = _run("evaluate", f"--run_dir={run.path}", "--quiet")
    assert again.returncode == 2 and "expected a run with a held-out fold" in again.stderr.splitlines()[-1]
    assert read_json(run.results) == results


def test_nothing_is_held_out_of_a_training_on_all_folds():
    training, watching = train.training_slices(open_source("phantom"), train.Config(image_size=16, fold="none"))
    assert sorted(set(training.volume_id.tolist())) == sorted(DEFAULT_VOLUME_IDS)
    assert set(watching.volume_id.tolist()) < set(DEFAULT_VOLUME_IDS)


def test_a_refiner_is_trained_scored_and_served_with_its_initial_contour(tmp_path):
    small = "--model=lsn_refiner:width=2,depth=2,steps=2"
    process = _run("train", *TINY, small, "--epochs=1", f"--run_dir={tmp_path}", "--json")
    assert process.returncode == 0, process.stderr
    printed = json.loads(process.stdout.splitlines()[-1])
    assert printed["started_from"] == evaluate.SIMULATED and printed["certified"]
    assert 0 < printed["start_dice_mean"] < 1 and printed["largest_difference_mm"] < export.TOLERANCE_MM
    served = tf.saved_model.load(str(RunDir(tmp_path).saved_model)).signatures["serving_default"]
    image, disc = np.zeros((1, 32, 32, 1), np.float32), -np.ones((1, 32, 32, 1), np.float32)
    phi = served(image=image, spacing=np.ones((1, 2), np.float32), phi_0=disc)["phi"]
    np.testing.assert_allclose(phi, disc, atol=1e-6)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    for stage in (lambda: evaluate.evaluate(evaluate.Config(str(tmp_path))), lambda: export.export(str(tmp_path))):
        with pytest.raises(FileNotFoundError, match="expected the folder of a training run"):
            stage()


def test_the_folds_of_training_are_not_scored_as_held_out(finished):
    run, _ = finished
    with pytest.raises(ValueError, match="trained on the others"):
        evaluate.evaluate(evaluate.Config(str(run.path), fold=1))


def test_the_results_of_other_scans_do_not_replace_the_runs_own(finished, tmp_path):
    run, _ = finished
    before = run.results.read_bytes()
    with pytest.raises(ValueError, match="results_dir must be given"):
        evaluate.evaluate(evaluate.Config(str(run.path), data_dir=str(tmp_path)))
    elsewhere = evaluate.Config(str(run.path), data_dir=str(tmp_path), results_dir=str(tmp_path / "elsewhere"))
    evaluate.evaluate(elsewhere)
    assert (tmp_path / "elsewhere" / "results.json").read_bytes() == before == run.results.read_bytes()
