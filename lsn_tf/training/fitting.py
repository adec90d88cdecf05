"""The fit: an optimiser, a schedule, one retry after a collapse.

The weights are those of the last epoch, when the learning rate has fallen to zero. Monitoring scans watch the
training and choose nothing: a choice among the epochs by some ten of them costs more than it gains.
"""

import contextlib
import dataclasses
import logging
import shutil
import sys

import keras

from lsn_tf.artifacts import RunDir, write_json
from lsn_tf.data.pipeline import Slices, steps_per_epoch, training_batches
from lsn_tf.models import build_model
from lsn_tf.training.callbacks import CollapsedError, CollapseDetector, EpochSeeds, ScanValidation, TrainingState
from lsn_tf.training.deep_supervision import LossWeights, masks_for, supervised
from lsn_tf.training.optimizers import OPTIMIZERS

logger = logging.getLogger(__name__)
RETRY_SEED_OFFSET = 1_000_003  # seed of the second attempt


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes:
        model: a preset of `lsn_tf.models`.
        window_hu: (low, high), HU.
        epochs: how many.
        batch_size: slices a step, over all devices together.
        optimizer: "muon", see `KernelMuon`, or "adam".
        learning_rate: of the optimiser, decayed to zero by a cosine.
        seed: of weights, order, augmentation and simulated contours.
        augment: whether to augment.
        jit: whether XLA fuses the steps of the level set evolution.
        mixed_precision: "float32", "bfloat16" or "float16".
        multi_gpu: whether to train on all GPUs of this machine, in synchrony; on TensorFlow only.
        progress: whether to show a progress bar.
        loss: the weights of its parts.
    """

    model: str
    window_hu: tuple[float, float]
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    seed: int
    augment: bool
    jit: bool
    mixed_precision: str
    multi_gpu: bool
    progress: bool
    loss: LossWeights = LossWeights()


def fit(training: Slices, validation: Slices, options: FitOptions, run: RunDir) -> tuple[keras.Model, dict]:
    """Fits a model and returns it, in float32, and how the training went.

    A run that collapses is tried once more with another seed. The state in `run` is resumed where it fits.

    Raises:
        ValueError: if the backend does not have what is asked for.
        CollapsedError: if the second attempt collapses too; what happened is then in failure.json.
    """
    check_backend(options.multi_gpu)
    seeds = (options.seed, options.seed + RETRY_SEED_OFFSET)
    collapses = []
    for seed in seeds:
        try:
            model, summary = _attempt(training, validation, dataclasses.replace(options, seed=seed), run)
            return model, {**summary, "seed_used": seed, "collapses": collapses}
        except CollapsedError as error:
            collapses.append(f"seed {seed}: {error}")
            logger.warning("Training collapsed with %s", collapses[-1])
    write_json(run.failure, {"collapses": collapses})
    shutil.rmtree(run.state, ignore_errors=True)
    raise CollapsedError(
        f"training collapsed twice, no model was saved. {' '.join(collapses)} Try a smaller --learning_rate."
    )


def check_backend(multi_gpu: bool) -> None:
    """Raises ValueError if Keras runs on a backend that does not train, or not on several GPUs."""
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise ValueError(f"KERAS_BACKEND must be tensorflow or jax to train. Received {backend!r}.")
    if multi_gpu and backend != "tensorflow":
        raise ValueError(f"multi_gpu needs KERAS_BACKEND=tensorflow. Received {backend!r}: leave --multi_gpu out.")


def make_repeatable(seed: int) -> None:
    """Seeds all that is random and, on TensorFlow, lets no operation depend on the order of threads."""
    keras.utils.set_random_seed(seed)
    if _on_tensorflow():
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _on_tensorflow() -> bool:
    return keras.backend.backend() == "tensorflow"


def _attempt(training: Slices, validation: Slices, options: FitOptions, run: RunDir) -> tuple[keras.Model, dict]:
    make_repeatable(options.seed)
    steps = steps_per_epoch(training, options.batch_size)
    model = compiled_model(options, steps)
    state = TrainingState(run, {"seed": options.seed, "slices": len(training)})
    first_epoch = state.restore(model)
    if first_epoch:
        logger.info("Resuming after epoch %d of %d.", first_epoch, options.epochs)
    callbacks = [
        EpochSeeds(options.seed),
        ScanValidation(validation, options.batch_size),
        CollapseDetector(rows=state.rows),
        state,
        *([keras.callbacks.TensorBoard(run.tensorboard)] if _on_tensorflow() else []),
    ]
    kind = model.given_contour
    batches = training_batches(training, options.batch_size, options.seed, first_epoch, options.augment, kind)
    if first_epoch < options.epochs:
        model.fit(
            ((inputs, masks_for(model, mask)) for inputs, mask in batches),
            initial_epoch=first_epoch,
            epochs=options.epochs,
            steps_per_epoch=steps,
            callbacks=callbacks,
            shuffle=False,  # training_batches has shuffled
            verbose=_verbosity(options.progress),
        )
    return _in_float32(model, options), {
        "epochs": len(state.rows),
        "monitored_dice": state.rows[-1]["val_dice"],
        "machine": ", then ".join(state.machines),
        "seconds_fit": round(state.seconds, 1),
        "seconds_before_resuming": round(state.seconds_before, 1),
    }


def _verbosity(progress: bool) -> int:
    """Returns Keras' code for a bar in a terminal, a line an epoch in a file, or nothing."""
    return (1 if sys.stdout.isatty() else 2) if progress else 0


def compiled_model(options: FitOptions, steps: int) -> keras.Model:
    """Builds and compiles the model under the precision and the distribution that are asked for."""
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_policy(options.mixed_precision))
    try:
        with _distribution(options.multi_gpu):
            model = build_model(options.model, options.window_hu)
            schedule = keras.optimizers.schedules.CosineDecay(options.learning_rate, options.epochs * steps)
            model = supervised(model, OPTIMIZERS[options.optimizer](schedule), options.loss)
    finally:
        keras.config.set_dtype_policy(previous)
    if _on_tensorflow():
        from lsn_tf.training.tracing import trace_steps_once

        trace_steps_once(model, options.jit)
    return model


def _distribution(multi_gpu: bool) -> contextlib.AbstractContextManager:
    """Returns the scope in which a model is built that lives on all GPUs, if that is wanted."""
    if not multi_gpu:
        return contextlib.nullcontext()
    import tensorflow as tf

    return tf.distribute.MirroredStrategy().scope()


def _policy(precision: str) -> str:
    return precision if precision == "float32" else f"mixed_{precision}"


def _in_float32(trained: keras.Model, options: FitOptions) -> keras.Model:
    """Returns the model with its trained weights, free of the precision and the compilation of the training."""
    model = build_model(options.model, options.window_hu)
    for layer in model.layers:
        layer.set_weights(trained.get_layer(layer.name).get_weights())
    return model
