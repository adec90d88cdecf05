"""Trains a level set network (or LSE, or U-Net), scores it on the held-out fold, and exports it.

    python -m lsn_tf.train --fold=0

Without data this trains on the synthetic twin of LiTS, in about two minutes on two cores, and should end with a
Dice per scan of about 0.93. With LiTS prepared by `tfds build liver_lits --manual_dir=...` it trains on that.
With --fold=none nothing is held out: a network to be given to users is trained on the scans of all folds and exported
without a score, as no scan is left that it has not seen. `crossval` says what to expect of it.
With --arrays=FILE.npz, written by `python -m lsn_tf.arrays`, it needs neither the data set nor TensorFlow: on a machine
with JAX put KERAS_BACKEND=jax before the command.
A run that was killed goes on, to the same weights, with --resume --run_dir=...; no other flag is needed.

Writes into --run_dir: config.json, history.csv, model.keras, results.json, dice.csv, saved_model/1, tensorboard/.
"""

import dataclasses
import datetime
import itertools
import logging
import pathlib
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir, file_name, replaced, write_json
from lsn_tf.data.folds import NO_FOLD, monitoring_volumes, parsed_fold, training_folds
from lsn_tf.data.pipeline import TARGETS, Slices, check_image_size, gather_slices, steps_per_epoch
from lsn_tf.data.sources import Source, open_source
from lsn_tf.devices import on_accelerator
from lsn_tf.evaluate import SYNTHETIC_NOTICE, evaluate, print_results, write_unscored
from lsn_tf.evaluate import Config as EvaluateConfig
from lsn_tf.export import export, write_certificate, writes_saved_models
from lsn_tf.models import PRESETS, parse_model
from lsn_tf.training.deep_supervision import LossWeights
from lsn_tf.training.fitting import FitOptions, check_backend, fit
from lsn_tf.training.optimizers import OPTIMIZERS

logger = logging.getLogger(__name__)
PUBLISHED_WINDOW_HU = (-100.0, 400.0)  # Actor, Fuentes & Riviere (2020), doi:10.1117/12.2548871
EPOCHS_SYNTHETIC, EPOCHS_LITS = 10, 50
LOSS_HELP = {
    "dice_weight": "Weight in the loss: of the squared-difference Dice.",
    "cross_entropy_weight": "Weight in the loss: of the cross-entropy.",
    "speed_weight": "Weight in the loss: of both again, of where the front expands.",
    "length_weight": "Weight in the loss: of the length of the contour.",
    "eikonal_weight": "Weight in the loss: of (|grad phi| - 1)**2 across the contour.",
    "coarse_weight": "Weight in the loss: of all grids but the finest.",
}
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


