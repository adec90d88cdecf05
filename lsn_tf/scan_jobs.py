"""Which scans `predict` segments, into which files, and which of them it has done before."""

import contextlib
import dataclasses
import glob
import logging
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lsn_tf.artifacts import read_json, sha256_of
from lsn_tf.data.nifti import VolumeError
from lsn_tf.data.results import SUFFIXES
from lsn_tf.data.scan_files import read_header

logger = logging.getLogger(__name__)
MASK, REPORT = "-mask.nii.gz", ".json"  # ends of names in a folder of results
EXTRAS = {  # what --save knows, and the end of its file's name
    "probability": "-probability.nii.gz",
    "phi": "-phi.nii.gz",
    "stl": ".stl",
    "ply": ".ply",
    "seg": "-seg.dcm",
}


@dataclasses.dataclass(frozen=True)
class Job:
    """A scan and the files that it is to become.

    Attributes:
        scan: NIfTI file or folder of a DICOM series.
        files: {"mask": file, "phi": file, ...}.
        report: file that says how they were made; None for none.
    """

    scan: pathlib.Path
    files: dict[str, pathlib.Path]
    report: pathlib.Path | None


def plan(inputs: Sequence[str], output: str, save: Sequence[str] = (), overwrite: bool = False) -> list[Job]:
    """Returns what is to be done; for the arguments see `lsn_tf.predict.Config`.

    Raises:
        ValueError: if there is no scan, the output ends in something that is not written, two scans would have results
            of one name, a result exists already, or there is a file in the place of a report that is none.
    """
    if unknown := set(save) - EXTRAS.keys():
        raise ValueError(f"--save must be among {', '.join(EXTRAS)}. Received {', '.join(sorted(unknown))}.")
    found = [scan for text in inputs for scan in scans_in(text)]
    results = [path for path in found if is_result(path)]
    scans = [path for path in found if path not in results]
    if not scans:
        received = f"{results[0].name}, which predict has written" if results else "none"
        raise ValueError(f"--input: expected at least one scan, a NIfTI file or a folder. Received {received}.")
    if results:
        logger.info(f"{len(results)} files that predict has written, such as {results[0]}, are no scans: passed over.")
    to_file = _is_file(output, len(scans))
    jobs = [_job(scan, pathlib.Path(output), save, to_file) for scan in scans]
    masks = [job.files["mask"] for job in jobs]
    if twice := {str(mask) for mask in masks if masks.count(mask) > 1}:
        raise ValueError(f"scans must have names of their own. Received several that would become {min(twice)}.")
    for job in jobs:
        _check_outputs(job, overwrite)
    return jobs


def scans_in(text: str) -> list[pathlib.Path]:
    """Returns the scans that a path or a pattern names: a file, a DICOM series, or the NIfTI files of a folder.

    Raises:
        ValueError: if there is nothing of that name.
    """
    path = pathlib.Path(text)
    with _readable(path):
        if path.exists():
            return (_nifti_files(path) if path.is_dir() else []) or [path]
    if found := sorted(glob.glob(text)):
        return [scan for one in found for scan in scans_in(one)]
    raise ValueError(f"{text}: expected a scan, a NIfTI file or a folder. Received no such file.")


def _nifti_files(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.iterdir() if is_nifti(path) and not is_result(path))


def is_nifti(path: str | os.PathLike) -> bool:
    """Says whether a file is called .nii or .nii.gz, in capitals or not."""
    return os.fspath(path).lower().endswith(SUFFIXES)


def is_result(path: pathlib.Path) -> bool:
    """Says whether `predict` has written a file: its report lies beside it, or the scan of which it has the name."""
    for ending in (MASK, REPORT, *EXTRAS.values()):
        if path.name.endswith(ending) and path.is_file():
            stem = path.with_name(path.name.removesuffix(ending))
            beside = [stem.with_name(stem.name + suffix) for suffix in ("", *SUFFIXES)] if ending[0] == "-" else []
            if read_report(stem.with_name(stem.name + REPORT)) or any(scan.exists() for scan in beside):
                return True
    return False


