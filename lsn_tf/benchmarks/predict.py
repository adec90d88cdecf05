"""The command that segments volumes, from start to exit, on the synthetic twin: time and memory."""

import itertools
import pathlib
import sys
import tempfile
from collections.abc import Sequence

import nibabel
import numpy as np

from lsn_tf.benchmarks.timing import Row, cost_rows, size
from lsn_tf.data.phantoms import make_scan

PACKAGED = ("lsn", "unet")
VOLUME = 0
DRAWN_SLICES = 20  # of the twin's, which are repeated


def measure(matrix: int, slices: Sequence[int], repeats: int, **_) -> list[Row]:
    """Measures the command that segments volumes of so many slices, for each of the packaged networks."""
    idle = "from lsn_tf.segmenters import open_segmenter; open_segmenter({!r})"
    works = {model: [sys.executable, "-c", idle.format(model)] for model in PACKAGED}
    at_rest = cost_rows("TensorFlow and the network, no scan", works, repeats)
    rows = [*at_rest]
    for count in slices:
        with tempfile.TemporaryDirectory() as folder:
            scan = _write_tall_scan(pathlib.Path(folder, "ct.nii.gz"), matrix, count)
            command = [sys.executable, "-m", "lsn_tf.predict", scan, f"--output={folder}/mask.nii.gz", "--overwrite"]
            works = {model: [*command, f"--model={model}", "--quiet"] for model in PACKAGED}
            group = f"{size((matrix, matrix, count))}, {pathlib.Path(scan).stat().st_size / 1e6:.0f} MB of NIfTI"
            rows += cost_rows(group, works, repeats)
    beyond = [row["mib"] - idle["mib"] for row, idle in zip(rows, itertools.cycle(at_rest), strict=False)]
    return [row | {"beyond_mib": mib} for row, mib in zip(rows, beyond, strict=True)]


def _write_tall_scan(path: pathlib.Path, matrix: int, slices: int) -> str:
    """Writes slices of the synthetic twin, up and down again until there are enough; returns the path."""
    scan = make_scan(VOLUME, size=matrix, slices=DRAWN_SLICES)
    order = np.pad(np.arange(DRAWN_SLICES), (0, slices), mode="symmetric")[:slices]
    nibabel.save(nibabel.Nifti1Image(scan.image[order].transpose(2, 1, 0), scan.affine), path)
    return str(path)