@dataclasses.dataclass(frozen=True)
class Config:
    """A training run; what config.json holds.

    Attributes:
        model: a preset of `lsn_tf.models`, with options if wanted: "lsn:width=8", see `parse_model`.
        dataset, data_dir, arrays: see `open_source`.
        fold: the fold to hold out, 0 to 4, or "none".
        target: "liver" (tumours included) or "tumor".
        image_size: side of the grid of training, pixels; a multiple of 16.
        window_hu: (low, high) in HU; None for the published window, narrowed to the data's range.
        epochs: how many; None for what suits the data.
        hold_back: whether the scans that monitor the training are kept out of it.
        batch_size, optimizer, learning_rate, seed, augment, jit, mixed_precision, multi_gpu: see `FitOptions`.
        dice_weight, cross_entropy_weight, speed_weight, length_weight, eikonal_weight, coarse_weight: see
            `LossWeights`.
    """

    model: str = "lsn"
    dataset: str = "auto"
    data_dir: str | None = None
    arrays: str | None = None
    fold: int | str = 0
    target: str = "liver"
    image_size: int = 128
    window_hu: tuple[float, float] | None = None
    epochs: int | None = None
    hold_back: bool = False
    batch_size: int = 8
    optimizer: str = "muon"
    learning_rate: float = 2e-3
    seed: int = 0
    augment: bool = True
    jit: bool = True
    mixed_precision: str = "auto"
    multi_gpu: bool = False
    dice_weight: float = LossWeights.dice_weight
    cross_entropy_weight: float = LossWeights.cross_entropy_weight
    speed_weight: float = LossWeights.speed_weight
    length_weight: float = LossWeights.length_weight
    eikonal_weight: float = LossWeights.eikonal_weight
    coarse_weight: float = LossWeights.coarse_weight

    def __post_init__(self):
        training_folds(self.fold)  # raises for a fold that does not exist
        parse_model(self.model)  # raises for a model that does not exist
        if self.target not in TARGETS:
            raise ValueError(f"target must be one of {sorted(TARGETS)}. Received {self.target!r}.")
        if self.mixed_precision not in PRECISIONS:
            raise ValueError(f"mixed_precision must be one of {PRECISIONS}. Received {self.mixed_precision!r}.")
        check_image_size(self.image_size)
        if min(self.batch_size, 1 if self.epochs is None else self.epochs) < 1:
            raise ValueError(
                "batch_size and epochs must be at least 1. "
                f"Received batch_size={self.batch_size}, epochs={self.epochs}."
            )
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be one of {sorted(OPTIMIZERS)}. Received {self.optimizer!r}.")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive. Received {self.learning_rate}.")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative. Received {self.seed}.")
        self.loss_weights()  # raises for negative ones

    def loss_weights(self) -> LossWeights:
        """Returns the weights of the parts of the loss."""
        return LossWeights(*(getattr(self, field.name) for field in dataclasses.fields(LossWeights)))


def train(config: Config, run: RunDir, resume: bool = False, progress: bool = True) -> dict[str, Any]:
    """Trains, evaluates and exports. Returns the results, as in results.json.

    Raises:
        ValueError, FileNotFoundError: for bad input, before anything is written.
        CollapsedError: if training collapsed twice.
    """
    started = time.monotonic()
    check_backend(config.multi_gpu)
    source = open_source(config.dataset, config.data_dir, config.arrays)
    if source.synthetic:
        logger.warning(SYNTHETIC_NOTICE)
    command = _prepare(run, resume)
    training, validation = training_slices(source, config)
    steps_per_epoch(training, config.batch_size)  # raises, before anything is written, if there is not one
    config = _resolved(config, source, training)
    record = {**dataclasses.asdict(config), "synthetic": source.synthetic, "command": command}
    write_json(run.config, record)
    logger.info(
        "Training %s on %d slices of %d scans, monitored on %d scans.",
        *(config.model, len(training), len(set(training.volume_id)), len(set(validation.volume_id))),
    )
    model, summary = fit(training, validation, fit_options(config, progress), run)
    with replaced(run.model) as temporary:
        model.save(temporary)
    summary |= {"training_scans": len(set(training.volume_id.tolist())), "training_slices": len(training)}
    summary["seconds_train"] = round(time.monotonic() - started + summary["seconds_before_resuming"], 1)
    write_json(run.config, {**record, "training": summary})
    if config.fold == NO_FOLD:
        results = write_unscored(run)
    else:
        results = evaluate(EvaluateConfig(str(run.path), batch_size=config.batch_size))
    exported = _export(run)
    shutil.rmtree(run.state)
    return {**results, **exported, "run_dir": str(run.path)}


def fit_options(config: Config, progress: bool = False) -> FitOptions:
    """Returns what of a configuration that is resolved the fit needs."""
    names = {field.name for field in dataclasses.fields(FitOptions)} - {"loss", "progress"}
    return FitOptions(**{name: getattr(config, name) for name in names}, loss=config.loss_weights(), progress=progress)


