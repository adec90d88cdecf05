"""What lies in the folder of a training run: whether it has finished, how it has died, what it has scored."""

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.artifacts import RunDir, read_json

DONE, FAILED, MISSING = "done", "failed", "missing"


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """What is known of one training.

    Attributes:
        model: label of the variant.
        fold: held out.
        seed: of the training.
        status: "done", "failed" or "missing", which is not begun or broken off.
        reason: why it has failed, otherwise "".
        results: of results.json; {} unless done.
        scans: rows of dice.csv, with volume_id and dice at least; () unless done.
        certified: whether its certificate proves the model; None where there is no certificate.
    """

    model: str
    fold: int
    seed: int
    status: str
    reason: str = ""
    results: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    scans: Sequence[Mapping[str, Any]] = ()
    certified: bool | None = None

    @property
    def done(self) -> bool:
        return self.status == DONE

    @property
    def dice(self) -> float:
        """The mean Dice of its scans."""
        return float(np.mean([float(row["dice"]) for row in self.scans]))


def has_finished(run: RunDir) -> bool:
    """Tells whether a run is trained, scored and exported."""
    return run.model.is_file() and run.results.is_file() and not run.state.exists()


def death_of(run: RunDir) -> str:
    """Returns what a training has collapsed of, "" if it has not."""
    if run.model.is_file() or not run.failure.is_file():
        return ""
    return f"collapsed: {' '.join(read_json(run.failure)['collapses'])}"


def read_run(run: RunDir, model: str, fold: int, seed: int, failure: str = "") -> TrainedRun:
    """Returns what the folder of a run holds.

    Args:
        run: the folder.
        model, fold, seed: what it is a run of.
        failure: what it has failed of, as far as the folder does not know.
    """
    if not has_finished(run):
        reason = death_of(run) or failure
        return TrainedRun(model, fold, seed, FAILED if reason else MISSING, reason)
    with run.dice.open(newline="") as file:
        scans = list(csv.DictReader(file))
    certified = read_json(run.certificate)["certified"] if run.certificate.is_file() else None
    return TrainedRun(model, fold, seed, DONE, "", read_json(run.results), scans, certified)
