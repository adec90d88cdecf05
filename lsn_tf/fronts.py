"""Draws the front of a trained level set network through grids and steps, on scans that it has not seen.

    python -m lsn_tf.fronts --run_dir=runs/lsn --output=fronts.png

A row is a scan of the held-out fold: the best, the median and the worst by Dice in the run's dice.csv, of each the
slice with the largest reference. A column is a grid: the zero contour of phi after every step, the colour saying when,
over the image as the equation sees it there; before it phi_0, and last the end on the scan's own grid, over the image
and beside the reference. --without_image draws the fronts alone, on white, for pages on which no CT may appear. Needs
matplotlib (pip install 'lsn_tf[solver]').
"""

import csv
import dataclasses
import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags
from keras import ops

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir
from lsn_tf.data.pipeline import target_mask
from lsn_tf.data.sources import Source
from lsn_tf.data.volumes import Scan
from lsn_tf.evaluate import held_out_fold, load_segmenter, open_run_source, scan_inputs
from lsn_tf.models import AnySize, LevelSetNetwork
from lsn_tf.solver import to_solver
from lsn_tf.studies.fronts_figure import Row, check_matplotlib, draw_fronts, fronts_by_grid

logger = logging.getLogger(__name__)
RANKS = ("best", "median", "worst")
LARGEST = "largest"


@dataclasses.dataclass(frozen=True)
class Config:
    """What to draw.

    Attributes:
        run_dir: a finished training run of a level set network.
        output: the PNG to write.
        scans: one row each: "best", "median", "worst" or the number of a scan in dice.csv.
        slice: "largest" for the slice with the largest reference, or its number, from 0.
        with_image: whether image and reference are drawn too.
        data_dir, arrays: see `open_source`; None for those of the training.
    """

    run_dir: str
    output: str = "fronts.png"
    scans: Sequence[str] = RANKS
    slice: str = LARGEST
    with_image: bool = True
    data_dir: str | None = None
    arrays: str | None = None


def fronts(config: Config) -> dict[str, Any]:
    """Draws the picture. Returns which scans and slices it shows.

    Raises:
        FileNotFoundError: if run_dir is no training run, or one that has not finished.
        ValueError: if the run is of another model, has held out no fold, or has no such scan or slice.
    """
    run, output = RunDir(config.run_dir), pathlib.Path(config.output)
    if output.suffix != ".png":
        raise ValueError(f"output must end in .png. Received {config.output}.")
    check_matplotlib()
    trained, fold = run.read_config(), held_out_fold(run)
    segmenter = _load_level_set_network(run)
    chosen = choose(_read_dice(run), config.scans)
    source = open_run_source(trained, data_dir=config.data_dir, arrays=config.arrays)
    scans = find_scans(source, fold, [volume_id for volume_id, _ in chosen])
    rows, shown = [], []
    for (volume_id, dice), names in chosen.items():
        scan = scans[volume_id]
        n = slice_number(target_mask(scan.label, trained["target"]), config.slice, volume_id)
        logger.info("scan %d, slice %d of %d", volume_id, n, len(scan.image))
        label = "\n".join(filter(None, [", ".join(names), f"scan {volume_id}, slice {n}"]))
        rows.append(slice_fronts(segmenter, scan, n, trained["target"], label, dice))
        shown.append({"scan": volume_id, "slice": n, "dice": dice, "rank": names})
    start = "from a simulated contour" if segmenter.model.given_contour else "from grid to grid"
    title = f"{_title(trained, source)}: the front φ = 0 {start}"
    draw_fronts(rows, output, tuple(trained["window_hu"]), title, config.with_image)
    return {"output": str(output), "rows": shown}