def recorded_config(run: RunDir) -> Config:
    """Returns the configuration of a run, resolved, as its config.json has it."""
    record = run.read_config()
    names = [field.name for field in dataclasses.fields(Config) if field.name in record]
    return Config(**{name: record[name] for name in names} | {"window_hu": tuple(record["window_hu"])})


def _export(run: RunDir) -> dict[str, Any]:
    """Exports where that is possible; says what is left to do where it is not."""
    if writes_saved_models():
        return export(str(run.path))
    logger.warning(
        "No SavedModel was written, which needs TensorFlow. On a machine that has it: "
        "python -m lsn_tf.export --run_dir=%s",
        run.path,
    )
    return write_certificate(str(run.path))


def _resolved(config: Config, source: Source, training: Slices) -> Config:
    """Returns the configuration with everything decided that was left to the data or the machine."""
    precision = supported_precision() if config.mixed_precision == "auto" else config.mixed_precision
    return dataclasses.replace(
        config,
        dataset=source.name,
        window_hu=config.window_hu or _auto_window(training),
        epochs=config.epochs or (EPOCHS_SYNTHETIC if source.synthetic else EPOCHS_LITS),
        mixed_precision=precision,
    )


def supported_precision() -> str:
    """Returns "bfloat16" where this machine computes in it, otherwise "float32".

    GPUs do. On CPUs with such instructions a training step is two to three times as fast; on others it is slower.
    """
    if on_accelerator():
        return "bfloat16"
    cpu = pathlib.Path("/proc/cpuinfo")
    flags_of_cpu = cpu.read_text() if cpu.is_file() else ""
    return "bfloat16" if any(name in flags_of_cpu for name in ("avx512_bf16", "amx_bf16")) else "float32"


def _prepare(run: RunDir, resume: bool) -> str:
    """Checks that the folder of the run is new, or may be resumed. Returns the command that has started the run."""
    if not run.config.is_file():
        if resume:
            run.read_config()  # raises, and says what to do
        if run.path.exists() and any(run.path.iterdir()):
            raise ValueError(f"run_dir must be a new or empty folder, or a run to --resume. Received {run.path}.")
        return shlex.join(["python", "-m", "lsn_tf.train", *sys.argv[1:]])
    if not resume:
        raise ValueError(
            f"run_dir must be new. There is a run in {run.path}: add --resume to go on with it, or choose another."
        )
    if run.model.is_file() and run.results.is_file() and not run.state.exists():
        raise ValueError(f"this run has finished, there is nothing to resume. Received {run.path}; see {run.results}.")
    return run.read_config()["command"]


def training_slices(source: Source, config: Config) -> tuple[Slices, Slices]:
    """Returns the slices to train on and those that monitor: of the training folds, the latter a block of patients."""
    scans = itertools.chain.from_iterable(source.scans(fold) for fold in training_folds(config.fold))
    slices = gather_slices(scans, config.image_size, config.target, config.window_hu or PUBLISHED_WINDOW_HU)
    monitoring = set(monitoring_volumes(slices.volume_id))
    training = slices.of_volumes(set(slices.volume_id.tolist()) - monitoring) if config.hold_back else slices
    return training, slices.of_volumes(monitoring)


def _auto_window(slices: Slices) -> tuple[float, float]:
    """Returns the published window, narrowed to the range of these intensities, HU."""
    low, high = PUBLISHED_WINDOW_HU
    return max(low, float(slices.image.min())), min(high, float(slices.image.max()))


def parsed_window(text: str) -> tuple[float, float] | None:
    """Returns (low, high) in HU of "LOW,HIGH", None of "auto". Raises ValueError for anything else."""
    if text == "auto":
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"window_hu must be auto or LOW,HIGH in HU, e.g. -100,400. Received {text!r}.") from error
    if not low < high:
        raise ValueError(f"window_hu must have LOW below HIGH. Received {text!r}.")
    return low, high


