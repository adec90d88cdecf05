"""Parquet holds what the CSV holds: the same columns and rows, numbers with all digits, nothing where there is none."""

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lsn_tf.analysis import parquet, tables
from lsn_tf.analysis.network import read_network
from lsn_tf.analysis.templates import make_templates

TEMPLATES = make_templates()


@pytest.fixture
def layers(tmp_path, rng):
    """Columns of three layers, one with dead kernels and a name that CSV has to quote, one small."""
    shapes = {"first": (3, 3, 1, 4), 'a "quoted", name': (3, 3, 20, 30), "last": (3, 3, 7, 11)}
    kernels = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    kernels["last"][..., :3, 0] = 0
    np.savez(tmp_path / "model.npz", **kernels)
    network = read_network(tmp_path / "model.npz", 3)
    labels = [{"cluster": np.where(layer.alive, rng.integers(12, size=layer.count), -1)} for layer in network]
    return [tables.kernel_columns(layer, TEMPLATES, label) for layer, label in zip(network, labels, strict=True)]


def written(open_table, file, layers):
    with open_table(file) as write:
        for columns in layers:
            write(columns)
    return file


def test_both_forms_have_equal_columns_and_rows(layers):
    table = pq.read_table(written(parquet.parquet_table, io.BytesIO(), layers))
    rows = list(csv.DictReader(io.StringIO(written(tables.csv_table, io.StringIO(), layers).getvalue())))
    assert table.column_names == list(rows[0]) and table.num_rows == len(rows) == 4 + 600 + 77
    for name in table.column_names:
        for value, cell in zip(table[name].to_pylist(), (row[name] for row in rows), strict=True):
            if isinstance(value, float):
                assert float(cell) == pytest.approx(value, rel=10.0 ** (1 - tables.DIGITS), abs=1e-30)
            else:
                assert cell == ("" if value is None else str(int(value) if isinstance(value, bool) else value))


def test_numbers_keep_their_types_and_all_their_digits(layers):
    table = pq.read_table(written(parquet.parquet_table, io.BytesIO(), layers))
    types = {name: table.schema.field(name).type for name in table.column_names}
    assert (types["norm"], types["input"], types["dead"]) == (pa.float32(), pa.int32(), pa.bool_())
    assert types["cluster"] == pa.int16() and pa.types.is_dictionary(types["layer"])
    for name in ("norm", "dc_energy", "fd_share_3", "m11", "similarity"):
        np.testing.assert_array_equal(table[name].to_numpy(), np.concatenate([columns[name] for columns in layers]))


def test_dead_kernels_have_no_name_and_no_cluster(layers):
    table = pq.read_table(written(parquet.parquet_table, io.BytesIO(), layers))
    dead = table["dead"].to_numpy()
    assert dead.sum() == 3
    for name in ("nearest", "cluster"):
        np.testing.assert_array_equal(table[name].combine_chunks().is_null().to_numpy(zero_copy_only=False), dead)


def test_no_row_group_is_larger_than_what_is_formatted_at_once(layers, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS", 256)
    file = pq.ParquetFile(written(parquet.parquet_table, io.BytesIO(), layers))
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert groups == [4, 256, 256, 88, 77]
    assert file.read_row_group(2)["layer"].to_pylist() == ['a "quoted", name'] * 256
