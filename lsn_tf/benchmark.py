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

import dataclasses
import functools
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import nibabel
import numpy as np
from absl import flags
from keras import ops

from lsn_tf import common_flags
from lsn_tf.artifacts import machine, versions
from lsn_tf.data.phantoms import make_scan, make_scans
from lsn_tf.data.pipeline import Slices, gather_slices, training_batches
from lsn_tf.devices import device
from lsn_tf.layers import LevelSetStep, Reinitialization
from lsn_tf.models import build_model
from lsn_tf.solver.marching import march_of
from lsn_tf.solver.solving import solve
from lsn_tf.solver.stopping import Stopping
from lsn_tf.studies.border_distances import PEERS, mask_pairs
from lsn_tf.studies.peers import Problem, expanding_contour, peers
from lsn_tf.studies.process_costs import Work, costs_in_turns
from lsn_tf.studies.roofline import measured_peak, peak_works
from lsn_tf.studies.served_load import Load, ask_at_once, json_question, memory_mib, raw_question, running_server
from lsn_tf.studies.training_speed import PACKAGES, peak_rows, speed_rows, steps_in_a_row, torch_works
from lsn_tf.studies.training_steps import EPOCH_STEPS, TrainingSteps, epoch_of_fit, training_steps
from lsn_tf.surface_distances import surface_distances
from lsn_tf.train import Config, fit_options
from lsn_tf.training.deep_supervision import masks_for
from lsn_tf.training.fitting import FitOptions, check_backend, compiled_model

WINDOW_HU = (-100.0, 400.0)
BATCH_SIZE = 16
PRECISIONS = ("float32", "bfloat16")
DRAINED_BATCHES = 50  # in a row, so that what was prefetched does not count
VOLUMES = range(0, 131, 16)
TRAINED = {"lsn": ("lsn", "muon"), "unet": ("unet", "muon"), "unet, Adam": ("unet", "adam")}  # model and optimiser
IN_FIT = ("lsn", "unet")  # of these
TRAIN_VARIANTS = (("float32", False), ("float32", True), ("bfloat16", False), ("bfloat16", True))

MASK_SIZE, MASK_SLICES = 384, 96

PACKAGED = ("lsn", "unet")
SLICES, MATRIX = (300, 1000), 512  # of the volumes that these segment
DRAWN_SLICES = 20  # of the twin's, which are repeated

KERNELS = 1_000_000
READ_MODEL = "unet_2019"  # exported, for the readers

CLIENTS = (1, 8, 32)
REQUESTS = 10_000  # over which the memory of the server is watched
PARTS = 10  # of them, after each of which it is read; the first is for warming up
MEMORY_CLIENTS = 8
LOAD_SHARE = 20  # at each number of clients requests / LOAD_SHARE

STEPS = 100
SHAPES = ((128, 128), (256, 256), (512, 512), (64, 64, 64), (128, 128, 128))
BATCH_SHAPES = ((64, 64), (128, 128), (256, 256))
GROWTH_STEPS = (50, 100, 200, 400)
LARGE = (96, 256, 256)  # in which a small front is followed by an active box
TINY = (16, 16)
MEMORY_SHAPES = ((2048, 2048), (256, 256, 256))
CFL = 0.9
SLOW = 5.0  # s


