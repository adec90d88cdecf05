"""On Keras' JAX backend the models build and learn, and the commands train and score where there is no TensorFlow."""

import csv
import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from lsn_tf.artifacts import RunDir, read_json
from lsn_tf.data.arrays import on_grid, write_arrays
from lsn_tf.data.folds import NUM_FOLDS, held_out
from lsn_tf.data.phantoms import make_scan
from lsn_tf.evaluate import Config, evaluate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed"),
]
PROGRAM = """
import sys
import jax
import keras
import numpy as np
from lsn_tf.losses import LevelSetLoss
from lsn_tf.models import AnySize, LevelSetNetwork, build_model

assert keras.backend.backend() == "jax"
window = (-100.0, 400.0)
assert build_model("lsn", window).count_params() > 0
rng = np.random.default_rng(0)
inputs = {"image": 200 * rng.normal(size=(1, 32, 32, 1)).astype("float32"), "spacing": np.float32([[0.7, 0.9]])}
mask = (rng.random((1, 32, 32, 1)) < 0.5).astype("float32")
for model in [LevelSetNetwork(window, width=4, scales=2, steps=1, learning="consistent"), build_model("unet", window)]:
    before = model.get_weights()
    model.compile(keras.optimizers.Adam(0.01), LevelSetLoss())
    assert np.isfinite(model.train_on_batch(inputs, mask))
    assert any((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
solver = AnySize(LevelSetNetwork(window, width=0, scales=1, steps=1), 16)
odd = {"image": inputs["image"][:, :21, :30], "spacing": inputs["spacing"]}
assert jax.jit(solver)(odd).shape == (1, 21, 30, 1)
assert "tensorflow" not in sys.modules
"""


WITHOUT_TENSORFLOW = """
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "tensorflow_datasets", "tensorboard", "pyarrow", "pyfive"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Missing())
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


STOPPED_AFTER_TWO_EPOCHS = """
import lsn_tf.training.fitting as fitting

class Stopped(fitting.TrainingState):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

fitting.TrainingState = Stopped
"""


def run_on_jax(code: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiling takes nearly all the time
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def arrays(tmp_path_factory) -> str:
    """A file of the twin on a small grid, two scans a fold."""
    file = tmp_path_factory.mktemp("arrays") / "phantom.npz"
    numbers = [(fold, held_out(fold)[place]) for fold in range(NUM_FOLDS) for place in (0, -1)]
    write_arrays(file, "phantom@16", True, ((fold, on_grid(make_scan(n, size=32), 16)) for fold, n in numbers))
    return str(file)


def test_models_learn_on_jax_and_tensorflow_is_not_even_imported():
    done = run_on_jax(PROGRAM)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    "model", ["unet:filters=4-4", "lsn:width=4,scales=2,steps=2", "lsn_refiner:width=4,depth=2,steps=2"]
)
def test_a_run_without_tensorflow_is_trained_and_scored_and_has_every_artefact_but_the_saved_model(
    model, arrays, tmp_path
):
    run = RunDir(tmp_path / "run")
    options = ["--image_size=16", "--epochs=1", "--batch_size=8", f"--model={model}", "--mixed_precision=bfloat16"]
    trained = run_on_jax(
        WITHOUT_TENSORFLOW, "lsn_tf.train", f"--arrays={arrays}", f"--run_dir={run.path}", *options, "--json"
    )
    assert trained.returncode == 0, trained.stderr[-3000:]
    assert f"python -m lsn_tf.export --run_dir={run.path}" in trained.stderr
    for artefact in (run.config, run.history, run.model, run.certificate):
        assert artefact.is_file()
    assert not run.saved_model.exists() and not run.state.exists()
    results, printed = read_json(run.results), json.loads(trained.stdout.splitlines()[-1])
    assert {name: printed[name] for name in results} == results
    assert (results["dataset"], results["scans"], results["epochs"]) == ("phantom@16", 2, 1)

    before = run.dice.read_bytes()
    scored = run_on_jax(WITHOUT_TENSORFLOW, "lsn_tf.evaluate", f"--run_dir={run.path}")
    assert scored.returncode == 0, scored.stderr[-3000:]
    assert run.dice.read_bytes() == before

    elsewhere = RunDir(tmp_path / "elsewhere")
    evaluate(Config(str(run.path), results_dir=str(elsewhere.path)))  # here, on TensorFlow
    assert keras.backend.backend() == "tensorflow"
    for there, here in zip(
        *(csv.DictReader(file.read_text().splitlines()) for file in (run.dice, elsewhere.dice)), strict=True
    ):
        assert float(there["dice"]) == pytest.approx(float(here["dice"]), abs=1e-3)


def test_a_run_on_jax_resumes_to_the_same_weights(arrays, tmp_path):
    """As far as half of the epochs, and then the rest; the cosine is that of all epochs."""
    options = [f"--arrays={arrays}", "--image_size=16", "--batch_size=8", "--model=unet:filters=4-4", "--epochs=4"]
    straight, resumed = RunDir(tmp_path / "straight"), RunDir(tmp_path / "resumed")
    assert run_on_jax(WITHOUT_TENSORFLOW, "lsn_tf.train", f"--run_dir={straight.path}", *options).returncode == 0
    broken = run_on_jax(
        STOPPED_AFTER_TWO_EPOCHS + WITHOUT_TENSORFLOW, "lsn_tf.train", f"--run_dir={resumed.path}", *options
    )
    assert broken.returncode == 1 and "interrupted" in broken.stderr and not resumed.model.exists()
    done = run_on_jax(WITHOUT_TENSORFLOW, "lsn_tf.train", f"--run_dir={resumed.path}", "--resume")
    assert done.returncode == 0 and "Resuming after epoch 2 of 4" in done.stderr
    assert resumed.history.read_bytes() == straight.history.read_bytes()
    for a, b in zip(*(keras.saving.load_model(run.model).get_weights() for run in (straight, resumed)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_needs_tensorflow_says_so_in_one_line(arrays, tmp_path):
    for command, options, message in [
        ("lsn_tf.train", ["--dataset=phantom", "--multi_gpu", f"--run_dir={tmp_path / 'run'}"], "multi_gpu needs"),
        ("lsn_tf.export", [f"--run_dir={tmp_path}"], "KERAS_BACKEND must be tensorflow to export"),
    ]:
        done = run_on_jax(WITHOUT_TENSORFLOW, command, *options, "--quiet")
        assert done.returncode == 2
        assert message in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_training_steps_are_timed_without_tensorflow_and_bad_sizes_refused_in_one_line():
    sizes = ["--image_size=32", "--batch_size=2", "--repeats=1"]
    done = run_on_jax(
        WITHOUT_TENSORFLOW, "lsn_tf.benchmark", "training", *sizes, "--mixed_precision=bfloat16", "--json"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    assert (results["backend"], results["batch_size"], results["mixed_precision"]) == ("jax", 2, "bfloat16")
    rows = {row["what"]: row for row in results["rows"]}
    assert all(rows[name]["counted_by"] == "XLA" and rows[name]["of_roofline"] > 0 for name in ("lsn", "unet"))
    assert rows["lsn"]["flops"] > rows["unet"]["flops"]

    refused = run_on_jax(WITHOUT_TENSORFLOW, "lsn_tf.benchmark", "training", "--image_size=20", "--quiet")
    assert refused.returncode == 2 and "positive multiple of 16. Received 20" in refused.stderr.splitlines()[-1]
