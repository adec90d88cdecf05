"""Where labelled scans come from: a prepared `liver_lits`, or its synthetic twin. Both give folds of scans."""

import dataclasses
import itertools
import os
import pathlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import tensorflow_datasets as tfds

from lsn_tf.data import folds, phantoms
from lsn_tf.data.volumes import Scan

DATASET = "liver_lits"
DEFAULT_CONFIG = "slices_256"
BUILD_COMMAND = f"tfds build {DATASET} --manual_dir=FOLDER_WITH_LITS"


class Source(Protocol):
    """Labelled scans in the published folds.

    Attributes:
        name: what `--dataset` calls it.
        synthetic: whether no patient is in it.
    """

    name: str
    synthetic: bool

    def scans(self, fold: int) -> Iterator[Scan]:
        """Yields the scans that this fold holds out, ordered by number, one in memory at a time."""


@dataclasses.dataclass(frozen=True)
class Phantoms:
    """The synthetic twin, made from its seed wherever it is wanted."""

    name: str = "phantom"
    synthetic: bool = True

    def scans(self, fold: int) -> Iterator[Scan]:
        held_out = folds.held_out(fold)
        return phantoms.make_scans(number for number in phantoms.DEFAULT_VOLUME_IDS if number in held_out)


@dataclasses.dataclass(frozen=True)
class PreparedDataset:
    """A `liver_lits` that `tfds build` has prepared, read without the builder's code."""

    name: str
    folder: pathlib.Path
    synthetic: bool = False

    def scans(self, fold: int) -> Iterator[Scan]:
        builder = tfds.builder_from_directory(self.folder)
        split = f"fold_{fold}"
        if split not in builder.info.splits:
            raise ValueError(
                f"fold must be one of the data set's splits {sorted(builder.info.splits)} in {self.folder}. "
                f"Received fold={fold}. Prepare the missing volumes with: {BUILD_COMMAND}"
            )
        examples = tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False))
        for volume_id, of_scan in itertools.groupby(examples, key=lambda example: int(example["volume_id"])):
            yield _scan(volume_id, list(of_scan))


def _scan(volume_id: int, examples: list[dict]) -> Scan:
    """Joins the examples of one scan: its slices, or the whole scan in a single example."""
    image, label = (np.stack([example[name][..., 0] for example in examples]) for name in ("image", "label"))
    if image.ndim == 4:
        image, label = image[0], label[0]
    spacing_mm = tuple(float(size) for size in examples[0]["spacing_mm"])
    guessed = bool(examples[0]["spacing_guessed"])
    return Scan(volume_id, image, label, spacing_mm, guessed, np.diag([*spacing_mm[::-1], 1.0]))


def open_source(dataset: str, data_dir: str | os.PathLike | None = None) -> Source:
    """Returns the source that `--dataset` names.

    Args:
        dataset: "phantom", "liver_lits", "liver_lits/CONFIG", or "auto": the prepared liver_lits, if there is one,
            otherwise the phantom.
        data_dir: where TFDS keeps prepared data sets; TFDS' own default if None.

    Raises:
        ValueError: for another name.
        FileNotFoundError: if liver_lits is asked for and not prepared.
    """
    name, _, config = dataset.partition("/")
    if dataset == "phantom":
        return Phantoms()
    if name not in ("auto", DATASET) or (name == "auto" and config):
        raise ValueError(f"dataset must be auto, phantom or {DATASET}[/CONFIG]. Received {dataset!r}.")
    root = pathlib.Path(data_dir or os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR).expanduser()
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
