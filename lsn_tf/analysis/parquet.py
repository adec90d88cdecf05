"""The table of kernels as Parquet: the columns of the CSV with their types and all digits."""

import contextlib
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lsn_tf.analysis.kernel_arrays import chunks
from lsn_tf.analysis.partition import PARTITIONED
from lsn_tf.analysis.tables import ROWS, Columns


@contextlib.contextmanager
def parquet_table(file: IO[bytes]) -> Iterator[Callable[[Columns], None]]:
    """Gives a function that writes the columns of a layer, at least one row group for each, at most `ROWS` rows in one.

    Texts are dictionaries, numbers keep their types, clusters are int16; what is empty in the CSV is null.
    """
    with contextlib.ExitStack() as closing:
        writers: list[pq.ParquetWriter] = []

        def write(columns: Columns) -> None:
            for chunk in chunks(len(next(iter(columns.values()))), ROWS):
                table = pa.table({name: _array(name, column[chunk]) for name, column in columns.items()})
                if not writers:
                    writers.append(closing.enter_context(pq.ParquetWriter(file, table.schema, compression="zstd")))
                writers[0].write_table(table)

        yield write


def _array(name: str, column: np.ndarray) -> pa.Array:
    if column.dtype.kind != "O":
        return pa.array(column)
    texts = pa.array(column, pa.string(), mask=column == "")
    return texts.cast(pa.int16()) if name in PARTITIONED else texts.dictionary_encode()
