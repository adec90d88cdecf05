"""Throughput as a fraction: of PyTorch's best, and of the roofline."""

import importlib
import logging
from types import SimpleNamespace

import pytest

from lsn_tf.artifacts import versions
from lsn_tf.studies import training_speed
from lsn_tf.studies.roofline import COPY, PRODUCT, Peak, probe_size
from lsn_tf.studies.step_costs import StepCost
from lsn_tf.studies.training_speed import PYTORCH, peak_rows, speed_rows, torch_works

PEAK = Peak(flops_per_second=100.0, bytes_per_second=10.0)


def test_throughput_is_a_fraction_of_pytorchs_best_and_of_the_roofline():
    seconds = {"lsn": 4.0, "unet": 1.0, f"{PYTORCH}, one way": 3.0, f"{PYTORCH}, another": 2.0}
    lsn, unet, *theirs = speed_rows(seconds, {"lsn": StepCost(50, 20, "XLA")}, PEAK, batch_size=8)
    assert (lsn["slices_per_second"], unet["slices_per_second"], theirs[0]["slices_per_second"]) == (2, 8, 8 / 3)
    assert (lsn["of_pytorch"], unet["of_pytorch"], unet["ratio"]) == (0.5, 2.0, 0.25)
    assert (lsn["attainable_seconds"], lsn["bound"], lsn["of_roofline"]) == (2.0, "memory", 0.5)
    assert "of_roofline" not in unet and not any("of_pytorch" in row for row in theirs)


def test_without_pytorch_nothing_is_a_fraction_of_it():
    assert "of_pytorch" not in speed_rows({"lsn": 4.0}, {}, PEAK, batch_size=8)[0]


def test_rows_of_the_peak_have_its_rates():
    product, copy = peak_rows({PRODUCT: 0.5, COPY: 2.0})
    assert product["flops_per_second"] == probe_size().calls * 2 * probe_size().side ** 3 / 0.5
    assert copy["bytes_per_second"] == probe_size().calls * 2 * probe_size().copied_bytes / 2.0


def test_pytorch_is_left_out_where_it_is_not_installed(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr(importlib, "import_module", missing)
    assert dict(torch_works(None, None, None, "float32")) == {}


@pytest.mark.parametrize(("on_gpu", "names"), [(False, ["without torch.compile"]), (True, None)])
def test_a_way_of_pytorch_that_fails_is_left_out_with_a_word(on_gpu, names, monkeypatch, caplog):
    def steps(model, image, mask, precision, mode):
        def make(count):
            if mode == "default":
                raise RuntimeError("no compiler\nand more")
            return count

        return make

    fake = SimpleNamespace(torch_steps=steps, torch=SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: on_gpu)))
    monkeypatch.setattr(importlib, "import_module", lambda name: fake)
    names = names or ["without torch.compile", "torch.compile, CUDA graphs"]
    with caplog.at_level(logging.WARNING):
        works = dict(torch_works(None, None, None, "float32"))
    assert list(works) == [f"{PYTORCH}, {name}" for name in names]
    assert works[f"{PYTORCH}, {names[0]}"](3) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "PyTorch U-Net, torch.compile does not work here: no compiler"
    ]


def test_a_record_names_the_versions():
    assert versions(training_speed.PACKAGES)["numpy"]
