"""The table of kernels shows the digits that it promises, and is the same however it is cut into parts."""

import csv
import io

import numpy as np
import pytest

from lsn_tf.analysis import tables
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.nulls import gaussian
from lsn_tf.analysis.templates import make_templates


def texts(columns):
    file = io.StringIO()
    tables.write_columns(file, columns, header=True)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_numbers_have_six_digits_whatever_their_size(rng):
    values = np.float32(10.0) ** rng.uniform(-37, 38, 5000).astype(np.float32) * rng.choice([-1, 1], 5000)
    edges = [0, 1, 0.1, 999_999.4, 999_999.6, 9.999996, 1e-38, 3.4e38]
    values = np.concatenate([values, edges]).astype(np.float32)
    found = [float(row["x"]) for row in texts({"x": values})]
    assert found == [float(f"{value:.6g}") for value in values.tolist()]
    shown = [row["x"].lstrip("-").split("e")[0].replace(".", "").strip("0") for row in texts({"x": values})]
    assert max(map(len, shown)) == 6


def test_names_come_back_and_missing_ones_are_empty():
    names = ["plain", 'with, "both"', "", "straße"]
    columns = {"name": np.array(names, object), "flag": np.array([True, False, True, False]), "n": np.arange(4)}
    rows = texts(columns)
    assert [row["name"] for row in rows] == names
    assert [row["flag"] for row in rows] == list("1010") and [row["n"] for row in rows] == list("0123")


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_the_table_and_the_means_do_not_depend_on_the_parts(rows, rng, monkeypatch):
    kernels, alive = gaussian(30, 3, rng), rng.random(30) < 0.8
    channels = np.arange(30, dtype=np.int32)
    layer = Layer("conv", 0, "full", "", 1, (3, 3, 1, 30), kernels, channels * 0, channels, alive)
    templates, labels = make_templates(), {"cluster": np.where(alive, channels % 3, -1).astype(np.int16)}
    whole = io.StringIO()
    tables.write_columns(whole, tables.kernel_columns(layer, templates, labels), header=True)
    monkeypatch.setattr(tables, "ROWS", rows)
    parts = io.StringIO()
    with tables.csv_table(parts) as write:
        means = tables.write_kernels(write, layer, templates, labels)
    ours, expected = (list(csv.DictReader(io.StringIO(file.getvalue()))) for file in (parts, whole))
    assert ours[0].keys() == expected[0].keys() and len(ours) == 30
    for name in expected[0]:
        column, other = ([row[name] for row in found] for found in (ours, expected))
        try:
            assert np.array(column, float) == pytest.approx(np.array(other, float), rel=1e-4, abs=1e-6)
        except ValueError:
            assert column == other
    norms = np.linalg.norm(kernels[alive].reshape(-1, 9), axis=1)
    assert means["norm"] == pytest.approx(norms.mean(), rel=1e-5)
    assert tables.layer_row(layer, means)["mean_norm"] == means["norm"]
