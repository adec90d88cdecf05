"""The fit: XLA changes nothing but speed, devices share a batch, options are kept."""

import dataclasses
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.artifacts import RunDir, read_json
from lsn_tf.data.phantoms import make_scans
from lsn_tf.data.pipeline import gather_slices
from lsn_tf.models import PRESETS, LevelSetNetwork
from lsn_tf.training import fitting
from lsn_tf.training.callbacks import CollapsedError

OPTIONS = fitting.FitOptions(
    model="small_lsn",
    window_hu=(-100.0, 400.0),
    epochs=2,
    batch_size=4,
    optimizer="muon",
    learning_rate=2e-3,
    seed=1,
    augment=True,
    jit=False,
    mixed_precision="float32",
    multi_gpu=False,
    progress=False,
)


@pytest.fixture(autouse=True)
def small_lsn(monkeypatch):
    """A level set network of two grids, which compiles fast."""
    monkeypatch.setitem(PRESETS, "small_lsn", partial(LevelSetNetwork, width=4, scales=2, steps=2))


@pytest.fixture(scope="module")
def slices():
    return gather_slices(make_scans([0, 30, 60]), 16)


def _fit(slices, folder, **options):
    model, summary = fitting.fit(slices, slices, dataclasses.replace(OPTIONS, **options), RunDir(folder))
    return model.get_weights(), summary


def test_two_runs_give_the_same_weights_bit_for_bit(slices, tmp_path):
    once, _ = _fit(slices, tmp_path / "once")
    again, _ = _fit(slices, tmp_path / "again")
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_fused_by_xla_learn_the_same(slices, tmp_path):
    plain, _ = _fit(slices, tmp_path / "plain", epochs=1)
    fused, _ = _fit(slices, tmp_path / "fused", epochs=1, jit=True)
    for a, b in zip(plain, fused, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)  # Adam's first steps are signs: noise of 1e-7 may turn a few


def test_a_run_on_two_devices_sees_the_same_batches_as_on_one(slices, tmp_path, monkeypatch):
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: mirrored)
    one, _ = _fit(slices, tmp_path / "one", model="unet", epochs=1)
    two, _ = _fit(slices, tmp_path / "two", model="unet", epochs=1, multi_gpu=True)
    assert mirrored.num_replicas_in_sync == 2
    assert np.mean([np.abs(a - b).mean() for a, b in zip(one, two, strict=True)]) < 1e-3


@pytest.mark.parametrize(
    ("backend", "multi_gpu", "message"),
    [("jax", True, "multi_gpu needs KERAS_BACKEND=tensorflow"), ("torch", False, "must be tensorflow or jax")],
)
def test_a_backend_is_refused_for_what_it_does_not_do(backend, multi_gpu, message, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    with pytest.raises(ValueError, match=message):
        fitting.check_backend(multi_gpu)


def test_a_model_of_mixed_precision_comes_back_in_float32(slices, tmp_path):
    before = keras.config.dtype_policy().name
    model, _ = fitting.fit(
        slices, slices, dataclasses.replace(OPTIONS, epochs=1, mixed_precision="bfloat16"), RunDir(tmp_path)
    )
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == before


def test_a_collapse_is_tried_once_more_with_another_seed(slices, tmp_path, monkeypatch):
    attempted = []
    attempt = fitting._attempt

    def collapse_first(training, validation, options, run):
        attempted.append(options.seed)
        if len(attempted) == 1:
            raise CollapsedError("the front has vanished.")
        return attempt(training, validation, options, run)

    monkeypatch.setattr(fitting, "_attempt", collapse_first)
    _, summary = _fit(slices, tmp_path, epochs=1, model="unet")
    assert len(set(attempted)) == 2
    assert summary["seed_used"] == attempted[1]
    assert summary["collapses"] == [f"seed {OPTIONS.seed}: the front has vanished."]


def test_a_second_collapse_ends_the_run_with_what_has_happened(slices, tmp_path):
    run = RunDir(tmp_path)
    with pytest.raises(CollapsedError, match="no model was saved"):
        fitting.fit(slices, slices, dataclasses.replace(OPTIONS, model="unet", learning_rate=1e9, epochs=6), run)
    assert len(read_json(run.failure)["collapses"]) == 2
    assert not run.state.exists()
