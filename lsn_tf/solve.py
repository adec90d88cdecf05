"""Segments a CT scan from seed points with the level set equation, without learning.

    python -m lsn_tf.solve --input=ct.nii.gz --seed_mm=-60,20,140 --output=mask.nii.gz

The front starts as a ball around each seed point and expands with --propagation mm/s where the image looks like its
inside, as smooth as --curvature demands, until it rests or --seconds are over. The mask lies voxel on voxel on the
input, with its geometry. A seed point is given in mm as viewers of NIfTI show it (x to the right, y to the front, z to
the head) or as a voxel of the file. Instead of it, or besides it, circles, boxes and a mask will do; with none of these
a place is taken that looks like a liver with contrast agent, in a scan of the upper abdomen; look whether it is one.

A scan of several slices is solved in space; with --dimension=2 the slices that are marked are solved one by one.

    python -m lsn_tf.solve --calibrate --dataset=liver_lits --results_dir=results/lits_mini/lse

finds the parameters on labelled scans instead, each fold by the others, with the centre of the largest circle inscribed
in the label as the only seed point of each slice; use them with --parameters=results/lits_mini/lse/parameters.json.
"""

import dataclasses
import logging
import pathlib
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags
from nibabel.affines import apply_affine

from lsn_tf import common_flags
from lsn_tf.artifacts import read_json, write_csv
from lsn_tf.data.grids import grid_of
from lsn_tf.data.nifti import open_nifti
from lsn_tf.data.points import canonical_index, canonical_index_of_voxel
from lsn_tf.data.results import SUFFIXES, write_like
from lsn_tf.data.volumes import Scan, read_mask, read_scan
from lsn_tf.numerics.level_sets import inside
from lsn_tf.solver.animation import check_installed, write_animation
from lsn_tf.solver.batches import Batch, make_batch
from lsn_tf.solver.calibration import CalibrationConfig, calibrate
from lsn_tf.solver.initial_contours import InitialContours, automatic_contours
from lsn_tf.solver.seeded_contour import Parameters, arrival_times, contours_at, segment_from
from lsn_tf.solver.solving import Solution
from lsn_tf.solver.stopping import COLLAPSED, LEAKED, STEPS, Stopping
from lsn_tf.solver.trajectory import Progress, Trajectory

