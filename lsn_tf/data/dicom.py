"""A folder of DICOM CT slices -> one volume, or one line that says why it is none."""

import collections
import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from nibabel.affines import from_matvec

from lsn_tf.data.nifti import VolumeError

if TYPE_CHECKING:
    import pydicom

GAP_TOLERANCE_MM = 0.1  # scanners round positions, 1.25 mm to 1.2 and 1.3
DRIFT_TOLERANCE_MM = 0.5  # sideways over the whole series, less than a pixel
THICKNESS_MM = 1.0  # of a single slice that says none
NOT_IMAGES = ("SEG", "SR", "RTSTRUCT", "RTPLAN", "RTDOSE", "PR", "KO", "REG", "DOC")  # what may lie beside a series
_TO_RAS = np.diag([-1.0, -1.0, 1.0])  # DICOM's axes grow to the left, back and head
_GEOMETRY = {
    "SeriesInstanceUID": "series",
    "Rows": "number of rows",
    "Columns": "number of columns",
    "ImageOrientationPatient": "orientation",
    "PixelSpacing": "pixel size",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """The slices of one CT series, in the order of their places.

    Attributes:
        folder: where they lie.
        paths: their files.
        datasets: what those hold, but for the pixels.
        affine: (4, 4), stored voxel (column, row, slice) -> mm to the right, front and head (RAS).
        warnings: what was taken for lack of better.
    """

    folder: str | os.PathLike
    paths: list[pathlib.Path]
    datasets: "list[pydicom.Dataset]"
    affine: np.ndarray
    warnings: list[str]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(columns, rows, slices)."""
        return int(self.datasets[0].Columns), int(self.datasets[0].Rows), len(self.datasets)

    def hounsfield(self) -> Iterator[np.ndarray]:
        """Yields the slices one by one, (rows, columns), HU.

        Raises:
            VolumeError: if pixels are missing, or compressed in a way that pydicom cannot read here.
        """
        import pydicom

        for path in self.paths:
            try:
                dataset = pydicom.dcmread(path)
                values = dataset.pixel_array
            except Exception as error:  # whatever its decoders raise
                raise VolumeError(
                    f"{path}: expected pixels that pydicom can read. Received {_one_line(error)}. Copy the file again; "
                    "for compressed pixels: pip install 'lsn_tf[predict]'."
                ) from error
            yield values * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)


def read_series(folder: str | os.PathLike) -> Series:
    """Reads the headers of a folder that holds one CT series and orders its slices.

    Files that are no DICOM are passed over, and so are structured reports, segmentations and the like.

    Raises:
        VolumeError: if it is not one whole series of CT in HU whose slices lie above one another at equal distances.
        ImportError: if pydicom is not installed: pip install 'lsn_tf[predict]'.
    """
    found = _read_headers(folder)
    _check_kind(folder, found)
    _check_uniform(folder, found)
    rows_axis, columns_axis = np.reshape(_numbers(found[0][1], "ImageOrientationPatient", 6), (2, 3))
    normal = np.cross(rows_axis, columns_axis)
    positions = np.array([_numbers(dataset, "ImagePositionPatient", 3) for _, dataset in found])
    order = np.argsort(positions @ normal, kind="stable")
    found, positions = [found[n] for n in order], positions[order]
    step = _step(folder, found, positions, normal)
    row_mm, column_mm = _numbers(found[0][1], "PixelSpacing", 2)  # between rows, between columns
    axes = np.column_stack([rows_axis * column_mm, columns_axis * row_mm, step])
    paths, datasets = map(list, zip(*found, strict=True))
    affine = from_matvec(_TO_RAS @ axes, _TO_RAS @ positions[0])
    return Series(folder, paths, datasets, affine, _warnings(folder, datasets))


def is_dicom(path: str | os.PathLike) -> bool:
    """Says whether a file is DICOM, by what it begins with, or by its name."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        if file.read(132).endswith(b"DICM"):
            return True
    return os.fspath(path).lower().endswith(".dcm")


def _read_headers(folder: str | os.PathLike) -> "list[tuple[pathlib.Path, pydicom.Dataset]]":
    try:
        import pydicom
    except ImportError as error:
        raise ImportError(f"reading DICOM needs pydicom: pip install 'lsn_tf[predict]' ({error})") from error
    found, empty = [], []
    for path in sorted(path for path in pathlib.Path(folder).iterdir() if path.is_file()):
        if not path.stat().st_size:
            empty.append(path.name)
            continue
        try:
            dataset = pydicom.dcmread(path, stop_before_pixels=True)
        except pydicom.errors.InvalidDicomError:
            continue
        except Exception as error:  # a damaged header can raise anything
            raise VolumeError(
                f"{path}: expected a DICOM file. Received {_one_line(error)}. Copy the series again."
            ) from error
        if not dataset.get("SpecificCharacterSet", True):
            del dataset.SpecificCharacterSet  # empty is the default, but highdicom refuses it
        if "Modality" in dataset and dataset.Modality not in NOT_IMAGES:
            found.append((path, dataset))
    if empty and found:
        raise VolumeError(f"{folder}: expected whole files. Received the empty {empty[0]}. Copy the series again.")
    if not found:
        raise VolumeError(
            f"{folder}: expected a DICOM series of CT. Received a folder without any DICOM image. Give the folder that "
            "holds its slices."
        )
    return found


def _check_kind(folder, found) -> None:
    for path, dataset in found:
        if dataset.Modality != "CT":
            raise VolumeError(
                f"{path}: expected CT. Received modality {dataset.Modality}. Give a folder with CT alone."
            )
        if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
            raise VolumeError(
                f"{path}: expected one slice a file. Received an enhanced object with {dataset.NumberOfFrames} frames. "
                "Convert it to NIfTI, with dcm2niix for one."
            )
        samples = int(dataset.get("SamplesPerPixel", 1))
        if samples != 1 or dataset.get("PhotometricInterpretation", "MONOCHROME2") != "MONOCHROME2":
            raise VolumeError(
                f"{path}: expected one intensity a pixel, MONOCHROME2. Received {samples} a pixel, "
                f"{dataset.get('PhotometricInterpretation')}. Export the original series, not screenshots."
            )
        unit = str(dataset.get("RescaleType", "HU") or "HU").strip().upper()
        if unit != "HU" or "RescaleSlope" not in dataset or "RescaleIntercept" not in dataset:
            received = f"the unit {unit}" if unit != "HU" else "no rescale slope and intercept"
            raise VolumeError(f"{path}: expected intensities in HU. Received {received}. Export the original series.")
        for name in _GEOMETRY:
            if name not in dataset:
                raise VolumeError(
                    f"{path}: expected a slice with {name}. Received none. Take localizers and reports out of {folder}."
                )


def _check_uniform(folder, found) -> None:
    for name, words in _GEOMETRY.items():
        counts = collections.Counter(_comparable(dataset[name].value) for _, dataset in found)
        if len(counts) > 1:
            shares = ", ".join(f"{count} slices of {value}" for value, count in counts.most_common(3))
            raise VolumeError(
                f"{folder}: expected one series, the same {words} in all slices. Received {shares}. Put each series "
                "in a folder of its own."
            )


def _comparable(value) -> str:
    if isinstance(value, str | int):
        return str(value)
    return str(np.round(np.asarray(value, np.float64), 4).tolist())


def _step(folder, found, positions: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Returns the way from one slice to the next, (3,), mm, in DICOM's axes; refuses slices that are not a stack."""
    first = found[0][1]
    if len(positions) == 1:
        return normal * (_thickness_mm(first) or THICKNESS_MM)
    heights = (positions - positions[0]) @ normal
    sideways = np.linalg.norm(positions - positions[0] - np.outer(heights, normal), axis=1)
    if sideways.max() > DRIFT_TOLERANCE_MM:
        last = int(sideways.argmax())
        tilt = float(np.degrees(np.arctan2(sideways[last], heights[last])))
        raise VolumeError(
            f"{folder}: expected slices straight above one another. Received slices that are shifted by up to "
            f"{sideways.max():.1f} mm, as with a gantry tilted by {tilt:.1f} degrees. Resample the series to a "
            "rectangular grid, with dcm2niix for one."
        )
    gaps = np.diff(heights)
    if gaps.min() < GAP_TOLERANCE_MM:
        n = int(gaps.argmin())
        raise VolumeError(
            f"{folder}: expected one slice at each place. Received two at {heights[n] + _start(positions, normal):.2f} "
            f"mm: {found[n][0].name} and {found[n + 1][0].name}. Put each phase in a folder of its own."
        )
    usual = float(np.median(gaps[gaps < 1.5 * gaps.min()]))
    wrong = np.flatnonzero(np.abs(gaps - usual) > GAP_TOLERANCE_MM)
    if wrong.size:
        n = int(wrong[0])
        times = round(float(gaps[n] / usual))
        whole = abs(gaps[n] - times * usual) <= GAP_TOLERANCE_MM
        what = f"{times - 1} missing" if whole else f"it is {usual:.2f} mm elsewhere"
        raise VolumeError(
            f"{folder}: expected slices at equal distances. Received a gap of {gaps[n]:.2f} mm between "
            f"{found[n][0].name} and {found[n + 1][0].name}: {what}. Fetch the whole series."
        )
    return normal * float(heights[-1] / (len(heights) - 1))


def _thickness_mm(dataset) -> float:
    """Returns how thick a slice is that has no neighbour; 0 if it does not say."""
    return abs(float(dataset.get("SpacingBetweenSlices") or dataset.get("SliceThickness") or 0))


def _warnings(folder, datasets) -> list[str]:
    if len(datasets) > 1 or _thickness_mm(datasets[0]):
        return []
    return [f"{folder}: one slice that says no thickness; {THICKNESS_MM:g} mm was taken, and volumes follow it."]


def _start(positions: np.ndarray, normal: np.ndarray) -> float:
    return float(positions[0] @ normal)


def _numbers(dataset, name: str, count: int) -> np.ndarray:
    try:
        values = np.array([float(value) for value in dataset[name].value])
    except (KeyError, TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (count,) or not np.isfinite(values).all():
        received = dataset.get(name)
        raise VolumeError(
            f"{dataset.filename}: expected {count} numbers as {name}. Received {received}. Export the series again."
        )
    return values


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
