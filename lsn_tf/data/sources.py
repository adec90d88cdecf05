"""Where labelled scans come from: a prepared `liver_lits`, a file of arrays, the synthetic twin. All give folds."""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from lsn_tf.data import folds, phantoms
from lsn_tf.data.arrays import open_arrays
from lsn_tf.data.volumes import Scan

DATASET = "liver_lits"
DEFAULT_CONFIG = "slices_256"
DEFAULT_DATA_DIR = "~/tensorflow_datasets"  # TFDS' own
VOLUMES_CONFIG = "volumes"
EXTRA = "extra"  # the split of the volumes that no published fold covers
Fold = int | str
BUILD_COMMAND = f"tfds build {DATASET} --manual_dir=FOLDER_WITH_LITS"


class Source(Protocol):
    """Labelled scans in the published folds.

    Attributes:
        name: what `--dataset` calls it.
        synthetic: whether no patient is in it.
        folds: those that it has scans of: 0 to 4 and, for what the published folds do not cover, "extra".
    """

    name: str
    synthetic: bool
    folds: tuple[Fold, ...]

    def scans(self, fold: Fold) -> Iterator[Scan]:
        """Yields the scans that this fold holds out, ordered by number, one in memory at a time."""


@dataclasses.dataclass(frozen=True)
class Phantoms:
    """The synthetic twin, made from its seed wherever it is wanted."""

    name: str = "phantom"
    synthetic: bool = True
    folds: tuple[Fold, ...] = tuple(range(folds.NUM_FOLDS))

    def scans(self, fold: Fold) -> Iterator[Scan]:
        held_out = folds.held_out(fold)
        return phantoms.make_scans(number for number in phantoms.DEFAULT_VOLUME_IDS if number in held_out)


@dataclasses.dataclass(frozen=True)
class PreparedDataset:
    """A `liver_lits` that `tfds build` has prepared, read without the builder's code."""

    name: str
    folder: pathlib.Path
    synthetic: bool = False

    @property
    def folds(self) -> tuple[Fold, ...]:
        splits = _tensorflow_datasets().builder_from_directory(self.folder).info.splits
        return tuple(fold for fold in (*range(folds.NUM_FOLDS), EXTRA) if _split_of(fold) in splits)

    def scans(self, fold: Fold) -> Iterator[Scan]:
        tfds = _tensorflow_datasets()
        builder = tfds.builder_from_directory(self.folder)
        split = _split_of(fold)
        if split not in builder.info.splits:
            raise ValueError(
                f"fold must be one of the data set's splits {sorted(builder.info.splits)} in {self.folder}. "
                f"Received fold={fold}. Prepare the missing volumes with: {BUILD_COMMAND}"
            )
        examples = tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))
        for volume_id, of_scan in itertools.groupby(examples, key=lambda example: int(example["volume_id"])):
            yield _scan(volume_id, list(of_scan))


def _tensorflow_datasets():
    """Returns the module, which needs TensorFlow and is imported where a prepared data set is read only."""
    try:
        import tensorflow_datasets
    except ImportError as error:
        raise ImportError(
            f"expected TensorFlow and tensorflow-datasets, to read a prepared data set. Received: {error}. "
            "Write it to a file where they are, with python -m lsn_tf.arrays, and say --arrays=FILE.npz here."
        ) from error
    return tensorflow_datasets


def _split_of(fold: Fold) -> str:
    return EXTRA if fold == EXTRA else f"fold_{fold}"


def _scan(volume_id: int, examples: list[dict]) -> Scan:
    """Joins the examples of one scan: its slices, or the whole scan in a single example."""
    image, label = (np.stack([example[name][..., 0] for example in examples]) for name in ("image", "label"))
    if image.ndim == 4:
        image, label = image[0], label[0]
    spacing_mm = tuple(float(size) for size in examples[0]["spacing_mm"])
    guessed = bool(examples[0]["spacing_guessed"])
    return Scan(volume_id, image, label, spacing_mm, guessed, np.diag([*spacing_mm[::-1], 1.0]))


def is_contiguous(dataset: str) -> bool:
    """Returns whether the slices of a data set's scans are known to follow one another, at the scans' dz.

    A set of slices may hold a selection of each scan's, with gaps that nobody has noted: distances across them mean
    nothing.

    Args:
        dataset: the name of a source.
    """
    name, _, _ = dataset.partition("@")  # "@128": resized to 128 x 128, see `lsn_tf.arrays`
    return name in ("phantom", f"{DATASET}/{VOLUMES_CONFIG}")


def open_source(
    dataset: str, data_dir: str | os.PathLike | None = None, arrays: str | os.PathLike | None = None
) -> Source:
    """Returns the source that `--dataset` names, or the one in the file that `--arrays` names.

    Args:
        dataset: "phantom", "liver_lits", "liver_lits/CONFIG", or "auto": the prepared liver_lits, if there is one,
            otherwise the phantom. With arrays: "auto", or the name of the data set that must be in the file.
        data_dir: where TFDS keeps prepared data sets; TFDS' own default if None.
        arrays: a file written by `python -m lsn_tf.arrays`; then nothing else is read.

    Raises:
        ValueError: for another name, or a file that is damaged or of another kind.
        FileNotFoundError: if liver_lits is asked for and not prepared, or the file is not there.
    """
    if arrays is not None:
        source = open_arrays(arrays)
        if dataset not in ("auto", source.name, source.name.partition("/")[0]):
            raise ValueError(f"dataset must be auto or {source.name}, which is in {arrays}. Received {dataset!r}.")
        return source
    name, _, config = dataset.partition("/")
    if dataset == "phantom":
        return Phantoms()
    if name not in ("auto", DATASET) or (name == "auto" and config):
        raise ValueError(f"dataset must be auto, phantom or {DATASET}[/CONFIG]. Received {dataset!r}.")
    root = pathlib.Path(data_dir or os.environ.get("TFDS_DATA_DIR") or DEFAULT_DATA_DIR).expanduser()
    prepared = _newest_version(root / DATASET / (config or DEFAULT_CONFIG))
    if prepared is not None:
        return PreparedDataset(f"{DATASET}/{config or DEFAULT_CONFIG}", prepared)
    if name == "auto":
        return Phantoms()
    raise FileNotFoundError(
        f"expected a prepared data set in {root / DATASET / (config or DEFAULT_CONFIG)}. There is none. "
        f"Prepare it with: {BUILD_COMMAND} --data_dir={root}"
    )


def _newest_version(folder: pathlib.Path) -> pathlib.Path | None:
    versions = [path.parent for path in folder.glob("*/dataset_info.json") if path.parent.name[0].isdigit()]
    return max(versions, key=lambda path: tuple(map(int, path.name.split("."))), default=None)
