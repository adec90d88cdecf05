"""The tables of the kernel analysis: one row a kernel, one row a layer, written a layer at a time as CSV."""

import contextlib
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np

from lsn_tf.analysis.diversity import orthogonality, variance_entropy
from lsn_tf.analysis.identification import describe, highest_order, operator_names
from lsn_tf.analysis.kernel_arrays import chunks
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.templates import Templates

DIGITS = 6  # of a number in a table; float32 has seven
ROWS = 1 << 16  # formatted at once
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


def layer_row(layer: Layer, columns: Columns) -> dict[str, Any]:
    """Returns the row of a layer: what it is, means over its kernels that are not dead, the measures of CNN Filter DB.

    A layer of another size has no columns, and so no means.
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
        "dead": layer.dead if columns else "",
        **{f"mean_{name}": _mean(columns, name, layer.alive) for name in _averaged(layer.kernels.shape[1:])},
        "sparsity": layer.dead / layer.count if columns else "",
        "variance_entropy": variance_entropy(layer.living) if layer.alive.sum() > 1 else "",
        "orthogonality": _orthogonality(layer) if columns else "",
    }


@contextlib.contextmanager
def csv_table(file: IO[str]) -> Iterator[Callable[[Columns], None]]:
    """Gives a function that writes the columns of a layer as rows of CSV, the header once, before the first."""
    header = iter([True])
    yield lambda columns: write_columns(file, columns, next(header, False))


def write_columns(file: IO[str], columns: Columns, header: bool) -> None:
    """Writes columns of equal length as rows of CSV, numbers with `DIGITS` digits."""
    if header:
        file.write(",".join(columns) + "\n")
    kinds = {"O": "%s", "f": f"%.{DIGITS}g"}
    row = ",".join(kinds.get(column.dtype.kind, "%d") for column in columns.values()) + "\n"
    columns = {name: _quoted(column) if column.dtype.kind == "O" else column for name, column in columns.items()}
    for chunk in chunks(len(next(iter(columns.values()))), ROWS):
        parts = [column[chunk].tolist() for column in columns.values()]
        file.writelines(map(row.__mod__, zip(*parts, strict=True)))


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


def _quoted(column: np.ndarray) -> np.ndarray:
    """Returns texts as cells of CSV; they are few different ones."""
    cells = {text: _cell(text) for text in set(column.tolist())}
    return np.array([cells[text] for text in column.tolist()], object)


def _cell(text: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([text, ""])
    return line.getvalue()[:-1]  # without the comma: a lone "" would be quoted


def _averaged(shape: tuple[int, ...]) -> tuple[str, ...]:
    orders = range(1, highest_order(shape) + 1)
    return ("norm", "dc_energy", *(f"fd_share_{order}" for order in orders), "similarity")


def _mean(columns: Columns, name: str, alive: np.ndarray) -> float | str:
    return float(columns[name][alive].mean(dtype=np.float64)) if columns and alive.any() else ""


def _orthogonality(layer: Layer) -> float | str:
    """Returns the orthogonality of a layer's filters; "" for fewer than two and for more than `MOST_FILTERS`."""
    filters = int(layer.outputs.max()) + 1
    if not 2 <= filters <= MOST_FILTERS:
        return ""
    order = np.argsort(layer.outputs, kind="stable")
    return orthogonality(layer.kernels[order].reshape(filters, -1))


def _short(value: Any) -> Any:
    return f"{value:.{DIGITS}g}" if isinstance(value, float | np.floating) else value
