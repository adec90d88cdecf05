"""What the benchmark measures, not how fast it is."""

import contextlib
import dataclasses
import importlib
import re
import sys
import time
from types import SimpleNamespace

import keras
import nibabel
import numpy as np
import pytest

from lsn_tf import benchmark
from lsn_tf.benchmarks import data, kernels, metrics, serve, solver, timing, train, training
from lsn_tf.data.phantoms import make_scans
from lsn_tf.data.pipeline import gather_slices
from lsn_tf.studies import roofline, training_steps
from lsn_tf.studies.border_distances import PEERS, mask_pairs
from lsn_tf.studies.peers import expanding_contour, numpy_solve
from lsn_tf.studies.process_costs import Cost
from lsn_tf.studies.served_load import Load
from lsn_tf.studies.training_speed import PYTORCH
from lsn_tf.surface_distances import surface_distances


@pytest.mark.parametrize("topic", benchmark.TOPICS)
def test_every_topic_is_a_module_that_measures(topic):
    assert callable(importlib.import_module(f"lsn_tf.benchmarks.{topic}").measure)


def test_a_server_is_watched_over_ten_requests_a_part_at_least():
    assert benchmark.FEWEST_REQUESTS == 10 * serve.PARTS


def test_ratios_are_against_the_first_row_of_a_group(monkeypatch):
    monkeypatch.setattr(train, "medians_in_turns", lambda works, repeats: {"a": 0.5, "b": 2.0})
    monkeypatch.setattr(train, "train_step", lambda *_: None)
    results = benchmark.benchmark("train", 16, 1)
    assert [row["ratio"] for row in results["rows"]] == [1.0, 4.0]


def test_a_median_is_not_moved_by_one_slow_call_nor_by_the_first(monkeypatch):
    ticks = iter([0.0, 10.0, 11.0, 20.0, 21.0, 30.0, 39.0])  # the end of the first call is not looked at
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    calls = []
    assert timing.medians_in_turns({"a": lambda: calls.append(None)}, repeats=3) == {"a": 1.0}
    assert len(calls) == 4


def test_what_is_slow_is_timed_once(monkeypatch):
    ticks = iter([0.0, 10.0, 10.0 + 2 * timing.SLOW])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    assert timing.medians_in_turns({"a": lambda: None}, repeats=5) == {"a": 2 * timing.SLOW}


def test_works_take_turns():
    calls = []
    timing.medians_in_turns({name: lambda name=name: calls.append(name) for name in "ab"}, repeats=2)
    assert calls == list("ababab")


def test_what_is_timed_is_what_a_plain_solver_computes():
    """All steps are made, on every image of the batch, with the step that the CFL condition allows."""
    problem = expanding_contour((24, 20))
    phi = solver.our_steps(problem, steps=7, batch=2)()
    time_step = solver.CFL / ((np.sqrt(2) + 2 * problem.curvature) * problem.speed.max())
    expected = numpy_solve(problem.phi, problem.speed, problem.curvature * problem.speed, np.float32(time_step), 7)
    np.testing.assert_allclose(phi[..., 0], np.stack([expected, expected]), atol=1e-4)


@pytest.mark.slow
def test_the_solver_is_measured_against_each_tool_in_batches_over_steps_in_a_box_and_in_memory(monkeypatch):
    small = {"SHAPES": ((16, 16), (8, 8, 8)), "BATCH_SHAPES": ((16, 16),), "GROWTH_STEPS": (2, 4), "STEPS": 5}
    for name, value in {**small, "LARGE": (8, 16, 16), "MEMORY_SHAPES": ((64, 64),)}.items():
        monkeypatch.setattr(solver, name, value)
    rows = benchmark.benchmark("solver", 16, 1)["rows"]
    of = {group: [row["what"] for row in rows if row["group"] == group] for group in {row["group"] for row in rows}}
    assert (
        of["16 x 16"][0] == of["8 x 8 x 8"][0] == "lsn_tf, 5 steps" and "NumPy, upwind and curvature" in of["16 x 16"]
    )
    assert of["batches of 16 x 16, a slice"] == ["1 at a time", "4 at a time", "16 at a time"]
    assert of["steps at 256 x 256, a step"] == ["2 steps", "4 steps"]
    assert of["a small front in 8 x 16 x 16, 20 steps"] == ["the whole volume", "the active box"]
    if sys.platform == "linux":
        assert of["memory of a process at its peak"] == ["64 x 64"] and rows[-1]["mib"] >= 0


