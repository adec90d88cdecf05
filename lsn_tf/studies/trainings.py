"""The trainings of a study: a folder, a command and a configuration each; those that are not finished are trained."""

import dataclasses
import datetime
import logging
import pathlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lsn_tf.artifacts import RunDir, read_json
from lsn_tf.studies.processes import Job, last_line, run_jobs
from lsn_tf.studies.trained_runs import TrainedRun, death_of, has_finished, read_run

logger = logging.getLogger(__name__)
PLACES = ("data_dir", "arrays")  # of data, which may have moved


@dataclasses.dataclass(frozen=True)
class Training:
    """One training of a cross-validation.

    Attributes:
        label: of the variant that is trained.
        config: what is trained and how, a `lsn_tf.train.Config`.
        run: the folder of the run.
    """

    label: str
    config: Any
    run: RunDir

    @property
    def name(self) -> str:
        return f"{self.label}, fold {self.config.fold}, seed {self.config.seed}"

    @property
    def log(self) -> pathlib.Path:
        return self.run.path.with_name(f"{self.run.path.name}.log")

    def command(self, trainer: Sequence[str]) -> list[str] | None:
        """Returns what begins this training or goes on with it; None if nothing is left to do."""
        if has_finished(self.run) or death_of(self.run):
            return None
        if self.run.config.is_file():
            return [*trainer, "--resume", f"--run_dir={self.run.path}"]
        values = dataclasses.asdict(self.config)
        given = [f"--{name}={_as_flag(value)}" for name, value in values.items() if value != self._default(name)]
        return [*trainer, *given, f"--run_dir={self.run.path}"]

    def check(self) -> None:
        """Raises ValueError if the folder holds a run of another configuration."""
        if not self.run.config.is_file():
            return
        record = self.run.read_config()
        for name in (field.name for field in dataclasses.fields(self.config) if field.name not in PLACES):
            asked, made = getattr(self.config, name), self._made_with(record, name)
            if asked != made:
                raise ValueError(
                    f"{self.run.path} must hold a run with {name}={asked}. Received one with {name}={made}. "
                    "Choose another --runs_dir, or remove that folder."
                )

    def read(self, failure: str = "") -> TrainedRun:
        """Returns what has come of it so far."""
        return read_run(self.run, self.label, self.config.fold, self.config.seed, failure)

    def _default(self, name: str) -> Any:
        return next(field.default for field in dataclasses.fields(self.config) if field.name == name)

    def _made_with(self, record: Mapping[str, Any], name: str) -> Any:
        """Returns an option as a run was asked for it: its default where that was left to the data or the machine."""
        default = self._default(name)
        left_open = name not in ("dataset", "epochs") and default in (None, "auto")
        if left_open and not re.search(rf"--{name}[= ](?!auto)", record["command"]):
            return default
        value = record.get(name, default)
        return tuple(value) if isinstance(value, list) else value


def _as_flag(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def train_all(
    trainings: Sequence[Training], places: Sequence[Mapping[str, str]], trainer: Sequence[str]
) -> dict[str, str]:
    """Trains what is not finished and tells how far it is. Returns what has failed, by name, and of what."""
    left = {training.name: training for training in trainings if training.command(trainer) is not None}
    seconds, failures = {training: _seconds(training) for training in trainings if has_finished(training.run)}, {}
    total, started = len(trainings), time.monotonic()
    logger.info("%d trainings, %d of them are finished.", total, total - len(left))

    def finished(job: Job, code: int, took: float) -> None:
        training = left.pop(job.name)
        if has_finished(training.run):
            seconds[training] = max(took, _seconds(training))  # of a resumed one, from its beginning
            outcome = f"Dice {training.read().dice:.4f}"
        else:
            failures[job.name] = death_of(training.run) or f"{last_line(job.log)} (exit code {code})"
            outcome = f"FAILED, {failures[job.name]}"
        remaining = remaining_seconds(list(left.values()), seconds, len(places))
        logger.info(
            "[%d/%d] %s: %s, in %s. Elapsed %s, about %s left.",
            *(total - len(left), total, job.name, outcome, _clock(took)),
            *(_clock(time.monotonic() - started), _clock(remaining)),
        )

    jobs = [Job(name, lambda t=training: t.command(trainer), training.log) for name, training in left.items()]
    try:
        run_jobs(jobs, places, finished)
    except KeyboardInterrupt as error:
        message = f"interrupted, {len(left)} of {total} trainings are left. The same command goes on with them."
        raise RuntimeError(message) from error
    return failures


def remaining_seconds(left: Sequence[Training], seconds: Mapping[Training, float], places: int) -> float | None:
    """Returns how long trainings will take, s: as others of their model, or else as all; None if nothing is known."""
    if not seconds:
        return None
    total = 0.0
    for training in left:
        same = [took for other, took in seconds.items() if other.label == training.label]
        times = same or list(seconds.values())
        total += sum(times) / len(times)
    return total / places


def _clock(seconds: float | None) -> str:
    return "?" if seconds is None else str(datetime.timedelta(seconds=round(seconds)))


def _seconds(training: Training) -> float:
    return read_json(training.run.results).get("seconds_train", 0.0)
