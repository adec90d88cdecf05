"""Predictions batch by batch."""

from collections.abc import Mapping

import keras
import numpy as np


def predict(model: keras.Model, inputs: Mapping[str, np.ndarray], batch_size: int) -> np.ndarray | list[np.ndarray]:
    """Returns what `model.predict` does, sooner.

    On TensorFlow `model.predict` waits at its end for a thread of tf.data, up to as long as it has taken itself. On
    JAX, which compiles a model anew for every number of slices, the last batch is filled up, and few slices to the
    next power of two.

    Args:
        model: with one output or a list of them.
        inputs: arrays of equal length.
        batch_size: how many at a time.
    """
    count = len(next(iter(inputs.values())))
    batch_size = min(batch_size, 1 << (count - 1).bit_length())
    parts = []
    for start in range(0, count, batch_size):
        batch = {name: values[start : start + batch_size] for name, values in inputs.items()}
        parts.append(_cut(model.predict_on_batch(_filled(batch, batch_size)), min(batch_size, count - start)))
    if isinstance(parts[0], list):
        return [np.concatenate(column) for column in zip(*parts, strict=True)]
    return np.concatenate(parts)


def _filled(batch: Mapping[str, np.ndarray], batch_size: int) -> dict[str, np.ndarray]:
    """Returns the batch, on JAX filled up with copies of its last entry."""
    if keras.backend.backend() != "jax":
        return dict(batch)
    return {
        name: np.pad(values, ((0, batch_size - len(values)), *[(0, 0)] * (values.ndim - 1)), "edge")
        for name, values in batch.items()
    }


def _cut(output, count: int):
    """Returns the first entries of an output, or of each output in a list."""
    if isinstance(output, list):
        return [np.asarray(one)[:count] for one in output]
    return np.asarray(output)[:count]