def medians_in_turns(works: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Returns the median time of each, s: in turns, so that what else the machine does meets all alike.

    The first call is not counted. One that takes longer than `SLOW` takes part in a single turn.
    """
    times = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            if turn > 1 and times[name][0] > SLOW:
                continue
            started = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - started)
    return {name: float(np.median(values)) for name, values in times.items()}


def train_step(preset: str, slices: Slices, precision: str = "float32", jit: bool = False) -> Callable[[], Any]:
    """Returns a function that makes one training step of a preset on one batch."""
    options = FitOptions(
        model=preset,
        window_hu=WINDOW_HU,
        epochs=1,
        batch_size=BATCH_SIZE,
        optimizer="muon",
        learning_rate=1e-3,
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


def benchmark_data(slices: Slices, repeats: int) -> dict[str, float]:
    """Times a batch of the pipeline, augmentation included, and the steps of the models that consume it; s."""
    batches = iter(training_batches(slices, BATCH_SIZE, 0))
    drained = "a batch from the pipeline"
    works = {drained: lambda: [next(batches) for _ in range(DRAINED_BATCHES)]}
    works |= {f"a training step of {preset}": train_step(preset, slices) for preset in ("unet", "lsn")}
    times = medians_in_turns(works, repeats)
    return times | {drained: times[drained] / DRAINED_BATCHES}


def benchmark_train(slices: Slices, repeats: int) -> dict[str, float]:
    """Times a training step of the U-Net and of the LSN, with the options that are meant to make it faster; s."""
    works = {}
    for preset in ("unet", "lsn"):
        for precision, jit in TRAIN_VARIANTS:
            if jit and preset == "unet":
                continue  # it has no level set steps
            works[f"{preset}, {precision}{', XLA' if jit else ''}"] = train_step(preset, slices, precision, jit)
    return medians_in_turns(works, repeats)


def benchmark_training(image_size: int, batch_size: int, precision: str, repeats: int) -> list[dict[str, Any]]:
    """Times training steps of LSN and U-Net, alone and in fit, of the U-Net in PyTorch, and what the device reaches.

    Raises:
        ValueError: if the networks do not take slices of this size, or the backend does not train.
    """
    check_backend(multi_gpu=False)
    sizes = {"image_size": image_size, "batch_size": batch_size, "mixed_precision": precision}
    configs = {
        name: Config(model, optimizer=optimizer, window_hu=WINDOW_HU, epochs=1, augment=False, **sizes)
        for name, (model, optimizer) in TRAINED.items()
    }
    slices = gather_slices(make_scans(VOLUMES[:2]), image_size)
    batch = slices.at(np.arange(batch_size) % len(slices))
    steps = {name: _steps(config, batch) for name, config in configs.items()}
    makes = {name: of_model.make for name, of_model in steps.items()}
    makes |= torch_works(build_model("unet", WINDOW_HU), batch.image, batch.mask, precision)
    count, peaks = steps_in_a_row(), peak_works(precision)
    works = {name: functools.partial(make, count) for name, make in makes.items()}
    fits = {f"{name}, in fit": epoch_of_fit(_model(configs[name]), batch, batch_size) for name in IN_FIT}
    times = medians_in_turns({**works, **fits, **peaks}, repeats)
    of_device = {name: times[name] for name in peaks}
    of_steps = {name: times[name] / count for name in works} | {name: times[name] / EPOCH_STEPS for name in fits}
    costs = {name: of_model.cost for name, of_model in steps.items()}
    rows = speed_rows(of_steps, costs, measured_peak(of_device), batch_size)
    group = f"training, batches of {batch_size}, {_size((image_size, image_size))}, {precision}"
    peak_group = f"what the device reaches, {precision}"
    return [{"group": group, **row} for row in rows] + [{"group": peak_group, **row} for row in peak_rows(of_device)]


def _model(config: Config) -> keras.Model:
    keras.utils.set_random_seed(config.seed)
    return compiled_model(fit_options(config), steps=100)


def _steps(config: Config, batch: Slices) -> TrainingSteps:
    model = _model(config)
    return training_steps(model, {"image": batch.image, "spacing": batch.spacing}, masks_for(model, batch.mask))


def benchmark_metrics(repeats: int) -> list[dict[str, Any]]:
    """Times the distances between the borders of masks, clean and noisy, against other exact ways."""
    rows, (pairs, spacing_mm) = [], mask_pairs(MASK_SIZE, MASK_SLICES)
    ways = {"lsn_tf": surface_distances, **PEERS}
    for what, pair in pairs.items():
        works = {name: functools.partial(way, *pair, spacing_mm) for name, way in ways.items()}
        rows += _rows(f"{what}, {_size(pair[0].shape)}", medians_in_turns(works, repeats))
    return rows


def benchmark_kernels(count: int, repeats: int) -> list[dict[str, Any]]:
    """Measures the reader of kernels, the parts of their analysis and the whole of it, against what is there."""
    from lsn_tf.studies.kernel_works import parts, readers, wholes  # a machine that trains may lack what these need

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        build_model(READ_MODEL, WINDOW_HU).export(folder, verbose=False)
        rows += _cost_rows(f"reading a SavedModel, {READ_MODEL}", readers(folder), repeats)
    for part, works in parts(count).items():
        rows += _cost_rows(f"{count:,} kernels: {part}", works, repeats)
    rows += _cost_rows(f"{count:,} kernels, all of it", wholes(count), repeats)
    return rows + _cost_rows(f"{count:,} kernels from a file, all tables and tests", _verbs(count), repeats)


def _verbs(count: int) -> dict[str, Work]:
    """Returns the command on a file of kernels, without and with its page; its memory includes the kernels."""
    setup = (
        "import pathlib, tempfile; import lsn_tf.analysis.page.pictures, lsn_tf.analysis.parquet; "
        "from lsn_tf.analyze import Config, analyze; "
        "from lsn_tf.studies.kernel_works import random_network; folder = tempfile.TemporaryDirectory(); "
        f"model = pathlib.Path(folder.name, 'model.npz'); random_network({count}, model)"
    )
    statement = "analyze(Config(str(model), folder.name + '/out', {}))"
    options = {"--nopage": "page=False", "--nopage --table=parquet": "page=False, table='parquet'", "": ""}
    return {f"lsn_tf.analyze {flags}".strip(): Work(setup, statement.format(given)) for flags, given in options.items()}


def benchmark_predict(matrix: int, slices: Sequence[int], repeats: int) -> list[dict[str, Any]]:
    """Measures the command that segments volumes of so many slices, for each of the packaged networks."""
    idle = "from lsn_tf.segmenters import open_segmenter; open_segmenter({!r})"
    works = {model: [sys.executable, "-c", idle.format(model)] for model in PACKAGED}
    at_rest = _cost_rows("TensorFlow and the network, no scan", works, repeats)
    rows = [*at_rest]
    for count in slices:
        with tempfile.TemporaryDirectory() as folder:
            scan = _write_tall_scan(pathlib.Path(folder, "ct.nii.gz"), matrix, count)
            command = [sys.executable, "-m", "lsn_tf.predict", scan, f"--output={folder}/mask.nii.gz", "--overwrite"]
            works = {model: [*command, f"--model={model}", "--quiet"] for model in PACKAGED}
            group = f"{_size((matrix, matrix, count))}, {pathlib.Path(scan).stat().st_size / 1e6:.0f} MB of NIfTI"
            rows += _cost_rows(group, works, repeats)
    beyond = [row["mib"] - idle["mib"] for row, idle in zip(rows, itertools.cycle(at_rest), strict=False)]
    return [row | {"beyond_mib": mib} for row, mib in zip(rows, beyond, strict=True)]


def _write_tall_scan(path: pathlib.Path, matrix: int, slices: int) -> str:
    """Writes slices of the synthetic twin, up and down again until there are enough; returns the path."""
    scan = make_scan(VOLUMES[0], size=matrix, slices=DRAWN_SLICES)
    order = np.pad(np.arange(DRAWN_SLICES), (0, slices), mode="symmetric")[:slices]
    nibabel.save(nibabel.Nifti1Image(scan.image[order].transpose(2, 1, 0), scan.affine), path)
    return str(path)


def _cost_rows(group: str, works: Mapping[str, Work | Sequence[str]], repeats: int) -> list[dict[str, Any]]:
    costs = costs_in_turns(works, repeats)
    first = next(iter(costs.values())).cpu_seconds
    return [
        {"group": group, "what": what, **dataclasses.asdict(cost), "ratio": round(cost.cpu_seconds / first, 2)}
        for what, cost in costs.items()
    ]


def benchmark_serve(model: str | None, image_size: int, requests: int) -> list[dict[str, Any]]:
    """Measures a server under load: a part of the requests at each number of clients, then its memory over all."""
    slices = gather_slices(make_scans(VOLUMES[:1]), image_size)
    middle = slice(len(slices) // 2, len(slices) // 2 + 1)
    raw, text = (ask(slices.image[middle], slices.spacing[middle]) for ask in (raw_question, json_question))
    slice_of = f"a slice of {_size((image_size, image_size))}"
    with running_server(*([f"--model={model}"] if model else [])) as (server, port):
        rows = [
            _load_row(f"{slice_of}, {form}", clients, ask_at_once(port, question, clients, requests // LOAD_SHARE))
            for form, question in {"raw tensors": raw, "JSON": text}.items()
            for clients in CLIENTS
        ]
        memory = []
        for part in range(1, PARTS + 1):
            load = ask_at_once(port, raw, MEMORY_CLIENTS, requests // PARTS)
            memory.append({"what": f"after {part * requests // PARTS} requests", "dropped": load.dropped})
            memory[-1]["mib"] = round(memory_mib(server), 1)
    for row in memory:
        rows.append({"group": "resident memory of the server", **row, "growth_mib": row["mib"] - memory[0]["mib"]})
    return rows


def _load_row(group: str, clients: int, load: Load) -> dict[str, Any]:
    p50, p99 = np.percentile(load.latencies, (50, 99))
    counts = {"requests": len(load.latencies) + load.dropped, "dropped": load.dropped}
    rate = {"per_second": round(len(load.latencies) / load.seconds, 2)}
    what = f"{clients} client{'s' * (clients > 1)}"
    return {"group": group, "what": what, "seconds": p50, "p99_seconds": p99, **rate, **counts}


def our_steps(problem: Problem, steps: int, batch: int = 1) -> Callable[[], np.ndarray]:
    """Returns a function that makes Godunov steps with curvature on a batch of copies of a problem."""
    ndim = problem.phi.ndim
    march = march_of(LevelSetStep(), (1,) * (ndim + 2))
    phi, speed = (ops.stack([ops.convert_to_tensor(a[..., None])] * batch) for a in (problem.phi, problem.speed))
    fields, spacing = {"speed": speed, "curvature_weight": problem.curvature * speed}, ops.ones((batch, ndim))
    time_step = march.stable_time_step(fields, spacing, CFL)
    return lambda: ops.convert_to_numpy(march(phi, fields, spacing, time_step, steps))


def benchmark_solver(repeats: int) -> list[dict[str, Any]]:
    """Times the solver against others, in batches, over sizes and steps, and with an active box; measures memory."""
    rows = []
    for shape in SHAPES:
        problem = expanding_contour(shape)
        works = {f"lsn_tf, {STEPS} steps": our_steps(problem, STEPS), **dict(peers(problem, STEPS))}
        rows += _rows(_size(shape), medians_in_turns(works, repeats))
    for shape in BATCH_SHAPES:
        problem = expanding_contour(shape)
        times = medians_in_turns({n: our_steps(problem, STEPS, n) for n in (1, 4, 16)}, repeats)
        rows += _rows(f"batches of {_size(shape)}, a slice", {f"{n} at a time": t / n for n, t in times.items()})
    problem = expanding_contour((256, 256))
    times = medians_in_turns({n: our_steps(problem, n) for n in GROWTH_STEPS}, repeats)
    rows += _rows("steps at 256 x 256, a step", {f"{n} steps": t / n for n, t in times.items()})
    rows += _active_rows(repeats)
    return rows + _memory_rows()


def _active_rows(repeats: int) -> list[dict[str, Any]]:
    """Times a small front in a large volume until T, on the whole and in its active box."""
    small = expanding_contour((LARGE[0] // 2,) * 3)
    phi = np.full(LARGE, small.phi.max() + 10, np.float32)
    phi[tuple(slice(0, n) for n in small.phi.shape)] = small.phi
    fields, spacing = {"speed": np.ones((1, *LARGE, 1), np.float32)}, np.ones((1, 3))

    def until_t(active):
        return solve(
            phi[None, ..., None], fields, spacing, active=active, reinitialization=Reinitialization(10),
            stopping=Stopping(max_steps=20, check_every=10, rms_mm=0, max_mm=0, frame_share=None),
        )  # fmt: skip

    works = {"the whole volume": lambda: until_t(False), "the active box": lambda: until_t(True)}
    return _rows(f"a small front in {_size(LARGE)}, 20 steps", medians_in_turns(works, min(repeats, 3)))


def _memory_rows() -> list[dict[str, Any]]:
    """Measures the peak of a fresh process that makes a few steps, beyond that of one with a tiny image; on Linux."""
    if not pathlib.Path("/proc/self/status").is_file():
        return []
    rows, tiny = [], _peak_mib(TINY)
    for shape in MEMORY_SHAPES:
        mib, pixels = max(_peak_mib(shape) - tiny, 0.0), int(np.prod(shape))
        row = {"group": "memory of a process at its peak", "what": _size(shape), "mib": round(mib, 1)}
        rows.append({**row, "bytes_per_pixel": round(mib * 2**20 / pixels, 1)})
    return rows


def _peak_mib(shape: tuple[int, ...]) -> float:
    """Returns the peak memory of a process that has made 10 steps."""
    code = "import pathlib, re; from lsn_tf import benchmark; "
    code += f"benchmark.our_steps(benchmark.expanding_contour({shape}), 10)(); "
    code += "print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text()).group(1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _rows(group: str, times: Mapping[str, float]) -> list[dict[str, Any]]:
    first = next(iter(times.values()))
    return [{"group": group, "what": what, "seconds": t, "ratio": round(t / first, 2)} for what, t in times.items()]


def _on_slices(measure: Callable[[Slices, int], dict[str, float]]) -> Callable[..., list[dict[str, Any]]]:
    """Gives a topic about training the slices that it works on."""

    def rows(image_size, repeats, **_):
        times = measure(gather_slices(make_scans(VOLUMES), image_size), repeats)
        return _rows(f"batches of {BATCH_SIZE}, {image_size} x {image_size}", times)

    return rows


TOPICS = {
    "data": _on_slices(benchmark_data),
    "kernels": lambda kernels, repeats, **_: benchmark_kernels(kernels, repeats),
    "metrics": lambda repeats, **_: benchmark_metrics(repeats),
    "predict": lambda matrix, slices, repeats, **_: benchmark_predict(matrix, slices, repeats),
    "serve": lambda model, image_size, requests, **_: benchmark_serve(model, image_size, requests),
    "solver": lambda repeats, **_: benchmark_solver(repeats),
    "train": _on_slices(benchmark_train),
    "training": lambda image_size, batch_size, mixed_precision, repeats, **_: benchmark_training(
        image_size, batch_size, mixed_precision, repeats
    ),
}


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
    rows = TOPICS[topic](
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
    flags.DEFINE_enum("topic", "train", sorted(TOPICS), "What to measure; also as the first word after the command.")
    flags.DEFINE_integer("image_size", 128, "Side of the slices of data, serve, train and training, pixels.")
    flags.DEFINE_integer("batch_size", BATCH_SIZE, "Slices a step of training.", lower_bound=1)
    flags.DEFINE_enum("mixed_precision", "float32", PRECISIONS, "Of the convolutions of training.")
    flags.DEFINE_integer("kernels", KERNELS, "Number of the kernels of that topic.", lower_bound=1000)
    flags.DEFINE_string("model", None, "What serve serves, see python -m lsn_tf.serve (default: the packaged weights).")
    flags.DEFINE_integer("requests", REQUESTS, "Requests over which serve watches memory.", lower_bound=10 * PARTS)
    flags.DEFINE_integer("matrix", MATRIX, "Height and width of the volumes of predict, pixels.", lower_bound=1)
    flags.DEFINE_multi_integer("slices", SLICES, "Number of their slices; repeatable.", lower_bound=1)
    flags.DEFINE_integer("repeats", 9, "Calls of which the median is taken.", lower_bound=1)


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results, positional="topic")
