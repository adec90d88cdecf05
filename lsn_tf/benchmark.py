"""Measures speed, as ratios side by side in one run.

    python -m lsn_tf.benchmark --topic=train

Topics:
    data   how long the input pipeline takes for a batch, against a training step that waits for it
    train  a training step with and without XLA for the level set steps, in float32 and bfloat16

Times are medians over --repeats, on the synthetic twin; ratios are against the first row.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from absl import flags

from lsn_tf import common_flags
from lsn_tf.data.phantoms import make_scans
from lsn_tf.data.pipeline import Slices, gather_slices, training_batches
from lsn_tf.training.deep_supervision import masks_for
from lsn_tf.training.fitting import FitOptions, compiled_model

logger = logging.getLogger(__name__)
WINDOW_HU = (-100.0, 400.0)
BATCH_SIZE = 16
DRAINED_BATCHES = 50  # in a row, so that what was prefetched does not count
VOLUMES = range(0, 131, 16)
TRAIN_VARIANTS = (("float32", False), ("float32", True), ("bfloat16", False), ("bfloat16", True))


def median_seconds(work: Callable[[], Any], repeats: int) -> float:
    """Returns the median time of a call, s, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def train_step(preset: str, slices: Slices, precision: str = "float32", jit: bool = False) -> Callable[[], Any]:
    """Returns a function that makes one training step of a preset on one batch."""
    options = FitOptions(
        model=preset,
        window_hu=WINDOW_HU,
        epochs=1,
        batch_size=BATCH_SIZE,
        learning_rate=1e-3,
        patience=1,
        seed=0,
        augment=False,
        jit=jit,
        mixed_precision=precision,
        multi_gpu=False,
        progress=False,
    )
    keras.utils.set_random_seed(0)
    model = compiled_model(options, steps=100)
    inputs, mask = next(iter(training_batches(slices, BATCH_SIZE, 0, augmented=False)))
    return lambda: model.train_on_batch(inputs, masks_for(model, mask))


def benchmark_data(slices: Slices, repeats: int) -> list[dict[str, Any]]:
    """Times a batch of the pipeline, augmentation included, and the steps of the models that consume it."""
    batches = iter(training_batches(slices, BATCH_SIZE, 0))
    drained = median_seconds(lambda: [next(batches) for _ in range(DRAINED_BATCHES)], repeats)
    rows = [{"what": "a batch from the pipeline", "seconds": drained / DRAINED_BATCHES}]
    for preset in ("unet", "lsn"):
        seconds = median_seconds(train_step(preset, slices), repeats)
        rows.append({"what": f"a training step of {preset}", "seconds": seconds})
    return rows


def benchmark_train(slices: Slices, repeats: int) -> list[dict[str, Any]]:
    """Times a training step of the U-Net and of the LSN, with the options that are meant to make it faster."""
    rows = []
    for preset in ("unet", "lsn"):
        for precision, jit in TRAIN_VARIANTS:
            if jit and preset == "unet":
                continue  # it has no level set steps
            seconds = median_seconds(train_step(preset, slices, precision, jit), repeats)
            rows.append({"what": f"{preset}, {precision}{', XLA' if jit else ''}", "seconds": seconds})
    return rows


TOPICS = {"data": benchmark_data, "train": benchmark_train}


def benchmark(topic: str, image_size: int, repeats: int) -> dict[str, Any]:
    """Runs a topic. Returns its rows with "what", "seconds" and "ratio" to the first row."""
    slices = gather_slices(make_scans(VOLUMES), image_size)
    rows = TOPICS[topic](slices, repeats)
    for row in rows:
        row["ratio"] = round(row["seconds"] / rows[0]["seconds"], 2)
    return {"topic": topic, "image_size": image_size, "batch_size": BATCH_SIZE, "rows": rows}


def print_results(results: Mapping[str, Any]) -> None:
    """Prints the rows as a table."""
    print(f"{results['topic']}: batches of {results['batch_size']}, {results['image_size']} x {results['image_size']}")
    for row in results["rows"]:
        print(f"{row['what']:<32} {1e3 * row['seconds']:9.1f} ms {row['ratio']:8.2f} x")


def main() -> dict[str, Any]:
    """Reads the flags and measures."""
    values = flags.FLAGS
    return benchmark(values.topic, values.image_size, values.repeats)


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_enum("topic", "train", sorted(TOPICS), "What to measure.")
    flags.DEFINE_integer("image_size", 128, "Side of the slices, pixels.")
    flags.DEFINE_integer("repeats", 9, "Calls of which the median is taken.", lower_bound=1)


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
