"""How long the input pipeline takes for a batch, against a training step that waits for it."""

from lsn_tf.benchmarks.timing import Row, medians_in_turns, time_rows
from lsn_tf.benchmarks.train import BATCH_SIZE, group, train_step, training_slices
from lsn_tf.data.pipeline import training_batches

DRAINED_BATCHES = 50  # in a row, so that what was prefetched does not count


def measure(image_size: int, repeats: int, **_) -> list[Row]:
    """Times a batch of the pipeline, augmentation included, and the steps of the models that consume it."""
    slices = training_slices(image_size)
    batches = iter(training_batches(slices, BATCH_SIZE, 0))
    drained = "a batch from the pipeline"
    works = {drained: lambda: [next(batches) for _ in range(DRAINED_BATCHES)]}
    works |= {f"a training step of {preset}": train_step(preset, slices) for preset in ("unet", "lsn")}
    times = medians_in_turns(works, repeats)
    return time_rows(group(image_size), times | {drained: times[drained] / DRAINED_BATCHES})
