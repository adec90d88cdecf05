"""Writes a data set to one file, for machines without TensorFlow.

    python -m lsn_tf.arrays --dataset=liver_lits --output=liver_lits.npz

There the file takes the place of the data set:

    KERAS_BACKEND=jax python -m lsn_tf.train --arrays=liver_lits.npz

All folds are in it: intensities in HU, labels and pixel sizes, compressed, on the scans' own grids or, with
--image_size, on a smaller one. It holds images of patients where the data set does.
"""

import itertools
from collections.abc import Mapping
from typing import Any

from absl import flags

from lsn_tf import common_flags
from lsn_tf.data.arrays import on_grid, write_arrays
from lsn_tf.data.sources import Source, open_source


def write(source: Source, output: str, image_size: int | None = None) -> dict[str, Any]:
    """Writes all folds of a source. Returns the file and what is in it.

    Args:
        source: where the scans come from.
        output: the file, FILE.npz.
        image_size: side of the slices in it, pixels; None for those of the scans. It becomes part of the name.

    Raises:
        ValueError: if output has another ending or image_size is not positive.
    """
    if not output.endswith(".npz"):
        raise ValueError(f"output must end with .npz. Received {output!r}.")
    if image_size is not None and image_size < 1:
        raise ValueError(f"image_size must be positive. Received {image_size}.")
    scans = itertools.chain.from_iterable(((fold, scan) for scan in source.scans(fold)) for fold in source.folds)
    name = source.name
    if image_size is not None:
        name, scans = f"{name}@{image_size}", ((fold, on_grid(scan, image_size)) for fold, scan in scans)
    return {"output": output, "dataset": name, **write_arrays(output, name, source.synthetic, scans)}


def print_results(results: Mapping[str, Any]) -> None:
    """Prints what was written."""
    print(
        f"{results['output']}: {results['dataset']}, {results['scans']} scans, {results['slices']} slices, "
        f"{results['bytes'] / 2**20:.1f} MiB"
    )


def main() -> dict[str, Any]:
    """Reads the flags and writes."""
    values = flags.FLAGS
    return write(open_source(values.dataset, values.data_dir), values.output, values.image_size)


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_dataset_flags(default="auto")
    flags.DEFINE_string("output", None, "The file to write, FILE.npz.", required=True)
    flags.DEFINE_integer("image_size", None, "Side of the slices in it, pixels (default: their own).")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