logger = logging.getLogger(__name__)
WINDOW_HU = (-100.0, 250.0)  # of the film
FOUND = (
    "look whether the front has started in the liver: a start is only guessed in scans of the upper abdomen with "
    "contrast agent, elsewhere give --seed_mm."
)
NEVER = -1.0  # arrival time, s, where the front never arrives
WARNINGS = {
    LEAKED: "the front has leaked: it ran into the frame of the picture. Raise --curvature or lower --seconds.",
    STEPS: "the front was stopped by --max_steps before it came to rest.",
    COLLAPSED: "the front has vanished in a slice. Lower --curvature or give another seed point.",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """What to segment, from where, and what to write.

    Attributes:
        input: NIfTI file of a CT scan.
        output: NIfTI file of the mask.
        seed_mm: points (x, y, z), mm to the right, front and head.
        seed_voxel: points (i, j, k), voxels of the file.
        circle_mm: (x, y, z, radius), mm; a ball in space.
        box_mm: (x, y, z) and (x, y, z) of two opposite corners, mm; its sides follow the scan's axes.
        initial: NIfTI file of a mask to start from.
        marching_seconds: for so long, out of T, the front goes by fast marching before the equation takes over, s.
        dimension: 2, 3, or 0 for 3 where there are several slices.
        parameters: of the equation.
        stopping: when to stop.
        phi: NIfTI file for the level set function, mm; None for none.
        arrival_time: NIfTI file for the arrival times of fast marching from the start, s, -1 for never; None for none.
        trajectory: folder for phi(t), its table and its film; None for none.
        film: "gif" or "mp4".
        overwrite: whether files that exist may be replaced.
    """

    input: str
    output: str
    seed_mm: tuple[tuple[float, ...], ...] = ()
    seed_voxel: tuple[tuple[float, ...], ...] = ()
    circle_mm: tuple[tuple[float, ...], ...] = ()
    box_mm: tuple[tuple[float, ...], ...] = ()
    initial: str | None = None
    marching_seconds: float = 0.0
    dimension: int = 0
    parameters: Parameters = Parameters()
    stopping: Stopping = Stopping(max_steps=100_000)
    phi: str | None = None
    arrival_time: str | None = None
    trajectory: str | None = None
    film: str = "gif"
    overwrite: bool = False


def solve_scan(config: Config) -> dict[str, Any]:
    """Segments one scan and writes what is asked for. Returns what came out.

    Raises:
        ValueError: for input that cannot be used, an output that exists, or a point outside of the scan.
        RuntimeError: if nothing is left inside.
    """
    _check_outputs(config)
    if config.trajectory:
        check_installed()
    if not config.marching_seconds < config.parameters.seconds:
        raise ValueError(
            f"marching_seconds must be below seconds, of which they are a part. Received {config.marching_seconds} of "
            f"{config.parameters.seconds} s."
        )
    started = time.perf_counter()
    scan = read_scan(config.input)
    plane = config.dimension == 2 or (config.dimension == 0 and len(scan.image) == 1)
    given = user_contours(config, scan)
    contours = given or automatic_contours(scan.image, scan.spacing_mm, plane)
    batch = make_batch(scan, contours, plane, config.parameters.seed_radius)
    start, times = batch.phi, None
    if config.arrival_time or config.marching_seconds:
        times = arrival_times(batch.image, batch.spacing_mm, batch.phi, config.parameters)
    if config.marching_seconds:
        start = contours_at(times, config.marching_seconds, batch.spacing_mm)
    trajectory = _trajectory(config, scan, start)
    stopping = dataclasses.replace(config.stopping, seconds=config.parameters.seconds - config.marching_seconds)
    progress = Progress(stopping.seconds, trajectory)
    solution = segment_from(batch.image, batch.spacing_mm, start, config.parameters, stopping, progress)
    if trajectory:
        trajectory.end(solution)
    phi = batch.in_scan(solution.phi)
    mask = inside(phi)
    if not mask.any():
        raise RuntimeError(
            "the front has collapsed: nothing is left inside, so nothing was written. Give another seed point, raise "
            f"--width (now {config.parameters.width} HU) or lower --curvature (now {config.parameters.curvature})."
        )
    write_like(mask, config.input, config.output)
    if config.phi:
        write_like(phi.astype(np.float32), config.input, config.phi)
    if config.arrival_time:
        times = batch.in_scan(np.where(np.isfinite(times), times, NEVER), elsewhere=NEVER)
        write_like(times.astype(np.float32), config.input, config.arrival_time)
    if trajectory:
        _write_trajectory(config, scan, batch, trajectory)
    results = _results(config, scan, contours, solution, mask, time.perf_counter() - started)
    if not given:
        results["warnings"].append(f"{FOUND} Received no start; taken was {results['seeds_mm']} mm.")
    for warning in results["warnings"]:
        logger.warning(warning)
    return results


def user_contours(config: Config, scan: Scan) -> InitialContours:
    """Returns what the user has marked, on the scan's canonical grid; see `InitialContours`."""
    if scan.spacing_guessed and (config.seed_mm or config.circle_mm or config.box_mm):
        raise ValueError(
            f"{config.input} knows no geometry, so a point in mm has no place in it. Give --seed_voxel=i,j,k instead."
        )
    spacing, shape = np.asarray(scan.spacing_mm), scan.image.shape

    def place(world_mm):
        return canonical_index(world_mm, scan.affine, shape) * spacing

    seeds = [place(point) for point in config.seed_mm]
    if config.seed_voxel:
        grid = grid_of(open_nifti(config.input), config.input)
        seeds += [canonical_index_of_voxel(voxel, grid) * spacing for voxel in config.seed_voxel]
    boxes = [np.sort([place(box[:3]), place(box[3:])], axis=0) for box in config.box_mm]
    return InitialContours(
        seeds=seeds,
        balls=[(place(ball[:3]), ball[3]) for ball in config.circle_mm],
        boxes=[(lower, upper) for lower, upper in boxes],
        mask=read_mask(config.initial, config.input) if config.initial else None,
    )


def _trajectory(config: Config, scan: Scan, phi: np.ndarray) -> Trajectory | None:
    if not config.trajectory:
        return None
    trajectory = Trajectory(config.parameters.seconds - config.marching_seconds, float(np.prod(scan.spacing_mm)))
    trajectory.start(phi)
    return trajectory


def _write_trajectory(config: Config, scan: Scan, batch: Batch, trajectory: Trajectory) -> None:
    """Writes phi-NNN.nii.gz of each state kept, trajectory.csv and the film, of slices that with the largest region."""
    folder = pathlib.Path(config.trajectory)
    phis = np.stack([batch.in_scan(kept) for kept in trajectory.phis])
    for old in folder.glob("phi-*.nii.gz"):
        old.unlink()  # of an earlier, longer trajectory
    for n, phi in enumerate(phis):
        write_like(phi.astype(np.float32), config.input, folder / f"phi-{n:03}.nii.gz")
    write_csv(folder / "trajectory.csv", trajectory.rows)
    image = scan.image
    if batch.image.ndim == 4:
        largest = int(inside(phis[-1]).sum(axis=(1, 2)).argmax())
        image, phis = image[largest], phis[:, largest]
    spacing = scan.spacing_mm[-image.ndim :]
    times, steps = ([row[name] for row in trajectory.rows] for name in ("seconds", "steps"))
    write_animation(
        folder / f"evolution.{config.film}", image, phis.astype(np.float32), spacing, times, WINDOW_HU, steps
    )


def _results(config, scan, contours, solution: Solution, mask, seconds) -> dict[str, Any]:
    counts = {reason: solution.reasons.count(reason) for reason in dict.fromkeys(solution.reasons)}
    warnings = [WARNINGS[reason] for reason in counts if reason in WARNINGS]
    if scan.spacing_guessed:
        warnings.append(f"{config.input} knows no pixel size; one that is typical of CT was taken.")
    return {
        "output": config.output,
        "millilitres": round(float(mask.sum() * np.prod(scan.spacing_mm) / 1000), 3),
        "stopped": counts,
        "steps": int(solution.steps.max()),
        "equation_seconds": round(float(solution.seconds.max()) + config.marching_seconds, 3),
        "last_motion_rms_mm": round(float(solution.motion.rms_mm.max()), 4),
        "last_motion_max_mm": round(float(solution.motion.max_mm.max()), 4),
        "check_every": config.stopping.check_every,
        "warnings": warnings,
        "seeds_mm": [_in_patient(seed, scan) for seed in contours.seeds],
        "dimension": 2 if solution.phi.ndim == 4 else 3,
        "spacing_mm": [round(h, 4) for h in scan.spacing_mm],
        "parameters": dataclasses.asdict(config.parameters),
        "seconds": round(seconds, 2),
    }


def _in_patient(position_mm: Sequence[float], scan: Scan) -> list[float]:
    """Returns x, y, z, mm to the right, front and head, of a position along (z, y, x) from the first pixel."""
    index = np.asarray(position_mm) / scan.spacing_mm
    return [round(float(x), 2) for x in apply_affine(scan.affine, index[::-1])]


def _check_outputs(config: Config) -> None:
    paths = {name: getattr(config, name) for name in ("output", "phi", "arrival_time") if getattr(config, name)}
    if len({pathlib.Path(path).absolute() for path in paths.values()}) < len(paths):
        raise ValueError(f"{', '.join(f'--{name}' for name in paths)} must be different files. Received {paths}.")
    for name, path in paths.items():
        if not path.endswith(SUFFIXES):
            raise ValueError(f"--{name} must end in .nii or .nii.gz. Received {path}.")
        if pathlib.Path(path).exists():
            if pathlib.Path(path).samefile(config.input):
                raise ValueError(f"--{name} must not be the input, which it would replace. Received {path}.")
            if not config.overwrite:
                raise ValueError(f"--{name} must be a new file. {path} exists; use another name, or --overwrite.")
    folder = config.trajectory and pathlib.Path(config.trajectory)
    if folder and folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not config.overwrite):
            raise ValueError(f"--trajectory must be a new or empty folder. {config.trajectory} is not; or --overwrite.")