def test_a_batch_of_the_pipeline_is_a_share_of_those_drained(monkeypatch):
    monkeypatch.setattr(data, "training_slices", lambda size: gather_slices(make_scans([0, 60]), size))
    monkeypatch.setattr(data, "medians_in_turns", lambda works, repeats: dict.fromkeys(works, 6.0))
    monkeypatch.setattr(data, "train_step", lambda *_: None)
    batch, unet, lsn = benchmark.benchmark("data", 16, 1)["rows"]
    assert (batch["seconds"], unet["seconds"], lsn["what"]) == (6.0 / 50, 6.0, "a training step of lsn")


def test_all_ways_to_the_distances_between_borders_agree():
    pairs, spacing_mm = mask_pairs(size=32, slices=8)
    for pair in pairs.values():
        ours = surface_distances(*pair, spacing_mm)
        for way in PEERS.values():
            of_reference, of_prediction = way(*pair, spacing_mm)
            np.testing.assert_allclose(ours.of_reference, of_reference, atol=1e-9)
            np.testing.assert_allclose(ours.of_prediction, of_prediction, atol=1e-9)


def test_metrics_are_timed_on_clean_and_noisy_masks_against_each_other_way(monkeypatch):
    monkeypatch.setattr(metrics, "MASK_SIZE", 32)
    monkeypatch.setattr(metrics, "MASK_SLICES", 8)
    rows = benchmark.benchmark("metrics", 16, 1)["rows"]
    assert [row["what"] for row in rows] == 2 * ["lsn_tf", *PEERS]
    assert len({row["group"] for row in rows}) == 2


def test_kernels_are_compared_by_processor_time_in_every_part(monkeypatch):
    costs = [Cost(9.0, 2.0, 30.0), Cost(1.0, 5.0, 600.0), Cost(2.0, 3.0, 60.0)]
    monkeypatch.setattr(
        timing, "costs_in_turns", lambda works, repeats: {name: costs[i] for i, name in enumerate(works)}
    )
    monkeypatch.setattr(kernels, "build_model", lambda *_: SimpleNamespace(export=lambda *_, **__: None))
    rows = benchmark.benchmark("kernels", 16, 1, kernels=4000)["rows"]
    assert [row["ratio"] for row in rows] == [1.0, 2.5] * 6 + [1.5]
    assert rows[1] == {"group": rows[0]["group"], "what": "tf.saved_model.load", **dataclasses.asdict(costs[1])} | {
        "ratio": 2.5
    }
    assert all("4,000 kernels" in row["group"] for row in rows[2:])


def test_predict_is_measured_on_volumes_of_the_twin_and_beyond_a_process_without_a_scan(monkeypatch):
    costs, shapes = {"lsn": Cost(9.0, 4.0, 700.0), "unet": Cost(8.0, 2.0, 650.0)}, []

    def measure(works, repeats):
        assert list(works) == list(costs) and all(name in " ".join(work) for name, work in works.items())
        scans = [word for word in works["lsn"] if word.endswith("ct.nii.gz")]
        shapes.append(nibabel.load(scans[0]).shape if scans else None)
        return {name: dataclasses.replace(costs[name], mib=costs[name].mib + 10 * len(shapes)) for name in works}

    monkeypatch.setattr(timing, "costs_in_turns", measure)
    rows = benchmark.benchmark("predict", 16, 1, matrix=32, slices=(7, 50))["rows"]
    assert shapes == [None, (32, 32, 7), (32, 32, 50)]
    assert [row["beyond_mib"] for row in rows] == [0, 0, 10, 10, 20, 20]
    assert [row["ratio"] for row in rows] == 3 * [1.0, 0.5] and rows[4]["group"].startswith("32 x 32 x 50, ")


def test_a_timed_step_trains():
    step = train.train_step("unet", gather_slices(make_scans([0, 60]), 16))
    losses = [float(step()) for _ in range(5)]
    assert losses[-1] < losses[0]


