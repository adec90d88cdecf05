"""Segments CT scans with a trained network: a scan in, a mask out that lies voxel on voxel on it.

    python -m lsn_tf.predict ct.nii.gz --model=runs/lsn --output=liver.nii.gz
    python -m lsn_tf.predict --model=runs/lsn --input=series/ --output=liver.nii.gz --save=seg,stl,phi
    python -m lsn_tf.predict scans/*.nii.gz --output=masks/ --largest_component --fill_holes

For research, not for clinical use. A scan is a NIfTI file or a folder with the slices of one DICOM series; there may be
many, patterns or folders of NIfTI files. --model is lsn (the default) or unet, weights that come with the package, or a
model of your own. The mask has the axes, the affine and the size of the scan;
any size in the plane will do. --save adds, beside the mask:

    probability  NIfTI, of each voxel to be inside
    phi          NIfTI, mm in the slice's plane, negative inside
    stl, ply     the surface phi = 0, found between voxels, in mm to the right, front and head; an empty mask has
                 none, and then there is a warning in the place of this file
    seg          DICOM-SEG for a DICOM series

With one scan --output may be the mask's file, .nii or .nii.gz, and beside liver.nii.gz there are liver-phi.nii.gz,
liver.stl and so on. Otherwise it is a folder, NAME or NAME/: NAME-mask.nii.gz, NAME-phi.nii.gz ... for each scan, and
NAME.json, which says how they were made. It may be the folder of the scans: results are no scans. A command that is
given again goes on where it stopped: scans that are done in the same way are passed over. Model and scan are known
again by the sha256 of their files, wherever they lie; what was made otherwise needs --overwrite. A NAME.json that is no
report of this command is never replaced.

--opening_mm=R leaves out what is too thin for a ball of that radius, such as the bridge to a bowel that was taken for
liver; with slices further apart than R it cuts in their plane alone. --largest_component keeps the largest component
in space, connected through faces. --fill_holes fills what is enclosed on all sides, at the end, and before an opening
too, which else would open holes behind thin walls. phi, probability and surface follow them: phi has another sign
where the mask has changed, and so jumps where an opening has cut.

Exit code 0: all scans are done. 1: failed while working, as for want of space, or some scans of several could not be
used (the others are done). 2: bad input or usage. Nothing is ever half-written. --json prints a report in any case: its
"status" is "done" or "failed", and "failures" has the input and the reason of each scan that could not be used.
"""

import contextlib
import dataclasses
import json
import logging
import pathlib
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags
from tqdm import tqdm

from lsn_tf import common_flags
from lsn_tf.artifacts import replaced
from lsn_tf.common_flags import InputError
from lsn_tf.data.components import fill_holes, keep_largest_component
from lsn_tf.data.dicom_seg import write_dicom_seg
from lsn_tf.data.opening import open_by_ball
from lsn_tf.data.results import write_voxels
from lsn_tf.data.scan_files import ScanFile, check_intensities, open_scan
from lsn_tf.data.surfaces import front_surface, write_surface
from lsn_tf.numerics.level_sets import inside
from lsn_tf.scan_jobs import EXTRAS, Job, check_header, digest_of, done_before, plan

if TYPE_CHECKING:
    from lsn_tf.segmenters import Segmenter

logger = logging.getLogger(__name__)
SURFACES = {"stl", "ply"}
MAX_OPENING_MM = 50


