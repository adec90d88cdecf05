"""The reader of kernels, the parts of their analysis and the whole of it, against what is there."""

import tempfile

from lsn_tf.benchmarks.timing import Row, cost_rows
from lsn_tf.models import build_model
from lsn_tf.studies.kernel_works import parts, readers, wholes
from lsn_tf.studies.process_costs import Work

WINDOW_HU = (-100.0, 400.0)
READ_MODEL = "unet_2019"  # exported, for the readers


def measure(kernels: int, repeats: int, **_) -> list[Row]:
    """Measures the reader of kernels, the parts of their analysis and the whole of it, against what is there."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        build_model(READ_MODEL, WINDOW_HU).export(folder, verbose=False)
        rows += cost_rows(f"reading a SavedModel, {READ_MODEL}", readers(folder), repeats)
    for part, works in parts(kernels).items():
        rows += cost_rows(f"{kernels:,} kernels: {part}", works, repeats)
    rows += cost_rows(f"{kernels:,} kernels, all of it", wholes(kernels), repeats)
    return rows + cost_rows(f"{kernels:,} kernels from a file, all tables and tests", _verbs(kernels), repeats)


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