def print_results(results: Mapping[str, Any]) -> None:
    """Prints what came out."""
    if "dice_per_scan_mean" in results:
        for fold, score in results["dice_per_scan_by_fold"].items():
            print(f"fold {fold}: Dice per scan {score:.4f}")
        print(f"mean over {results['scans']} scans: {results['dice_per_scan_mean']:.4f}; see {results['results_dir']}")
        return
    stopped = ", ".join(f"{reason}" + (f" ({n})" if n > 1 else "") for reason, n in results["stopped"].items())
    print(
        f"{results['output']}: {results['millilitres']:.1f} ml; {stopped} after {results['steps']} steps, "
        f"t = {results['equation_seconds']:.1f} s, at last by {results['last_motion_rms_mm']:.2f} mm (RMS) in "
        f"{results['check_every']} steps; took {results['seconds']:.1f} s"
    )


def _numbers(flag: str, texts: Sequence[str], count: int) -> tuple[tuple[float, ...], ...]:
    points = []
    for text in texts or ():
        try:
            point = tuple(float(number) for number in text.split(","))
        except ValueError:
            point = ()
        if len(point) != count or not np.isfinite(point).all():
            raise ValueError(f"--{flag} must be {count} numbers with commas between. Received {text!r}.")
        points.append(point)
    return tuple(points)


