"""Callbacks: scans are scored as wholes, a dead run is recognised, a state is whole or not there."""

import types

import keras
import numpy as np
import pytest

from lsn_tf.artifacts import RunDir, read_json
from lsn_tf.data.pipeline import Slices
from lsn_tf.training import callbacks


def _epochs(detector: callbacks.CollapseDetector, shares: list[float], loss: float = 0.5) -> None:
    for epoch, share in enumerate(shares):
        detector.on_epoch_end(epoch, {"loss": loss, "val_share": share})


@pytest.mark.parametrize(("share", "reason"), [(0.0, "the front has vanished"), (0.95, "the masks fill 95%")])
def test_a_dead_front_is_reported_as_what_it_is(share, reason):
    with pytest.raises(callbacks.CollapsedError, match=reason):
        _epochs(callbacks.CollapseDetector(3), [0.1, share, share, share])


def test_a_front_that_comes_back_is_not_dead():
    _epochs(detector := callbacks.CollapseDetector(3), [0.0, 0.0, 0.1, 0.0, 0.0])
    assert detector.in_a_row == 2


def test_a_front_that_has_lived_and_is_dead_after_the_last_epoch_has_collapsed():
    """One that has not lived yet may be beginning."""
    _epochs(detector := callbacks.CollapseDetector(3), [0.1, 0.0])
    with pytest.raises(callbacks.CollapsedError, match="the front has vanished.* after the last epoch"):
        detector.on_train_end()
    for shares in ([0.0, 0.0], [0.0, 0.1]):
        _epochs(detector := callbacks.CollapseDetector(3), shares)
        detector.on_train_end()


def test_epochs_before_a_resumption_count():
    """What has died in four epochs before a kill is dead after one more."""
    rows = [{"val_share": share} for share in (0.1, 0.0, 0.95, 0.0, 0.0)]
    assert callbacks.CollapseDetector(rows=rows).in_a_row == 4
    with pytest.raises(callbacks.CollapsedError, match="5 epochs in a row"):
        _epochs(callbacks.CollapseDetector(rows=rows), [0.0])
    assert callbacks.CollapseDetector(rows=[*rows, {"val_share": 0.5}]).in_a_row == 0


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_run_at_once(loss):
    with pytest.raises(callbacks.CollapsedError, match="epoch 1"):
        _epochs(callbacks.CollapseDetector(), [0.1], loss)


def test_a_scan_is_scored_over_all_its_voxels():
    mask = np.zeros((3, 2, 2, 1), np.float32)
    mask[0], mask[1, 0], mask[2] = 1, 1, 1  # two slices of scan 7, one of scan 9
    image = np.ones(mask.shape, np.int16)
    image[2] = -1
    slices = Slices(image, mask, np.ones((3, 2), np.float32), np.array([7, 7, 9]))
    validation = callbacks.ScanValidation(slices, 2)
    validation.set_model(types.SimpleNamespace(given_contour=None, predict_on_batch=lambda inputs: -inputs["image"]))
    validation.on_train_begin()
    validation.on_epoch_end(0, scores := {})
    assert scores["val_dice"] == pytest.approx((2 * 6 / (6 + 8) + 0) / 2)
    assert scores["val_dice_min"] == 0
    assert scores["val_share"] == pytest.approx(2 / 3)