@dataclasses.dataclass(frozen=True)
class Config:
    """What to segment, and how.

    Attributes:
        input: NIfTI files, folders of DICOM series, folders of NIfTI files, or patterns of these.
        output: file of the mask, or folder.
        model: see `open_segmenter`.
        save: what else is written, of `EXTRAS`.
        opening_mm: radius of the ball that the mask is opened by first, up to `MAX_OPENING_MM`; 0 for no opening.
        largest_component, fill_holes: what is done to the mask, in this order.
        check_intensities: whether what does not look like CT in HU is refused.
        batch_size: slices at a time.
        overwrite: whether files that exist are replaced.
        quiet: whether no progress is shown.
    """

    input: tuple[str, ...]
    output: str
    model: str | None = None
    save: tuple[str, ...] = ()
    opening_mm: float = 0.0
    largest_component: bool = False
    fill_holes: bool = False
    check_intensities: bool = True
    batch_size: int = 8
    overwrite: bool = False
    quiet: bool = False

    def __post_init__(self):
        if not 0 <= self.opening_mm <= MAX_OPENING_MM:
            raise ValueError(
                f"opening_mm must be a radius from 0, for no opening, to {MAX_OPENING_MM} mm. "
                f"Received {self.opening_mm}."
            )


def predict(config: Config) -> dict[str, Any]:
    """Segments all scans and writes what is asked for. Returns a row for each scan.

    The headers of a single scan are checked before the model is loaded, which takes seconds.

    Raises:
        ValueError: for bad input; with several scans those that are bad are among the "failures".
        RuntimeError: if results cannot be written.
    """
    jobs = plan(config.input, config.output, config.save, config.overwrite)
    rows, failures, several = [], [], len(jobs) > 1
    if not several:
        _check_header(jobs[0])
    from lsn_tf.segmenters import open_segmenter  # TensorFlow takes seconds to import

    segmenter = open_segmenter(config.model)
    for number, job in enumerate(jobs, 1):
        try:
            settings = _settings(config, segmenter, job)
            if job.report and job.report.is_file() and not config.overwrite:
                rows.append(done_before(job, settings))
                continue
            label = f"{number}/{len(jobs)} {job.scan.name}"
            rows.append(predict_scan(segmenter, config, job, settings, label))
        except OSError as error:
            raise RuntimeError(_cannot_write(job, error)) from error
        except ValueError as error:
            if not several:
                raise InputError(str(error), [_failure(job, error)]) from error
            failures.append(_failure(job, error))
            logger.error(str(error))
    status = "failed" if failures else "done"
    found = {"model": segmenter.name, "weights": segmenter.origin, "scans": rows, "failures": failures}
    return {"status": status, **found}


def _check_header(job: Job) -> None:
    try:
        check_header(job.scan)
    except ValueError as error:
        raise InputError(str(error), [_failure(job, error)]) from error


def _failure(job: Job, error: ValueError) -> dict[str, str]:
    return {"input": str(job.scan), "reason": str(error)}