def main() -> dict[str, Any]:
    """Reads the flags and trains."""
    values = flags.FLAGS
    if values.resume:
        run = RunDir(values.run_dir or "")
        config = _started_config(run, values)
    else:
        config = Config(**{**_flag_values(values), "window_hu": parsed_window(values.window_hu)})
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        run = RunDir(values.run_dir or f"runs/{file_name(config.model)}-fold{config.fold}-{stamp}")
    return train(config, run, values.resume, progress=not values.quiet)


def _flag_values(values: flags.FlagValues) -> dict[str, Any]:
    given = {field.name: values[field.name].value for field in dataclasses.fields(Config)}
    return {**given, "fold": parsed_fold(values.fold)}


def _started_config(run: RunDir, values: flags.FlagValues) -> Config:
    """Returns the options that a run was started with. Raises ValueError if a flag on the command line differs."""
    record = run.read_config()
    started = {name: record.get(name, values[name].default) for name in _flag_values(values)}
    for name, value in _flag_values(values).items():
        if values[name].present and name not in ("window_hu", "dataset") and value != started[name]:
            raise ValueError(
                f"a resumed run keeps the options it was started with. {name} was {started[name]!r}. "
                f"Received {value!r}. Leave --{name} out, or start another run."
            )
    return Config(**{**started, "window_hu": tuple(started["window_hu"])})


def print_summary(results: Mapping[str, Any]) -> None:
    """Prints the table of results and how the SavedModel compares, if there is one."""
    print_results(results)
    if "saved_model" in results:
        print(f"{'SavedModel':<22} {results['saved_model']}, phi within {results['largest_difference_mm']:.1e} mm")


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_dataset_flags(default="auto")
    common_flags.define_arrays_flag()
    common_flags.define_run_dir_flag("Folder of the run, new (default: runs/MODEL-foldN-TIME).")
    flags.DEFINE_string("fold", str(Config.fold), f"Fold to hold out, 0 to 4, or {NO_FOLD} to train on all of them.")
    flags.DEFINE_string("model", "lsn", f"One of {', '.join(sorted(PRESETS))}; with options: lsn:width=8,steps=4.")
    flags.DEFINE_enum("target", "liver", sorted(TARGETS), "What is inside; liver includes its tumours.")
    flags.DEFINE_integer("image_size", 128, "Side of the grid of training, pixels; a multiple of 16.")
    flags.DEFINE_string("window_hu", "auto", "LOW,HIGH in HU; auto: -100,400 narrowed to the data's range.")
    flags.DEFINE_integer("epochs", None, f"How many ({EPOCHS_SYNTHETIC} for the phantom, else {EPOCHS_LITS}).")
    flags.DEFINE_bool("hold_back", False, "Keep the scans that monitor the training (val_dice) out of it.")
    flags.DEFINE_integer("batch_size", 8, "Slices a step, over all devices together.")
    flags.DEFINE_enum(
        "optimizer", "muon", sorted(OPTIMIZERS), "Muon for hidden convolutions and Adam for the rest, or Adam."
    )
    flags.DEFINE_float("learning_rate", 2e-3, "Of the optimiser at the start; falls to zero along a cosine.")
    flags.DEFINE_integer("seed", 0, "Of all that is random; a run repeats bit for bit on a CPU.")
    flags.DEFINE_bool("augment", True, "Random elastic and affine deformations and changes of intensity.")
    flags.DEFINE_bool("jit", True, "Let XLA fuse the level set evolution.")
    flags.DEFINE_enum(
        "mixed_precision", "auto", PRECISIONS, "Of the convolutions; auto: bfloat16 where the CPU has it."
    )
    for name, text in LOSS_HELP.items():
        flags.DEFINE_float(name, getattr(LossWeights, name), text, lower_bound=0.0)
    flags.DEFINE_bool("multi_gpu", False, "Train on all GPUs of this machine (tf.distribute.MirroredStrategy).")
    flags.DEFINE_bool("resume", False, "Go on with the run in --run_dir that was killed.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_summary)