def _parameters() -> Parameters:
    """Returns the defaults, replaced by --parameters, replaced by the flags that were given."""
    values, known = flags.FLAGS, {field.name for field in dataclasses.fields(Parameters)}
    given = _read_parameters(values.parameters, known) if values.parameters else {}
    given |= {name: values[name].value for name in known if values[name].present}
    return Parameters(**given)


def _read_parameters(path: str, known: set[str]) -> dict[str, float]:
    try:
        given = read_json(pathlib.Path(path))
        wrong = given.keys() - known or [value for value in given.values() if type(value) not in (int, float)]
    except (ValueError, AttributeError):  # no JSON, no object
        given, wrong = "something else", True
    if wrong:
        raise ValueError(f"{path} must be a JSON object with numbers for some of {sorted(known)}. Received {given}.")
    return given


def main() -> dict[str, Any]:
    """Reads the flags and solves or calibrates."""
    values = flags.FLAGS
    if values.calibrate:
        config = CalibrationConfig(
            dataset=values.dataset,
            data_dir=values.data_dir,
            results_dir=values.results_dir,
            candidates=values.candidates,
            image_size=values.image_size,
            seed=values.seed,
            command=shlex.join(["python", "-m", "lsn_tf.solve", *sys.argv[1:]]),
        )
        return calibrate(config)
    if not values.input or not values.output:
        raise ValueError("--input and --output must be given, a CT scan and where its mask is written. See --help.")
    config = Config(
        input=values.input,
        output=values.output,
        seed_mm=_numbers("seed_mm", values.seed_mm, 3),
        seed_voxel=_numbers("seed_voxel", values.seed_voxel, 3),
        circle_mm=_numbers("circle_mm", values.circle_mm, 4),
        box_mm=_numbers("box_mm", values.box_mm, 6),
        initial=values.initial,
        dimension={"auto": 0, "2": 2, "3": 3}[values.dimension],
        parameters=_parameters(),
        stopping=Stopping(
            max_steps=values.max_steps,
            rms_mm=values.steady_mm,
            max_mm=10 * values.steady_mm,
            check_every=values.check_every,
        ),
        phi=values.phi,
        marching_seconds=values.marching_seconds,
        arrival_time=values.arrival_time,
        trajectory=values.trajectory,
        film=values.film,
        overwrite=values.overwrite,
    )
    return solve_scan(config)


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("input", None, "CT scan, NIfTI.")
    flags.DEFINE_string("output", None, "Mask to write, .nii or .nii.gz; it lies voxel on voxel on the input.")
    flags.DEFINE_multi_string("seed_mm", None, "x,y,z of a point inside, mm to the right, front, head; repeatable.")
    flags.DEFINE_multi_string("seed_voxel", None, "i,j,k of a voxel of the file inside the object; repeatable.")
    flags.DEFINE_multi_string("circle_mm", None, "x,y,z,radius, mm, to start from; a ball in space; repeatable.")
    flags.DEFINE_multi_string("box_mm", None, "x,y,z,x,y,z of two corners, mm, to start from; repeatable.")
    flags.DEFINE_string("initial", None, "Mask to start from, NIfTI on the grid of the input.")
    flags.DEFINE_enum("dimension", "auto", ["auto", "2", "3"], "2 solves marked slices one by one, 3 the volume.")
    define_parameter_flags()
    flags.DEFINE_integer("max_steps", 100_000, "Steps at most.", lower_bound=1)
    flags.DEFINE_float("steady_mm", 0.005, "At rest if the front moves less between two checks, RMS, mm.")
    flags.DEFINE_integer("check_every", 20, "Steps between two checks.", lower_bound=1)
    flags.DEFINE_string("phi", None, "Level set function to write, mm, negative inside; .nii or .nii.gz.")
    flags.DEFINE_float("marching_seconds", 0.0, "Go by fast marching for so long out of --seconds, s.", lower_bound=0.0)
    flags.DEFINE_string("arrival_time", None, "Arrival times of fast marching to write, s, -1 for never; .nii[.gz].")
    flags.DEFINE_string("trajectory", None, "Folder for phi(t), a table of it, and a film of the moving contour.")
    flags.DEFINE_enum("film", "gif", ["gif", "mp4"], "Kind of the film.")
    flags.DEFINE_bool("overwrite", False, "Replace outputs that exist.")
    flags.DEFINE_bool("calibrate", False, "Find the parameters on labelled scans instead.")
    common_flags.define_dataset_flags(default="auto")
    flags.DEFINE_string("results_dir", "results/lse", "With --calibrate: where results are written.")
    flags.DEFINE_integer("candidates", 64, "With --calibrate: sets of parameters that are tried.", lower_bound=1)
    flags.DEFINE_integer("image_size", 128, "With --calibrate: side of the slices while searching, pixels.", 16)
    flags.DEFINE_integer("seed", 0, "With --calibrate: of the sets that are tried.")


def define_parameter_flags() -> None:
    """Defines one flag for each of `Parameters`, and --parameters."""
    texts = {
        "propagation": "Speed of the front where the image looks like its inside, mm/s.",
        "curvature": "Weight of curvature, mm**2/s; higher is smoother and leaks less.",
        "sigma": "Width of the Gaussian that removes noise, mm.",
        "width": "Half the width of the window of intensities around the inside's mean, HU.",
        "spread": "Standard deviations of the inside by which that window widens.",
        "contraction": "Fastest that the front goes back, as a share of --propagation.",
        "lowest_mean": "The inside's mean intensity counts as at least this, HU.",
        "edge_contrast": "Gradient that halves the speed (lambda), HU/mm; 0 for no edges.",
        "seed_radius": "Radius around seed points that the front starts from, mm.",
        "seconds": "Time T of the equation, s.",
    }
    defaults = Parameters()
    for name, text in texts.items():
        flags.DEFINE_float(name, getattr(defaults, name), text)
    flags.DEFINE_string("parameters", None, "JSON file of these parameters, as --calibrate writes it.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
