"""A data set in one file, FILE.npz: labelled scans with folds and geometry, for machines without TensorFlow."""

import contextlib
import dataclasses
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

from lsn_tf.artifacts import replaced
from lsn_tf.data.resampling import resize_image, resize_label, resized_spacing
from lsn_tf.data.volumes import Scan

FORMAT = "lsn_tf arrays 1"
WRITE_COMMAND = "python -m lsn_tf.arrays --output=FILE.npz"


@dataclasses.dataclass(frozen=True)
class Arrays:
    """A file that `write_arrays` has written, as a source of scans.

    Attributes:
        name: the data set in it, as `--dataset` calls it.
        synthetic: whether no patient is in it.
        file: where it lies.
    """

    name: str
    synthetic: bool
    file: pathlib.Path

    @property
    def folds(self) -> tuple[int | str, ...]:
        """The folds of which it has scans, in order."""
        with np.load(self.file, allow_pickle=False) as members:
            return tuple(int(name) if name.isdigit() else name for name in np.unique(members["fold"]).tolist())

    def scans(self, fold: int | str) -> Iterator[Scan]:
        """Yields the scans that this fold holds out, ordered by number, one in memory at a time."""
        if fold not in self.folds:
            raise ValueError(f"fold must be one of those in {self.file}, {self.folds}. Received fold={fold}.")
        with np.load(self.file, allow_pickle=False) as members:
            table = {name: members[name] for name in ("volume_id", "fold", "spacing_mm", "spacing_guessed")}
            for row in np.flatnonzero(table["fold"] == str(fold)):
                volume_id, spacing_mm = int(table["volume_id"][row]), tuple(table["spacing_mm"][row].tolist())
                image, label = (members[_member(kind, volume_id)] for kind in ("image", "label"))
                affine = np.diag([*spacing_mm[::-1], 1.0])
                yield Scan(volume_id, image, label, spacing_mm, bool(table["spacing_guessed"][row]), affine)


def open_arrays(file: str | os.PathLike) -> Arrays:
    """Returns the source in a file, which is read once to be sure that it is whole.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or another kind of file.
    """
    file = pathlib.Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"expected a file with the arrays of a data set. There is none: {file}.")
    with _explained(file), zipfile.ZipFile(file) as archive:
        damaged = archive.testzip()
    if damaged:
        raise ValueError(f"{file}: expected a whole file. {damaged} in it is damaged. Copy the file again.")
    with _explained(file), np.load(file, allow_pickle=False) as members:
        if str(members["format"]) != FORMAT:
            raise ValueError(f"format {str(members['format'])!r}")
        return Arrays(str(members["dataset"]), bool(members["synthetic"]), file)


@contextlib.contextmanager
def _explained(file: pathlib.Path) -> Iterator[None]:
    """Says of whatever goes wrong in reading that the file is not what it should be."""
    try:
        yield
    except (ValueError, KeyError, EOFError, OSError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{file}: expected {FORMAT!r}, a whole file written by: {WRITE_COMMAND}. Received another: {error}"
        ) from error


def write_arrays(
    file: str | os.PathLike, dataset: str, synthetic: bool, scans: Iterable[tuple[int | str, Scan]]
) -> dict[str, int]:
    """Writes scans with their folds, compressed; one scan is in memory at a time.

    Args:
        file: the file to write; it is there when it is whole.
        dataset: name of the data set, as `--dataset` calls it.
        synthetic: whether no patient is in it.
        scans: (fold, scan), each with a label and a number of its own.

    Returns:
        The numbers of scans, slices and bytes written.
    """
    rows = {"volume_id": [], "fold": [], "slices": [], "spacing_mm": [], "spacing_guessed": []}
    file = pathlib.Path(file)
    with replaced(file) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for fold, scan in scans:
                _write(archive, _member("image", scan.volume_id), scan.image)
                _write(archive, _member("label", scan.volume_id), scan.label)
                values = (scan.volume_id, str(fold), len(scan.image), scan.spacing_mm, scan.spacing_guessed)
                for column, value in zip(rows.values(), values, strict=True):
                    column.append(value)
            said = {"format": FORMAT, "dataset": dataset, "synthetic": synthetic}
            for name, value in {**rows, **said}.items():
                _write(archive, name, np.asarray(value))
    return {"scans": len(rows["fold"]), "slices": sum(rows["slices"]), "bytes": file.stat().st_size}


def _member(kind: str, volume_id: int) -> str:
    return f"{kind}_{volume_id:03d}"


def _write(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def on_grid(scan: Scan, image_size: int) -> Scan:
    """Returns a scan with slices of image_size x image_size pixels: mean intensities, labels of the largest areas."""
    size = (image_size, image_size)
    spacing_mm = resized_spacing(scan.spacing_mm, scan.image.shape[1:], size)
    image, label = resize_image(scan.image, size), resize_label(scan.label, size)
    return dataclasses.replace(
        scan, image=image, label=label, spacing_mm=spacing_mm, affine=np.diag([*spacing_mm[::-1], 1.0])
    )