def _model(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return model


def logs(score: float) -> dict[str, float]:
    return dict.fromkeys(callbacks.LOGGED, 0.5) | {"val_dice": score}


def _end_epochs(state: callbacks.TrainingState, model: keras.Model, scores: list[float]) -> None:
    state.set_model(model)
    for epoch, score in enumerate(scores):
        state.on_epoch_end(epoch, logs(score))


def test_a_state_is_restored_with_weights_optimiser_and_history(tmp_path):
    run, model = RunDir(tmp_path), _model()
    _end_epochs(callbacks.TrainingState(run, {"seed": 0}), model, [0.5, 0.4])
    restored, other = callbacks.TrainingState(run, {"seed": 0}), _model(seed=1)
    assert restored.restore(other) == 2
    assert [row["val_dice"] for row in restored.rows] == [0.5, 0.4]
    assert 0 < restored.seconds_before <= restored.seconds, "the time before the kill counts"
    for a, b in zip(model.weights + model.optimizer.variables, other.weights + other.optimizer.variables, strict=True):
        if "seed" not in b.path:
            np.testing.assert_array_equal(a, b)


def test_a_state_names_each_machine_that_has_trained_once(tmp_path, monkeypatch):
    for machine in ("an abacus", "a slide rule", "a slide rule", "an abacus"):
        monkeypatch.setattr(callbacks, "machine_and_device", lambda machine=machine: machine)
        state, model = callbacks.TrainingState(RunDir(tmp_path), {}), _model()
        epoch = state.restore(model)
        state.set_model(model)
        state.on_train_begin()
        state.on_epoch_end(epoch, logs(0.5))
    assert state.machines == ["an abacus", "a slide rule"]


def test_a_state_of_another_attempt_is_not_resumed(tmp_path):
    _end_epochs(callbacks.TrainingState(RunDir(tmp_path), {"seed": 0}), _model(), [0.5])
    assert callbacks.TrainingState(RunDir(tmp_path), {"seed": 1}).restore(_model()) == 0


def test_only_the_latest_weights_are_kept(tmp_path):
    run = RunDir(tmp_path)
    _end_epochs(callbacks.TrainingState(run, {}), _model(), [0.5, 0.7, 0.6, 0.65])
    assert {path.name for path in run.state.glob("*.h5")} == {"epoch_4.weights.h5"}
    assert read_json(run.state / "state.json")["latest"] == "epoch_4"


def test_a_kill_while_the_state_is_written_leaves_the_epoch_before(tmp_path, monkeypatch):
    run, model = RunDir(tmp_path), _model()
    state = callbacks.TrainingState(run, {})
    _end_epochs(state, model, [0.5])
    monkeypatch.setattr(callbacks, "write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        state.on_epoch_end(1, logs(0.6))
    monkeypatch.undo()
    assert callbacks.TrainingState(run, {}).restore(_model()) == 1


def test_weights_that_a_kill_has_left_unfinished_are_replaced(tmp_path):
    run, model = RunDir(tmp_path), _model()
    _end_epochs(state := callbacks.TrainingState(run, {}), model, [0.5])
    (run.state / "unfinished.weights.h5").write_bytes(b"half")
    state.on_epoch_end(1, logs(0.6))
    assert {path.name for path in run.state.glob("*.h5")} == {"epoch_2.weights.h5"}


def test_a_refiner_is_monitored_from_the_same_contours_after_every_epoch():
    """The model answers with what it was given: the score is that of the contours."""
    mask = np.zeros((2, 32, 32, 1), np.float32)
    mask[:, 8:24, 8:24] = 1
    slices = Slices(np.zeros(mask.shape, np.int16), mask, np.full((2, 2), 5.0, np.float32), np.array([7, 9]))
    validation = callbacks.ScanValidation(slices, 2)
    answer = types.SimpleNamespace(given_contour="given", predict_on_batch=lambda inputs: inputs["phi_0"])
    validation.set_model(answer)
    validation.on_train_begin()
    validation.on_epoch_end(0, first := {})
    validation.on_epoch_end(1, second := {})
    assert 0 < first["val_dice"] < 1 and first == second


class _Inner(keras.layers.Layer):
    """A layer with a random layer inside, which no list of the model's layers shows."""

    def __init__(self):
        super().__init__()
        self.dropout = keras.layers.Dropout(0.5)

    def call(self, x, training=None):
        return self.dropout(x, training=training)


def _nested_model() -> keras.Model:
    keras.utils.set_random_seed(0)
    inside = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5)])
    return keras.Sequential([keras.Input((3,)), _Inner(), inside])


@pytest.mark.parametrize("model", [_model, _nested_model])
def test_random_layers_draw_the_same_in_an_epoch_whatever_came_before(model):
    model = model()
    seeds = callbacks.EpochSeeds(3)
    seeds.set_model(model)

    def draw(epoch):
        seeds.on_epoch_begin(epoch)
        return np.asarray(model(np.ones((64, 3)), training=True))

    first = draw(4)
    draw(5)
    np.testing.assert_array_equal(first, draw(4))
    assert not np.array_equal(first, draw(5))


def test_random_layers_draw_differently_from_one_another():
    model = keras.Sequential([keras.Input((3,)), _Inner(), _Inner()])
    seeds = callbacks.EpochSeeds(3)
    seeds.set_model(model)
    seeds.on_epoch_begin(0)
    one, other = (np.asarray(layer(np.ones((64, 3)), training=True)) for layer in model.layers)
    assert not np.array_equal(one, other)