def test_a_server_is_asked_by_more_and_more_clients_and_its_memory_is_read_in_turn(monkeypatch):
    asked, mib = [], iter(range(100, 200))

    def ask(port, question, clients, requests):
        asked.append((question.path[:3], clients, requests))
        return Load(2.0, np.arange(1, 101) / 100, dropped=1)

    monkeypatch.setattr(serve, "running_server", lambda *flags: contextlib.nullcontext((flags, 8080)))
    monkeypatch.setattr(serve, "ask_at_once", ask)
    monkeypatch.setattr(serve, "memory_mib", lambda server: next(mib) if server == ("--model=m",) else None)
    rows = benchmark.benchmark("serve", 16, 1, model="m", requests=200)["rows"]
    assert asked == [(path, n, 10) for path in ("/v2", "/v1") for n in (1, 8, 32)] + 10 * [("/v2", 8, 20)]
    assert [row["growth_mib"] for row in rows[6:]] == list(range(10))
    assert rows[0]["seconds"] == 0.505 and abs(rows[0]["p99_seconds"] - 0.9901) < 1e-9
    assert (rows[0]["per_second"], rows[0]["requests"], rows[0]["dropped"]) == (50.0, 101, 1)


@pytest.fixture
def small_training(monkeypatch):
    """Networks, matrices and copies that take no time, and no PyTorch."""
    small = {"lsn": ("lsn:width=2,scales=1,steps=2", "muon"), "unet": ("unet:filters=2-2", "adam")}
    monkeypatch.setattr(training, "TRAINED", small)
    monkeypatch.setattr(training, "EPOCH_STEPS", 2)
    monkeypatch.setattr(training_steps, "EPOCH_STEPS", 2)
    monkeypatch.setattr(training, "torch_works", lambda *_: ())
    monkeypatch.setattr(roofline, "ON_CPU", roofline.ProbeSize(side=8, copied_bytes=64, calls=5))


def test_training_steps_are_set_against_the_roofline(small_training, capsys):
    results = benchmark.benchmark("training", 16, 1, batch_size=3)
    lsn, unet, lsn_in_fit, unet_in_fit, product, copy = results["rows"]
    assert (results["image_size"], results["batch_size"], results["mixed_precision"]) == (16, 3, "float32")
    assert (results["backend"], results["versions"]["keras"]) == ("tensorflow", keras.__version__)
    assert lsn["slices_per_second"] * lsn["seconds"] == pytest.approx(3) and "of_pytorch" not in lsn
    assert [lsn_in_fit["what"], unet_in_fit["what"]] == ["lsn, in fit", "unet, in fit"]
    by_hand = max(unet["flops"] / product["flops_per_second"], unet["bytes"] / copy["bytes_per_second"])
    assert unet["of_roofline"] == pytest.approx(by_hand / unet["seconds"], abs=1e-3)
    benchmark.print_results(results)
    assert len(re.findall("of the roofline", capsys.readouterr().out)) == 2


def test_training_is_compared_with_pytorch_where_it_is_installed(small_training, monkeypatch):
    sizes = []

    def slow(model, image, mask, precision):
        sizes.append((model.count_params(), image.shape, mask.shape, precision))
        yield f"{PYTORCH}, any way", lambda count: time.sleep(0.001)

    monkeypatch.setattr(training, "torch_works", slow)
    monkeypatch.setattr(training, "TRAINED", {"unet": ("unet:filters=2-2", "adam")})
    monkeypatch.setattr(training, "IN_FIT", ())
    ours, theirs, *_ = benchmark.benchmark("training", 16, 1, batch_size=200, mixed_precision="bfloat16")["rows"]
    assert sizes == [(48_833, (200, 16, 16, 1), (200, 16, 16, 1), "bfloat16")]
    assert ours["of_pytorch"] == pytest.approx(theirs["seconds"] / ours["seconds"], abs=1e-3)


@pytest.mark.parametrize("size", [100, 0, -32])
def test_sizes_that_the_networks_do_not_take_are_refused(size):
    with pytest.raises(ValueError, match=f"image_size must be a positive multiple of 16. Received {size}"):
        benchmark.benchmark("training", size, 1)


def test_steps_in_a_row_share_their_time(small_training, monkeypatch):
    monkeypatch.setattr(training, "TRAINED", {"unet": ("unet:filters=2-2", "adam")})
    monkeypatch.setattr(training, "IN_FIT", ("unet",))
    monkeypatch.setattr(training, "steps_in_a_row", lambda: 3)
    monkeypatch.setattr(training, "medians_in_turns", lambda works, repeats: dict.fromkeys(works, 6.0))
    unet, in_fit, product, copy = benchmark.benchmark("training", 16, 1, batch_size=4)["rows"]
    assert (unet["seconds"], unet["slices_per_second"]) == (2.0, 2.0)
    assert (in_fit["seconds"], in_fit["slices_per_second"]) == (3.0, pytest.approx(4 / 3))
    assert copy["bytes_per_second"] == 5 * 2 * 64 / 6.0
