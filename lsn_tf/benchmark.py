"""Measures speed, as ratios side by side in one run.

    python -m lsn_tf.benchmark solver

Topics:
    data    how long the input pipeline takes for a batch, against a training step that waits for it
    kernels the kernel analysis against tf.saved_model.load and scikit-learn's defaults, on --kernels random ones: time,
            processor time, by which the ratios are, and memory beyond that at the start, each in a process of its own
    metrics the distances between the borders of two masks, against distance transforms and k-d trees
    predict lsn_tf.predict with the packaged networks, on NIfTI files of --slices slices of --matrix x --matrix pixels,
            from start to exit: time, processor time, by which the ratios are, and memory, in all and beyond that of a
            process which loads TensorFlow and the network, but segments nothing
    serve   a server that is started with --model: answers a second and waiting times of 1, 8 and 32 clients that ask
            for a slice, in raw tensors and in JSON, and what is dropped; its memory over --requests more
    solver  100 steps of the level set equation, against the tools that people use, as far as they are installed;
            batches, several sizes and numbers of steps, and memory
    train   a training step with and without XLA for the level set steps, in float32 and bfloat16
    training slices a second in whole training steps, of --batch_size slices each in --mixed_precision, on the backend
            that KERAS_BACKEND names: against the same U-Net in PyTorch, where it is installed, and against the roofline
            of this device by a matrix product and a copy; "in fit" is with drawing and augmenting batches and with the
            check after each epoch. On a GPU that JAX and PyTorch share put
            XLA_PYTHON_CLIENT_PREALLOCATE=false before the command

Times are medians over --repeats, on synthetic data, taken in turns; a ratio is against the first row of its group.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import machine, versions
from lsn_tf.devices import device
from lsn_tf.studies.training_speed import PACKAGES

TOPICS = ("data", "kernels", "metrics", "predict", "serve", "solver", "train", "training")  # modules of benchmarks
PRECISIONS = ("float32", "bfloat16")
BATCH_SIZE = 16
KERNELS = 1_000_000
REQUESTS = 10_000
FEWEST_REQUESTS = 100
SLICES, MATRIX = (300, 1000), 512  # of the volumes that predict segments


def benchmark(
    topic: str,
    image_size: int,
    repeats: int,
    kernels: int = KERNELS,
    model: str | None = None,
    requests: int = REQUESTS,
    matrix: int = MATRIX,
    slices: Sequence[int] = SLICES,
    batch_size: int = BATCH_SIZE,
    mixed_precision: str = "float32",
) -> dict[str, Any]:
    """Runs a topic. Returns its rows with "group", "what", "seconds" and "ratio" to the first row of the group.

    Where the system tells, "load" is how many processes wanted a core in the last minute, before and after.
    """
    before = _load()
    measuring = importlib.import_module(f"lsn_tf.benchmarks.{topic}")  # a machine may lack what another one needs
    rows = measuring.measure(
        image_size=image_size,
        repeats=repeats,
        kernels=kernels,
        model=model,
        requests=requests,
        matrix=matrix,
        slices=slices,
        batch_size=batch_size,
        mixed_precision=mixed_precision,
    )
    results = {"topic": topic, "repeats": repeats, "machine": machine(), "load": [*before, *_load()]}
    if topic == "training":
        results |= {"backend": keras.backend.backend(), "device": device(), "versions": versions(PACKAGES)}
        results |= {"image_size": image_size, "batch_size": batch_size, "mixed_precision": mixed_precision}
    return {**results, "rows": rows}


def _load() -> list[float]:
    return [round(os.getloadavg()[0], 1)] if hasattr(os, "getloadavg") else []


def print_results(results: Mapping[str, Any]) -> None:
    """Prints the rows as a table."""
    print(f"{results['topic']}, medians of {results['repeats']}, {results['machine']}, load {results['load']}")
    group = None
    for row in results["rows"]:
        if row["group"] != group:
            group = row["group"]
            print(f"\n{group}")
        if "cpu_seconds" in row:
            print(
                f"  {row['what']:<50} {row['seconds']:9.3f} s {row['cpu_seconds']:9.3f} CPU s {row['mib']:8.0f} MiB "
                f"{row['ratio']:8.2f} x" + (f" {row['beyond_mib']:+8.0f} MiB" if "beyond_mib" in row else "")
            )
        elif "slices_per_second" in row:
            beside = f"{row['of_pytorch']:6.2f} of PyTorch" if "of_pytorch" in row else ""
            if "of_roofline" in row:
                beside += f" {row['of_roofline']:7.3f} of the roofline ({row['bound']})"
            print(
                f"  {row['what']:<38} {row['slices_per_second']:9.1f} slices/s {1e3 * row['seconds']:9.2f} ms{beside}"
            )
        elif "flops_per_second" in row:
            print(f"  {row['what']:<38} {row['flops_per_second'] / 1e9:9.1f} GFLOP/s")
        elif "bytes_per_second" in row:
            print(f"  {row['what']:<38} {row['bytes_per_second'] / 1e9:9.1f} GB/s")
        elif "per_second" in row:
            print(
                f"  {row['what']:<12} {row['per_second']:9.1f} a second {1e3 * row['seconds']:9.1f} ms median "
                f"{1e3 * row['p99_seconds']:9.1f} ms p99 {row['dropped']:6} of {row['requests']} dropped"
            )
        elif "growth_mib" in row:
            print(f"  {row['what']:<42} {row['mib']:9.1f} MiB {row['growth_mib']:+8.1f} MiB {row['dropped']:6} dropped")
        elif "mib" in row:
            print(f"  {row['what']:<42} {row['mib']:9.1f} MiB {row['bytes_per_pixel']:8.1f} bytes a pixel")
        else:
            print(f"  {row['what']:<42} {1e3 * row['seconds']:9.2f} ms {row['ratio']:8.2f} x")


def main() -> dict[str, Any]:
    """Reads the flags and measures."""
    values = flags.FLAGS
    names = ("topic", "image_size", "repeats", "kernels", "model", "requests", "matrix", "slices")
    return benchmark(**{name: values[name].value for name in (*names, "batch_size", "mixed_precision")})


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_enum("topic", "train", TOPICS, "What to measure; also as the first word after the command.")
    flags.DEFINE_integer("image_size", 128, "Side of the slices of data, serve, train and training, pixels.")
    flags.DEFINE_integer("batch_size", BATCH_SIZE, "Slices a step of training.", lower_bound=1)
    flags.DEFINE_enum("mixed_precision", "float32", PRECISIONS, "Of the convolutions of training.")
    flags.DEFINE_integer("kernels", KERNELS, "Number of the kernels of that topic.", lower_bound=1000)
    flags.DEFINE_string("model", None, "What serve serves, see python -m lsn_tf.serve (default: the packaged weights).")
    flags.DEFINE_integer("requests", REQUESTS, "Requests over which serve watches memory.", lower_bound=FEWEST_REQUESTS)
    flags.DEFINE_integer("matrix", MATRIX, "Height and width of the volumes of predict, pixels.", lower_bound=1)
    flags.DEFINE_multi_integer("slices", SLICES, "Number of their slices; repeatable.", lower_bound=1)
    flags.DEFINE_integer("repeats", 9, "Calls of which the median is taken.", lower_bound=1)


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results, positional="topic")
