"""A training: the command that begins it or goes on, and how long others will take. crossval_test.py runs them."""

import dataclasses

import pytest

from lsn_tf.artifacts import RunDir, write_json
from lsn_tf.studies.trainings import Training, remaining_seconds


@dataclasses.dataclass(frozen=True)
class Options:
    """As of a training."""

    model: str = "lsn"
    fold: int = 0
    seed: int = 0
    window_hu: tuple[float, float] | None = None
    jit: bool = True


@pytest.fixture
def training(tmp_path):
    return Training("lsn", Options(fold=2, window_hu=(-1.5, 3.0), jit=False), RunDir(tmp_path / "run"))


def test_a_new_run_is_given_what_is_not_default(training):
    run_dir = f"--run_dir={training.run.path}"
    assert training.command(["train"]) == ["train", "--fold=2", "--window_hu=-1.5,3.0", "--jit=False", run_dir]


def test_a_run_that_was_begun_is_resumed(training):
    write_json(training.run.config, {})
    assert training.command(["train"]) == ["train", "--resume", f"--run_dir={training.run.path}"]


def test_with_what_a_run_has_finished_or_collapsed_nothing_is_left_to_do(training):
    write_json(training.run.failure, {"collapses": ["twice"]})
    assert training.command(["train"]) is None
    write_json(training.run.results, {})
    training.run.model.touch()
    assert training.command(["train"]) is None


def test_a_run_of_this_configuration_is_accepted_wherever_it_was_made(training):
    training.check()
    made = {**dataclasses.asdict(training.config), "command": "python -m lsn_tf.train --window_hu=-1.5,3.0"}
    write_json(training.run.config, {**made, "run_on": "another machine"})
    training.check()
    write_json(training.run.config, {**made, "jit": True})
    with pytest.raises(ValueError, match="must hold a run with jit=False. Received one with jit=True"):
        training.check()


def test_what_takes_how_long_is_known_by_model():
    def trainings(label, count):
        return [Training(label, Options(), RunDir("run")) for _ in range(count)]

    fast, slow, other = trainings("fast", 3), trainings("slow", 3), trainings("other", 1)
    seconds = {fast[0]: 10.0, slow[0]: 100.0, slow[1]: 120.0}
    assert remaining_seconds(fast[1:] + slow[2:], seconds, 1) == pytest.approx(2 * 10 + 110)
    assert remaining_seconds(slow[2:], seconds, 2) == pytest.approx(55)
    assert remaining_seconds(other, seconds, 1) == pytest.approx(230 / 3)
    assert remaining_seconds([], seconds, 1) == 0 and remaining_seconds(other, {}, 1) is None
