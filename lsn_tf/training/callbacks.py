"""What happens as an epoch ends: validation by scans, a check for collapse, the state from which to resume."""

import math
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from lsn_tf.artifacts import RunDir, read_json, write_csv, write_json
from lsn_tf.data.contours import simulated_contours
from lsn_tf.data.pipeline import Slices
from lsn_tf.devices import machine_and_device
from lsn_tf.metrics import dice
from lsn_tf.numerics.level_sets import inside
from lsn_tf.prediction import predict
from lsn_tf.training.deep_supervision import finest

LOGGED = ("loss", "val_dice", "val_dice_min", "val_share")  # the columns of history.csv
COLLAPSE_EPOCHS = 5
FULL_SHARE = 0.9  # of the pixels
SEED_STATE = "seed_generator_state"  # what Keras calls the variable from which a layer draws its random numbers


class CollapsedError(RuntimeError):
    """Training has died: what it predicts no longer depends on the image."""


class ScanValidation(keras.callbacks.Callback):
    """Adds `val_dice` (mean over the monitored scans), `val_dice_min` and `val_share` to the epoch's logs.

    `val_share` is the share of pixels that the model takes for inside. A model that starts from given contours is given
    the same simulated ones after every epoch.
    """

    def __init__(self, slices: Slices, batch_size: int):
        super().__init__()
        self.slices, self.batch_size = slices, batch_size

    def on_train_begin(self, logs=None):
        self.inputs = {"image": self.slices.image.astype(np.float32), "spacing": self.slices.spacing}
        if kind := self.model.given_contour:
            contours = simulated_contours(kind, self.slices.mask, self.slices.spacing, np.random.default_rng(0))
            self.inputs["phi_0"] = contours

    def on_epoch_end(self, epoch, logs=None):
        predicted = inside(finest(predict(self.model, self.inputs, self.batch_size)))
        scans = [self.slices.volume_id == number for number in np.unique(self.slices.volume_id)]
        scores = [dice(self.slices.mask[scan] > 0.5, predicted[scan]) for scan in scans]
        logs |= {"val_dice": float(np.mean(scores)), "val_dice_min": min(scores), "val_share": float(predicted.mean())}


class CollapseDetector(keras.callbacks.Callback):
    """Ends a training run that has died, by raising CollapsedError with what it has died of.

    A loss that is not finite ends it at once; a front that has vanished (every monitored mask empty) or swallowed
    the image (over nine tenths of all pixels) does after some epochs in a row, or if it has lived before and the last
    epoch leaves it so.

    Args:
        epochs: how many epochs in a row.
        rows: what `TrainingState` has kept of the epochs before this run was resumed; they count.
    """

    def __init__(self, epochs: int = COLLAPSE_EPOCHS, rows: Iterable[Mapping[str, Any]] = ()):
        super().__init__()
        self.epochs = epochs
        self.in_a_row = 0
        self.has_lived = False
        for row in rows:
            self._count(row["val_share"])

    def _count(self, share: float) -> None:
        self.share = share
        self.in_a_row = self.in_a_row + 1 if share == 0 or share > FULL_SHARE else 0
        self.has_lived |= self.in_a_row == 0

    def on_epoch_end(self, epoch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise CollapsedError(f"the loss is {logs['loss']} in epoch {epoch + 1}: the weights have diverged.")
        self._count(logs["val_share"])
        if self.in_a_row >= self.epochs:
            raise CollapsedError(f"{self._death()}, in {self.in_a_row} epochs in a row up to epoch {epoch + 1}.")

    def on_train_end(self, logs=None):
        if self.in_a_row and self.has_lived:
            raise CollapsedError(f"{self._death()}, after the last epoch.")

    def _death(self) -> str:
        return f"the masks fill {self.share:.0%}" if self.share else "the front has vanished, every mask is empty"


class EpochSeeds(keras.callbacks.Callback):
    """Seeds every random layer anew as each epoch begins, so that a resumed run drops what it would have dropped."""

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        states = [variable for variable in self.model.variables if variable.path.endswith(SEED_STATE)]
        for position, state in enumerate(states):
            state.assign(np.array([self.seed + position, epoch], state.dtype))


class TrainingState(keras.callbacks.Callback):
    """Keeps the run's state on disk after every epoch: weights, optimiser and history.

    A process killed at any moment leaves the state of a whole epoch: files are written aside and renamed, state.json
    last.

    Args:
        run: where the state lies.
        identity: what must be equal for the state to be resumed, e.g. the seed of this attempt.
    """

    def __init__(self, run: RunDir, identity: dict[str, Any]):
        super().__init__()
        self.run, self.identity = run, identity
        self.rows: list[dict[str, Any]] = []
        self.machines: list[str] = []  # that have trained, each once, in the order in which they came
        self.seconds_before, self.started = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the training has taken, s, with what went before it was resumed."""
        return self.seconds_before + time.monotonic() - self.started

    @property
    def index(self):
        return self.run.state / "state.json"

    def weights(self, name: str):
        """Returns the path of the weights of this name."""
        return self.run.state / f"{name}.weights.h5"

    def restore(self, model: keras.Model) -> int:
        """Loads the state into a compiled model. Returns the epoch to go on with, 0 if there is no state."""
        if not self.index.is_file() or (state := read_json(self.index))["identity"] != self.identity:
            return 0
        self.rows, self.seconds_before = state["rows"], state["seconds"]
        self.machines = state.get("machines", ["a machine not recorded"])
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self.weights(state["latest"]))
        return len(self.rows)

    def on_train_begin(self, logs=None):
        self.machines = list(dict.fromkeys([*self.machines, machine_and_device()]))

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append({"epoch": epoch + 1, **{name: float(logs[name]) for name in LOGGED}})
        previous = {path.name for path in self.run.state.glob("*.weights.h5")}
        latest = self._save(f"epoch_{epoch + 1}")
        state = {"latest": latest, "rows": self.rows, "machines": self.machines, "seconds": self.seconds}
        write_json(self.index, {"identity": self.identity, **state})
        for name in previous - {f"{latest}.weights.h5"}:
            (self.run.state / name).unlink(missing_ok=True)  # a kill may have left a file that was just replaced
        write_csv(self.run.history, self.rows)

    def _save(self, name: str) -> str:
        self.run.state.mkdir(parents=True, exist_ok=True)
        temporary = self.run.state / "unfinished.weights.h5"
        self.model.save_weights(temporary)
        os.replace(temporary, self.weights(name))
        return name
