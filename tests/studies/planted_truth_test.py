"""Hidden stencils are found from every format as they were before, a changed bit is noticed, and docs are true."""

import csv
import runpy

import numpy as np
import pytest
from source_tree import ROOT

from lsn_tf.analysis.templates import make_templates
from lsn_tf.studies import planted_truth
from lsn_tf.studies.saved_formats import FORMATS

TEMPLATES = make_templates()
PROVE = runpy.run_path(str(ROOT / "docs/planted_truth.py"))["prove"]


@pytest.fixture(scope="module")
def recovery():
    return planted_truth.recover(TEMPLATES, (0.0, 0.3), each=2, random=10_000)


def test_every_format_gives_the_same_bits_and_the_same_curves(recovery):
    assert recovery.bit_equal == recovery.same == dict.fromkeys(FORMATS, True)
    assert min(recovery.bytes.values()) > 2 * 9 * 4 * 10_000


def test_without_noise_all_are_found_by_name_among_ten_thousand_from_every_format(recovery):
    clean, noisy = recovery.detections
    assert recovery.random >= 10_000 and recovery.planted == 2 * len(TEMPLATES.names)
    assert clean.named.min() == clean.average_precision == 1 and clean.precision[clean.thresholds >= 0.995].min() == 1
    assert noisy.named.max() < 1


def test_a_kernel_that_comes_back_changed_is_noticed(monkeypatch):
    def save_one_changed(kernels, folder):
        name, kernel = next(iter(kernels.items()))
        np.savez(folder / "same.npz", **kernels)
        np.savez(folder / "bit.npz", **kernels | {name: np.nextafter(kernel, np.float32(9))})
        np.savez(folder / "sign.npz", **kernels | {name: np.where(kernel > 1, -kernel, kernel)})
        np.savez(folder / "name.npz", **{f"other_{name}": kernel for name, kernel in kernels.items()})
        return {form: folder / f"{form}.npz" for form in ("same", "bit", "sign", "name")}

    monkeypatch.setattr(planted_truth, "save_chain", save_one_changed)
    found = planted_truth.recover(TEMPLATES, (0.0, 0.2), each=1, random=100)
    assert found.bit_equal == {"same": True, "bit": False, "sign": False, "name": False}
    assert found.same["same"] and not found.same["sign"] and not found.same["name"]


def test_a_small_study_writes_its_files_and_finds_what_it_hid(tmp_path):
    sizes = {"each": 1, "random": 200, "rounds": 1, "layers": 3, "kernels": 20, "seed": 1}
    recoveries, false = PROVE(tmp_path, nulls=("permuted", "untrained"), **sizes)
    assert [recovery.shape for recovery in recoveries] == list(false) == [(3, 3), (3, 3, 3)]
    for recovery in recoveries:
        assert recovery.detections[0].named.min() == 1 and recovery.random >= 200
        assert recovery.bit_equal == recovery.same == dict.fromkeys(FORMATS, True)
        assert all(0 <= row.rate < 0.2 for row in false[recovery.shape])
    with (tmp_path / "planted_truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    clean = [row for row in rows if float(row["noise"]) == 0]
    assert {row["size"] for row in rows} == {"3x3", "3x3x3"} and {row["recall"] for row in clean} == {"1"}
    assert (tmp_path / "planted_truth.png").read_bytes().startswith(b"\x89PNG")
    assert "| permuted |" in (tmp_path / "planted_truth.md").read_text()


def test_in_the_written_study_all_are_found_without_noise_and_at_most_one_null_test_in_twenty_is_false():
    with (ROOT / "docs/planted_truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    clean = [row for row in rows if float(row["noise"]) == 0]
    assert {row["size"] for row in rows} == {"3x3", "3x3x3"} and {(r["recall"], r["named"]) for r in clean} == {
        ("1",) * 2
    }
    page = (ROOT / "docs/planted_truth.md").read_text()
    assert "python docs/planted_truth.py" in page and "**no**" not in page
    rates = [float(line.split("|")[4].split()[0]) for line in page.splitlines() if "| claims |" in line]
    assert len(rates) == 10 and max(rates) < 5