def predict_scan(
    segmenter: "Segmenter", config: Config, job: Job, settings: Mapping[str, Any], label: str = ""
) -> dict[str, Any]:
    """Segments one scan and writes its files, all of them or none. Returns what came out.

    Args:
        segmenter: the model.
        config: see `Config`.
        job: the scan and its files.
        settings: what the report is to say of how they were made.
        label: of the progress bar.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    folder = _existing(job.files["mask"].parent)
    with contextlib.ExitStack() as stack:
        scan = stack.enter_context(open_scan(job.scan, folder))
        _check_scan(scan, config)
        scratch = stack.enter_context(tempfile.TemporaryFile(dir=folder)) if set(config.save) - {"seg"} else None
        mask = _segment(segmenter, scan, config, scratch, label)
        changes = _changed(mask, config, scan.grid.spacing_mm)
        kept = {name: path for name, path in job.files.items() if mask.any() or name not in SURFACES}
        files = {**({"report": job.report} if job.report else {}), **kept}
        written = {name: stack.enter_context(replaced(path)) for name, path in files.items()}  # the report comes last
        surface = _write(scan, mask, _mapped(scratch, mask, any(changes.values())), written, segmenter)
        row = {
            "input": str(job.scan),
            "output": str(job.files["mask"]),
            "files": {name: str(path) for name, path in kept.items()},
            "volume_ml": round(int(mask.sum()) * scan.grid.voxel_mm3 / 1000, 3),
            **surface,
            "voxels": int(mask.sum()),
            **changes,
            "shape": list(scan.shape),
            "spacing_mm": [round(size, 5) for size in scan.grid.spacing_mm],
            "warnings": _warnings(scan, mask, kept.keys() == job.files.keys()),
            "seconds": round(time.perf_counter() - started, 2),
            "cpu_seconds": round(time.process_time() - cpu_started, 2),
            "weights": segmenter.origin,
            "settings": dict(settings),
        }
        if job.report:
            written["report"].write_text(json.dumps(row, indent=2) + "\n")
    for name in job.files.keys() - kept.keys():
        job.files[name].unlink(missing_ok=True)  # it is not the surface of this mask
    for warning in row["warnings"]:
        logger.warning(warning)
    return row


def _existing(folder: pathlib.Path) -> pathlib.Path:
    """Returns the folder, or the one that it will be made in: of a scan that is refused no folder is left."""
    return folder if folder.exists() or folder.is_symlink() else _existing(folder.parent)


def _segment(segmenter: "Segmenter", scan: ScanFile, config: Config, scratch, label: str) -> np.ndarray:
    """Returns the mask, (slices, height, width) bool; phi, float32, goes into the scratch file if there is one."""
    mask, size = np.empty(scan.shape, bool), config.batch_size
    with tqdm(total=len(mask), desc=label, unit="slice", disable=config.quiet or None) as progress:
        for start in range(0, len(mask), size):
            image = scan.slices(slice(start, start + size))
            phi = segmenter.phi_of_part(image, scan.grid.spacing_mm[1:], size)
            mask[start : start + size] = inside(phi)
            if scratch:
                scratch.write(np.ascontiguousarray(phi, np.float32).tobytes())
            progress.update(len(image))
    return mask


def _changed(mask: np.ndarray, config: Config, spacing_mm: Sequence[float]) -> dict[str, int]:
    """Changes the mask as the user wants it and returns how many voxels that were."""
    fill = [("filled_voxels", fill_holes)] * config.fill_holes
    steps: list[tuple[str, Callable[[np.ndarray], int]]] = []
    if config.opening_mm:
        opening = partial(open_by_ball, spacing_mm=spacing_mm, radius_mm=config.opening_mm)
        steps += [*fill, ("cut_voxels", opening)]
    if config.largest_component:
        steps += [("removed_voxels", keep_largest_component)]
    changed: dict[str, int] = {}
    for name, step in [*steps, *fill]:
        changed[name] = changed.get(name, 0) + step(mask)
    return changed


def _mapped(scratch, mask: np.ndarray, changed: bool) -> np.ndarray | None:
    """Returns phi as it lies on the disk; where the mask was changed it is mirrored to the other side of the front."""
    if scratch is None:
        return None
    scratch.flush()
    phi = np.memmap(scratch, np.float32, "r+", shape=mask.shape)
    if changed:
        for plane, wanted in zip(phi, mask, strict=True):
            np.multiply(plane, -1, out=plane, where=inside(plane) != wanted)
    return phi


def _write(scan: ScanFile, mask: np.ndarray, phi, written: Mapping[str, pathlib.Path], segmenter) -> dict[str, Any]:
    """Writes all files of a scan; returns the volume within the surface if there is one."""
    found = {}
    write_voxels(mask, scan.reference, scan.grid, written["mask"])
    if "seg" in written:
        frames = scan.grid.as_stored(mask).transpose(2, 1, 0)  # slices, rows, columns of the series
        write_dicom_seg(frames, scan.series, written["seg"], segmenter.target, segmenter.name)
    if "phi" in written:
        write_voxels(phi, scan.reference, scan.grid, written["phi"])
    if written.keys() & SURFACES:
        surface = front_surface(phi, scan.grid.affine)
        found["surface_ml"] = round(float(surface.volume) / 1000, 3)
        for name in written.keys() & SURFACES:
            write_surface(surface, written[name], EXTRAS[name])
    if "probability" in written:  # the last one: it takes the place of phi
        from lsn_tf.layers.occupancy import occupancy_of  # imports Keras

        for plane in phi:
            plane[:] = occupancy_of(plane)
        write_voxels(phi, scan.reference, scan.grid, written["probability"])
    return found


def _check_scan(scan: ScanFile, config: Config) -> None:
    if "seg" in config.save and scan.series is None:
        raise ValueError(f"{scan.path}: expected a DICOM series for --save=seg. Received a NIfTI file.")
    if config.check_intensities:
        check_intensities(scan)


def _settings(config: Config, segmenter: "Segmenter", job: Job) -> dict[str, Any]:
    """Returns all that decides on the results of a scan, to know them again."""
    digests = {"weights_sha256": segmenter.sha256, "scan_sha256": digest_of(job.scan)}
    options = {name: getattr(config, name) for name in ("opening_mm", "largest_component", "fill_holes")}
    return {"model": segmenter.name, **digests, "save": sorted(config.save), **options}


def _cannot_write(job: Job, error: OSError) -> str:
    return (
        f"{job.files['mask'].parent}: expected a folder to write into, with space for the uncompressed scan. Received "
        f"{error.strerror or error}. Nothing of {job.scan.name} was written."
    )


def _warnings(scan: ScanFile, mask: np.ndarray, complete: bool) -> list[str]:
    warnings = list(scan.series.warnings) if scan.series else []
    if not mask.any():
        warnings.append(f"{scan.path}: nothing was found" + ("." if complete else ", so there is no surface."))
    if scan.grid.guessed:
        warnings.append(f"{scan.path} knows no pixel size; one that is typical of CT was taken.")
    return warnings


def print_results(results: Mapping[str, Any]) -> None:
    """Prints a line for each scan."""
    for row in results["scans"]:
        took = "done before" if row.get("done_before") else f"took {row['seconds']:.1f} s"
        print(f"{row['output']}: {row['volume_ml']:.1f} ml in {row['shape'][0]} slices; {took}")
    for failure in results["failures"]:
        print(f"failed: {failure['reason']}")


def main() -> dict[str, Any]:
    """Reads the flags and segments."""
    values = flags.FLAGS
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what stops jobs of a cluster ends as Ctrl-C does
    names = ("model", "opening_mm", "largest_component", "fill_holes")
    names += ("check_intensities", "batch_size", "overwrite", "quiet")
    if not values.output:
        raise ValueError("--output must be a file or a folder. Received none.")
    inputs, save = tuple(values.input or ()), tuple(dict.fromkeys(values.save))
    return predict(Config(inputs, values.output, save=save, **{name: values[name].value for name in names}))


def define_flags() -> None:
    """Defines the flags of this command."""
    what = "NIfTI file, folder of a DICOM series, folder of NIfTI files; repeatable, also without --input=."
    flags.DEFINE_multi_string("input", None, what)
    flags.DEFINE_string("output", None, "Mask to write, .nii or .nii.gz, or a folder.")
    flags.DEFINE_string(
        "model", None, "Folder of a run or of a SavedModel, .onnx file, or lsn or unet of the package (default: lsn)."
    )
    flags.DEFINE_list("save", [], f"What else to write: {', '.join(EXTRAS)}.")
    flags.DEFINE_float("opening_mm", 0.0, "Leave out first what is too thin for a ball of this radius, mm.")
    flags.DEFINE_bool("largest_component", False, "Keep the largest component alone.")
    flags.DEFINE_bool("fill_holes", False, "Fill what is enclosed on all sides.")
    flags.DEFINE_bool("check_intensities", True, "Refuse what does not look like CT in HU.")
    flags.DEFINE_integer("batch_size", 8, "Slices at a time.", lower_bound=1)
    flags.DEFINE_bool("overwrite", False, "Replace files that exist.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results, positional="input")
