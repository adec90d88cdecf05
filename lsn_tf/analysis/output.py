"""The files of an analysis: which there are, and how they take their places, all at once."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO

from lsn_tf.analysis.tables import csv_table
from lsn_tf.artifacts import replaced

KERNELS = {"csv": "kernels.csv", "parquet": "kernels.parquet"}  # by --table
TABLES = ("layers.csv", "clusters.csv", "claims.csv", "mean_shares.csv", "divergence.csv")
COMPARISON = "compare.csv"
PUBLISHED = "published_rule.csv"  # of kernels of 3 x 3
PROJECTOR = tuple(
    f"projector/{name}" for name in ("vectors.tsv", "metadata.tsv", "sprite.png", "projector_config.pbtxt")
)
SUMMARY = "summary.json"


@contextlib.contextmanager
def all_replaced(
    folder: pathlib.Path, names: Sequence[str]
) -> Iterator[tuple[dict[str, IO], Callable[[str, bytes], object]]]:
    """Gives the open files, by name, and a function that adds another, by its name and content.

    All take their places together on success, the first of the names last. Those that an earlier analysis has written,
    and this one has not, are removed.
    """
    earlier = (folder / SUMMARY).is_file()
    with contextlib.ExitStack() as replacing:

        def place(name: str) -> pathlib.Path:
            return replacing.enter_context(replaced(folder / name))

        paths = {name: place(name) for name in names}
        with contextlib.ExitStack() as writing:  # all are closed, so complete, before the first is replaced
            files = {name: writing.enter_context(_opened(path)) for name, path in paths.items()}
            yield files, lambda name, content: place(name).write_bytes(content)
    for name in {*KERNELS.values(), PUBLISHED, COMPARISON, *PROJECTOR} - set(names) if earlier else ():
        (folder / name).unlink(missing_ok=True)


def _opened(path: pathlib.Path) -> IO:
    text = path.suffix in (".csv", ".json")
    return path.open("w", newline="", encoding="utf-8") if text else path.open("wb")


def kernel_table(form: str, files: Mapping[str, IO]) -> contextlib.AbstractContextManager[Callable]:
    """Gives the function that writes the columns of a layer into the table of kernels, in a form of `KERNELS`."""
    if form == "csv":
        return csv_table(files[KERNELS["csv"]])
    from lsn_tf.analysis.parquet import parquet_table  # few take it, and it loads a library

    return parquet_table(files[KERNELS["parquet"]])
