"""A training step with and without XLA for the level set steps, in float32 and bfloat16."""

from collections.abc import Callable
from typing import Any

import keras

from lsn_tf.benchmarks.timing import Row, medians_in_turns, size, time_rows
from lsn_tf.data.phantoms import make_scans
from lsn_tf.data.pipeline import Slices, gather_slices, training_batches
from lsn_tf.training.deep_supervision import masks_for
from lsn_tf.training.fitting import FitOptions, compiled_model

WINDOW_HU = (-100.0, 400.0)
BATCH_SIZE = 16
VOLUMES = range(0, 131, 16)
VARIANTS = (("float32", False), ("float32", True), ("bfloat16", False), ("bfloat16", True))


def measure(image_size: int, repeats: int, **_) -> list[Row]:
    """Times a training step of the U-Net and of the LSN, with the options that are meant to make it faster."""
    slices, works = training_slices(image_size), {}
    for preset in ("unet", "lsn"):
        for precision, jit in VARIANTS:
            if jit and preset == "unet":
                continue  # it has no level set steps
            works[f"{preset}, {precision}{', XLA' if jit else ''}"] = train_step(preset, slices, precision, jit)
    return time_rows(group(image_size), medians_in_turns(works, repeats))


def training_slices(image_size: int) -> Slices:
    """Returns the slices of the synthetic twin on which steps are timed."""
    return gather_slices(make_scans(VOLUMES), image_size)


def group(image_size: int) -> str:
    """Returns the title of rows about such slices."""
    return f"batches of {BATCH_SIZE}, {size((image_size, image_size))}"


def train_step(preset: str, slices: Slices, precision: str = "float32", jit: bool = False) -> Callable[[], Any]:
    """Returns a function that makes one training step of a preset on one batch."""
    model = model_in_training(preset, BATCH_SIZE, precision, jit)
    inputs, mask = next(iter(training_batches(slices, BATCH_SIZE, 0, augmented=False)))
    return lambda: model.train_on_batch(inputs, masks_for(model, mask))


def model_in_training(
    name: str, batch_size: int, precision: str, jit: bool = True, optimizer: str = "muon"
) -> keras.Model:
    """Returns a model compiled as `lsn_tf.train` does by default, always with the same weights."""
    options = FitOptions(
        model=name,
        window_hu=WINDOW_HU,
        epochs=1,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=2e-3,
        seed=0,
        augment=False,
        jit=jit,
        mixed_precision=precision,
        multi_gpu=False,
        progress=False,
    )
    keras.utils.set_random_seed(options.seed)
    return compiled_model(options, steps=100)