def choose(dice: Mapping[int, float], wanted: Sequence[str]) -> dict[tuple[int, float], list[str]]:
    """Returns the (number, Dice) of each scan wanted, and by which names; a scan that has two of them comes once.

    Of equal scans the one with the lower number is the better; of an even number the median is the lower middle one.

    Args:
        dice: of each scan, by number.
        wanted: "best", "median", "worst" or numbers.

    Raises:
        ValueError: for another name or a number that is not there.
    """
    ranked = sorted(dice.items(), key=lambda item: (item[1], -item[0]))
    named = {"best": ranked[-1], "median": ranked[(len(ranked) - 1) // 2], "worst": ranked[0]}
    named |= {str(item[0]): item for item in ranked}
    if not wanted or set(wanted) - named.keys():
        raise ValueError(
            f"scans must be of {', '.join(RANKS)} and the numbers in dice.csv, {sorted(dice)}. Received {list(wanted)}."
        )
    chosen: dict[tuple[int, float], list[str]] = {}
    for name in dict.fromkeys(wanted):
        chosen.setdefault(named[name], []).extend([name] if name in RANKS else [])
    return chosen


def find_scans(source: Source, fold: int, numbers: Sequence[int]) -> dict[int, Scan]:
    """Returns scans of a fold by number.

    Raises:
        ValueError: if one is missing: the data is not what the run was scored on.
    """
    found: dict[int, Scan] = {}
    for scan in source.scans(fold):
        if scan.volume_id in numbers:
            found[scan.volume_id] = scan
        if len(found) == len(set(numbers)):
            return found
    raise ValueError(
        f"{source.name} must hold the scans {sorted(numbers)} of fold {fold}, which dice.csv names. Received only "
        f"{sorted(found)}. Score the run again on the data that is there: python -m lsn_tf.evaluate"
    )


def slice_number(reference: np.ndarray, wanted: str, volume_id: int) -> int:
    """Returns the number of the slice wanted: of the largest reference, the first of equal ones, or a number itself.

    Args:
        reference: (slices, height, width) bool.
        wanted: "largest" or a number, from 0.
        volume_id: of the scan, for the error.
    """
    if wanted == LARGEST:
        return int(reference.sum(axis=(1, 2)).argmax())
    if not wanted.isdigit() or int(wanted) >= len(reference):
        raise ValueError(
            f"slice must be {LARGEST} or a number in [0, {len(reference)}), the slices of scan {volume_id}. "
            f"Received {wanted!r}."
        )
    return int(wanted)


def slice_fronts(segmenter: AnySize, scan: Scan, n: int, target: str, label: str, dice: float) -> Row:
    """Returns the fronts of a network on slice n of a scan, step by step, and their end on the scan's own grid."""
    inputs = {name: values[n : n + 1] for name, values in scan_inputs(segmenter, scan, target).items()}
    grids = fronts_by_grid(to_solver(segmenter.model, segmenter.grid_inputs(inputs)))
    end = segmenter.from_grid(grids[-1].phis[-1][None, ..., None], size=scan.image[n].shape)
    reference, end = target_mask(scan.label[n], target), ops.convert_to_numpy(end)[0, ..., 0]
    return Row(label, scan.image[n], reference, inputs["spacing"][0], grids, end, dice)


def _load_level_set_network(run: RunDir) -> AnySize:
    missing = [path.name for path in (run.model, run.dice) if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"run_dir must be a finished run, with {run.model.name} and {run.dice.name}. Received {run.path}, without "
            f"{' and '.join(missing)}. Go on with: python -m lsn_tf.train --resume --run_dir={run.path}"
        )
    segmenter = load_segmenter(run)
    if not isinstance(segmenter.model, LevelSetNetwork):
        raise ValueError(
            "run_dir must be a run of a level set network, whose steps move a front. Received "
            f"{run.path}, a {type(segmenter.model).__name__}. Train one with: python -m lsn_tf.train --model=lsn"
        )
    return segmenter


def _read_dice(run: RunDir) -> dict[int, float]:
    with run.dice.open(newline="") as file:
        return {int(row["volume_id"]): float(row["dice"]) for row in csv.DictReader(file)}


def _title(trained: Mapping[str, Any], source: Source) -> str:
    what = f"{source.name}, synthetic data" if source.synthetic else source.name
    return f"{trained['model']} on held-out scans ({what}, fold {trained['fold']})"


def print_results(results: Mapping[str, Any]) -> None:
    """Prints what the picture shows."""
    for row in results["rows"]:
        names = ", ".join(row["rank"]) or "scan"
        print(f"{names:<8} scan {row['scan']}, slice {row['slice']}, Dice of scan {row['dice']:.4f}")
    print(results["output"])


def main() -> dict[str, Any]:
    """Reads the flags and draws."""
    values = flags.FLAGS
    names = ("run_dir", "output", "scans", "slice", "data_dir", "arrays")
    return fronts(Config(**{name: values[name].value for name in names}, with_image=not values.without_image))


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_run_dir_flag()
    common_flags.define_arrays_flag()
    flags.DEFINE_string("output", "fronts.png", "Picture to write, a PNG.")
    flags.DEFINE_list("scans", ",".join(RANKS), "A row each: best, median, worst, or the number of a held-out scan.")
    flags.DEFINE_string("slice", LARGEST, "largest, the slice with the largest reference, or its number, from 0.")
    flags.DEFINE_bool("without_image", False, "Draw neither CT nor reference, only the fronts, on white.")
    flags.DEFINE_string("data_dir", None, "Where TFDS keeps prepared data sets (default: as in training).")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
