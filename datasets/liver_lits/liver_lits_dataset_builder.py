"""LiTS 2017 (also as MSD Task03 Liver): NIfTI scans -> one TFDS split for each published fold."""

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Iterator

import tensorflow_datasets as tfds
from absl import logging

from lsn_tf.data import folds, volumes

from . import examples, ordered_pool, scan_files

_KEY_BITS = 128  # width of TFDS' sorting keys
_SLICE_BITS = 16  # of them for the slice

Examples = Iterator[tuple[int, examples.Example]]


@dataclasses.dataclass(kw_only=True)
class LiverLitsConfig(tfds.core.BuilderConfig):
    """What changes the bytes on disk.

    Attributes:
        size: Pixels along each side of a slice; None keeps whole scans on their own grid.
    """

    size: int | None = None


class Builder(tfds.core.GeneratorBasedBuilder):
    """One example a slice (`slices_256`, `slices_512`) or a scan (`volumes`), ordered by volume and slice."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Both sources hold the same scans under the same numbers, and want you to agree to their licence. Take either.
    * LiTS 2017, https://competitions.codalab.org/competitions/17094: unpack both training batches anywhere below
      manual_dir (volume-N.nii[.gz], segmentation-N.nii[.gz]).
    * MSD Task03, http://medicaldecathlon.com: unpack Task03_Liver.tar below manual_dir (imagesTr/, labelsTr/).
    A part of the scans will do: folds without scans get no split. Pass the folder as --manual_dir=FOLDER.
    """
    BUILDER_CONFIGS = [
        LiverLitsConfig(name="slices_256", size=256, description="Axial slices, averaged over areas to 256 x 256."),
        LiverLitsConfig(name="slices_512", size=512, description="Axial slices of 512 x 512, the scanners' own grid."),
        LiverLitsConfig(name="volumes", description="Whole scans on their own grid."),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        size = self.builder_config.size
        features = examples.slice_features(size) if size else examples.volume_features()
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            homepage="https://competitions.codalab.org/competitions/17094",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
        _warn_of_leftovers(pathlib.Path(self.data_path))
        splits: dict[str, list[scan_files.ScanFiles]] = {}
        slices = {}
        for scan in scan_files.find_scans(dl_manager.manual_dir):
            slices[scan.volume_id] = volumes.read_shape(scan.image, scan.label)[0]
            splits.setdefault(_split_of(scan.volume_id), []).append(scan)
        progress = tfds.core.utils.tqdm(total=sum(slices.values()), desc="Reading scans", unit=" slices")
        return {name: self._generate_examples(scans, slices, progress) for name, scans in splits.items()}

    def _generate_examples(self, scans: list[scan_files.ScanFiles], slices: dict[int, int], progress) -> Examples:
        size = self.builder_config.size
        read = functools.partial(examples.slice_examples, size=size) if size else examples.volume_examples
        with contextlib.ExitStack() as at_the_end:
            at_the_end.callback(progress.close)  # also before an error, whose message is then the last line
            for position, (scan, of_scan) in enumerate(zip(scans, ordered_pool.map_in_order(read, scans), strict=True)):
                for index, example in enumerate(of_scan):
                    yield _key(position, index, len(scans)), example
                progress.update(slices[scan.volume_id])
            if progress.n != progress.total:  # other splits follow
                at_the_end.pop_all()


def _split_of(volume_id: int) -> str:
    fold = folds.fold_of_volume(volume_id)
    return "extra" if fold is None else f"fold_{fold}"


def _key(position: int, index: int, num_scans: int) -> int:
    """Returns an ascending sorting key that spreads a split over all of TFDS' temporary files.

    TFDS files keys by their leading bits and sorts one file at a time in memory: with plain 0, 1, 2 … the whole split
    would be in the first.
    """
    step = (1 << _KEY_BITS) // (num_scans << _SLICE_BITS)
    return ((position << _SLICE_BITS) + index) * step


def _warn_of_leftovers(data_path: pathlib.Path) -> None:
    """Points to what a killed build has left: TFDS neither resumes nor removes it."""
    for folder in sorted(data_path.parent.glob("incomplete.*")):
        if folder != data_path:
            logging.warning(
                "%s is left from a build that was broken off (or one is running). This build starts anew; delete it.",
                folder,
            )
