"""The tables of the kernel analysis as CSV: one row a kernel, written by bounded parts of a layer, one row a layer."""

import contextlib
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np
import pyarrow
from pyarrow import csv as csv_of_arrow

from lsn_tf.analysis.diversity import orthogonality, variance_entropy
from lsn_tf.analysis.identification import describe, highest_order, operator_names
from lsn_tf.analysis.kernel_arrays import chunks
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.templates import Templates

DIGITS = 6  # of a number in a table; float32 has seven
ROWS = 1 << 17  # of the table of kernels, in memory at once
MOST_FILTERS = 4096  # of which the orthogonality is computed: it takes the cosines of all pairs

Columns = dict[str, np.ndarray]


def kernel_columns(layer: Layer, templates: Templates, labels: Mapping[str, np.ndarray]) -> Columns:
    """Returns the columns of the kernel table for one layer: indices have become names, "" where there is none.

    Args:
        layer: with n kernels of the templates' size.
        templates: the named kernels.
        labels: by the name of its column, the cluster of each kernel, -1 for none.
    """
    columns = describe(layer.kernels, templates)
    columns["operator"] = _looked_up(operator_names(templates.shape), columns["operator"])
    similar = columns["similarity"] > 0
    columns["nearest"] = _looked_up((*templates.names, ""), np.where(similar, columns["nearest"], -1))
    for name, clusters in labels.items():
        numbers = range(int(clusters.max(initial=-1)) + 1)
        columns[name] = _looked_up((*map(str, numbers), ""), clusters)
    first = {"layer": np.full(layer.count, layer.name, object), "input": layer.inputs, "output": layer.outputs}
    return first | {"dead": ~layer.alive} | columns


def columns_at(
    rows: slice | np.ndarray, layer: Layer, templates: Templates, labels: Mapping[str, np.ndarray]
) -> Columns:
    """Returns the columns of some of a layer's kernels, by place; see `kernel_columns`."""
    return kernel_columns(layer.only(rows), templates, {name: clusters[rows] for name, clusters in labels.items()})


def write_kernels(
    write: Callable[[Columns], None], layer: Layer, templates: Templates, labels: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Writes the rows of a layer's kernels; returns the means of its columns over those that are not dead, if any.

    Args:
        write: writes columns, at most `ROWS` rows at a time, see `csv_table`.
        layer, templates, labels: see `kernel_columns`.
    """
    sums = dict.fromkeys(_averaged(layer.kernels.shape[1:]), 0.0)
    for rows in chunks(layer.count, ROWS):
        columns = columns_at(rows, layer, templates, labels)
        write(columns)
        for name in sums:
            sums[name] += float(columns[name][layer.alive[rows]].sum(dtype=np.float64))
    living = layer.count - layer.dead
    return {name: total / living for name, total in sums.items()} if living else {}


def layer_row(layer: Layer, means: Mapping[str, float]) -> dict[str, Any]:
    """Returns the row of a layer: what it is, means over its kernels that are not dead, the measures of CNN Filter DB.

    A layer of another size has no kernels, and so no means.
    """
    channels, last = layer.shape[-2:]
    apart = layer.kind in ("depthwise", "separable")
    return {
        "depth": layer.depth,
        "layer": layer.name,
        "kind": layer.kind,
        "stage": layer.stage,
        "size": layer.side,
        "inputs": channels * (1 if apart else layer.groups),
        "outputs": last * (channels if apart else 1),
        "kernels": channels * last,
        "dead": layer.dead if layer.count else "",
        **{f"mean_{name}": means.get(name, "") for name in _averaged(layer.kernels.shape[1:])},
        "sparsity": layer.dead / layer.count if layer.count else "",
        "variance_entropy": variance_entropy(layer.living) if layer.alive.sum() > 1 else "",
        "orthogonality": _orthogonality(layer) if layer.count else "",
    }


@contextlib.contextmanager
def csv_table(file: IO[str]) -> Iterator[Callable[[Columns], None]]:
    """Gives a function that writes columns as rows of CSV, the header once, before the first."""
    header = iter([True])
    yield lambda columns: write_columns(file, columns, next(header, False))


def write_columns(file: IO[str], columns: Columns, header: bool) -> None:
    """Writes columns of equal length as rows of CSV, numbers with `DIGITS` digits."""
    if header:
        file.write(",".join(columns) + "\n")
    lines = io.BytesIO()
    csv_of_arrow.write_csv(as_arrow(columns), lines, csv_of_arrow.WriteOptions(include_header=False))
    file.write(lines.getvalue().decode())


def as_arrow(columns: Columns) -> pyarrow.Table:
    """Returns columns as a table of Arrow: no value in the place of "", 0 and 1 in that of truth."""
    arrays = {}
    for name, column in columns.items():
        if column.dtype.kind == "O":
            arrays[name] = pyarrow.array(column, pyarrow.string(), mask=column == "")
        elif column.dtype.kind == "f":
            arrays[name] = pyarrow.array(rounded(column))
        else:
            arrays[name] = pyarrow.array(column.astype(np.int32))
    return pyarrow.table(arrays)


def rounded(values: np.ndarray) -> np.ndarray:
    """Returns float32 values with `DIGITS` significant digits, which their shortest decimals then show."""
    with np.errstate(divide="ignore"):
        exponents = np.floor(np.log10(np.abs(values, dtype=np.float64)))
    exponents = np.maximum(exponents, -45)  # the least of float32; of 0 it is minus infinity
    scale = 10.0 ** (DIGITS - 1 - exponents)
    return (np.rint(values * scale) / scale).astype(np.float32)


def write_rows(file: IO[str], rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Writes rows as CSV, with a header also where there is no row; numbers with `DIGITS` digits."""
    writer = csv.DictWriter(file, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _short(value) for name, value in row.items()} for row in rows)


def write_matrix(file: IO[str], names: Sequence[str], values: np.ndarray) -> None:
    """Writes a square table as CSV: a row and a column for each layer, (l, l)."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["layer", *names])
    writer.writerows([name, *map(_short, row)] for name, row in zip(names, values, strict=True))


def _looked_up(names: Sequence[str], index: np.ndarray) -> np.ndarray:
    return np.array(names, object)[index]


def _averaged(shape: tuple[int, ...]) -> tuple[str, ...]:
    orders = range(1, highest_order(shape) + 1)
    return ("norm", "dc_energy", *(f"fd_share_{order}" for order in orders), "similarity")


def _orthogonality(layer: Layer) -> float | str:
    """Returns the orthogonality of a layer's filters; "" for fewer than two and for more than `MOST_FILTERS`."""
    filters = int(layer.outputs.max()) + 1
    if not 2 <= filters <= MOST_FILTERS:
        return ""
    order = np.argsort(layer.outputs, kind="stable")
    return orthogonality(layer.kernels[order].reshape(filters, -1))


def _short(value: Any) -> Any:
    return f"{value:.{DIGITS}g}" if isinstance(value, float | np.floating) else value