def read_report(path: pathlib.Path) -> dict[str, Any] | None:
    """Returns what `predict` has reported of a scan; None for a file that is no such report, or none at all."""
    try:
        report = read_json(path)
    except (OSError, ValueError, RecursionError):
        return None
    kinds = {"input": str, "files": dict, "settings": dict}
    return report if all(isinstance(report.get(name), kind) for name, kind in kinds.items()) else None


def files_of(scan: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files of a scan: itself, or those of a series, without results that lie among them."""
    return (
        sorted(path for path in scan.iterdir() if path.is_file() and not is_result(path)) if scan.is_dir() else [scan]
    )


def digest_of(scan: pathlib.Path) -> str:
    """Returns the sha256 of a scan's files, by which it is known again wherever it lies."""
    with _readable(scan):
        return sha256_of(*files_of(scan))


def check_header(scan: pathlib.Path) -> None:
    """Raises VolumeError if the headers alone show that a scan cannot be used."""
    with _readable(scan):
        for path in files_of(scan):
            path.open("rb").close()
    read_header(scan)


def done_before(job: Job, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the report of results that there are.

    Raises:
        ValueError: if they are not all there, or were made with other settings.
    """
    row = read_report(job.report)
    if not row or row["settings"] != settings or not all(job.files[name].is_file() for name in row["files"]):
        raise ValueError(
            f"{job.report}: expected results of the same scan, made in the same way. They differ; use --overwrite."
        )
    return {**row, "done_before": True}


def _is_file(output: str, scans: int) -> bool:
    """Says whether an output is the file of a mask; else it is a folder."""
    path = pathlib.Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        return False
    if is_nifti(path) and scans > 1:
        raise ValueError(f"--output must be a folder for {scans} scans. Received the file {output}.")
    if scans == 1 and not is_nifti(path) and re.fullmatch(r"\.[A-Za-z]\w*", path.suffix):
        raise ValueError(
            f"{output}: expected a mask's file, .nii or .nii.gz, or a folder, NAME or NAME/. Received a name that ends "
            f"in {path.suffix}. Write {_stem(path).with_suffix('').name}.nii.gz, and convert it."
        )
    if path.exists() and not is_nifti(path):
        raise ValueError(f"{output}: expected a folder. Received a file. Use another name.")
    return is_nifti(path)


def _job(scan: pathlib.Path, output: pathlib.Path, save: Sequence[str], to_file: bool) -> Job:
    stem = _stem(output) if to_file else output / _stem(scan).name
    mask = output if to_file else stem.with_name(stem.name + MASK)
    extras = {name: stem.with_name(stem.name + EXTRAS[name]) for name in save}
    return Job(scan, {"mask": mask, **extras}, None if to_file else stem.with_name(stem.name + REPORT))


def _stem(path: pathlib.Path) -> pathlib.Path:
    if path.is_dir():
        return path.absolute()  # of "." too
    return path.with_name(re.sub(r"(\.nii)?(\.gz)?$", "", path.name, flags=re.IGNORECASE))


def _check_outputs(job: Job, overwrite: bool) -> None:
    if job.report and job.report.exists() and not read_report(job.report):
        raise ValueError(
            f"{job.report}: expected no file, or a report of predict. Received another file, which is kept, even with "
            "--overwrite. Give another folder as --output."
        )
    for path in job.files.values():
        if path.exists() and path.samefile(job.scan):
            raise ValueError(f"{path}: expected an output that is not the input, which it would replace.")
        if path.exists() and not overwrite and not (job.report and job.report.exists()):
            raise ValueError(f"{path}: expected a new file. It exists; use another name, or --overwrite.")


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise VolumeError(
            f"{path}: expected a scan that can be read. Received {error.strerror or error}. Check its permissions and "
            "the disk that it lies on."
        ) from error
