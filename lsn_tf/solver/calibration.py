"""Finds the parameters of the seeded contour on labelled scans, each fold by the others."""

import dataclasses
import itertools
import logging
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from lsn_tf.artifacts import machine, write_csv, write_json
from lsn_tf.data.folds import NUM_FOLDS
from lsn_tf.data.resampling import resize_image, resized_spacing
from lsn_tf.data.sources import open_source
from lsn_tf.data.volumes import Scan
from lsn_tf.metrics import dice
from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.numerics.seeds import inscribed_centre
from lsn_tf.solver.seeded_contour import Parameters, segment_from
from lsn_tf.solver.stopping import Stopping

logger = logging.getLogger(__name__)
RANGES = {  # lower, upper, whether on a logarithmic scale
    "curvature": (0.2, 2.0, True),
    "width": (20.0, 45.0, True),
    "spread": (0.3, 2.0, False),
    "sigma": (0.75, 2.0, False),
    "seconds": (130.0, 300.0, True),
}
BATCH = 64  # slices at a time
UNTIL_T = Stopping(max_steps=100_000, rms_mm=0.0, max_mm=0.0, frame_share=None)


@dataclasses.dataclass(frozen=True)
class CalibrationConfig:
    """What to calibrate on and how hard to search.

    Attributes:
        dataset: see `open_source`.
        data_dir: see `open_source`.
        results_dir: where results.json, dice.csv, candidates.csv and parameters.json are written.
        candidates: sets of parameters that are tried, a Sobol design over `RANGES`; best a power of two.
        image_size: side of the slices while searching, pixels. Scores are computed on the scans' own grid.
        seed: of the design.
        command: what was typed, for the results.
    """

    dataset: str
    data_dir: str | None
    results_dir: str
    candidates: int = 64
    image_size: int = 128
    seed: int = 0
    command: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Click:
    """A slice with the point that a user would click: the centre of the largest circle inscribed in the label.

    Attributes:
        volume_id: of its scan.
        fold: that holds out its scan.
        image: (height, width), HU.
        mask: (height, width), share of each pixel that is liver.
        spacing_mm: (dy, dx).
        seed_mm: (y, x), mm from the first pixel.
    """

    volume_id: int
    fold: int
    image: np.ndarray
    mask: np.ndarray
    spacing_mm: tuple[float, float]
    seed_mm: tuple[float, float]

    def resized(self, size: int) -> "Click":
        """Returns it area-averaged to size x size pixels; the click stays where it is in the body."""
        height, width = self.image.shape
        _, dy, dx = resized_spacing((1.0, *self.spacing_mm), (height, width), (size, size))
        shift = (np.array([dy, dx]) - self.spacing_mm) / 2  # of the first pixel's centre
        return dataclasses.replace(
            self,
            image=resize_image(self.image, (size, size)),
            mask=resize_image(self.mask, (size, size)),
            spacing_mm=(dy, dx),
            seed_mm=tuple(np.asarray(self.seed_mm) - shift),
        )


def calibrate(config: CalibrationConfig) -> dict[str, Any]:
    """Searches and scores, and writes results.json, dice.csv, candidates.csv and parameters.json. Returns the results.

    The parameters for a fold are those of the design with the best mean Dice per scan on the scans of the other folds;
    parameters.json holds those that are best on all.
    """
    started = time.perf_counter()
    source = open_source(config.dataset, config.data_dir)
    clicks = [click for fold in range(NUM_FOLDS) for scan in source.scans(fold) for click in clicks_of(scan, fold)]
    if len({click.fold for click in clicks}) < 2:
        raise ValueError(
            f"{source.name} must have labelled scans in two folds at least, each calibrated by the others. "
            f"Received folds {sorted({click.fold for click in clicks})}."
        )
    small = [click.resized(config.image_size) for click in clicks]
    design = sobol_design(config.candidates, config.seed)
    table = []
    for n, parameters in enumerate(design):
        scores = dice_per_scan(small, segment_clicks(small, parameters))
        table.append(scores)
        logger.info("%d/%d: %.4f %s", n + 1, len(design), np.mean(list(scores.values())), _searched(parameters))
    fold_of = {click.volume_id: click.fold for click in clicks}
    chosen = {fold: best(table, [v for v in fold_of if fold_of[v] != fold]) for fold in sorted(set(fold_of.values()))}
    rows = [row for fold, n in chosen.items() for row in _scored(clicks, fold, design[n])]
    overall = design[best(table, list(fold_of))]
    results = _results(config, source, rows, {fold: design[n] for fold, n in chosen.items()}, overall)
    results["seconds"] = round(time.perf_counter() - started, 1)
    folder = pathlib.Path(config.results_dir)
    write_csv(folder / "dice.csv", rows)
    write_csv(folder / "candidates.csv", [_candidate(p, scores) for p, scores in zip(design, table, strict=True)])
    write_json(folder / "parameters.json", dataclasses.asdict(overall))
    write_json(folder / "results.json", results)
    return {**results, "results_dir": config.results_dir}


def clicks_of(scan: Scan, fold: int) -> Iterator[Click]:
    """Yields the slices of a labelled scan that hold some liver, each with its click."""
    spacing = scan.spacing_mm[1:]
    for image, label in zip(scan.image, scan.label, strict=True):
        if label.any():
            mask = label > 0
            seed = inscribed_centre(mask, spacing)
            yield Click(scan.volume_id, fold, image.astype(np.float32), mask.astype(np.float32), spacing, seed)


def sobol_design(candidates: int, seed: int) -> list[Parameters]:
    """Returns sets of parameters that fill `RANGES` evenly."""
    power = int(np.ceil(np.log2(candidates)))
    points = qmc.Sobol(len(RANGES), seed=seed).random_base2(power)[:candidates]
    return [
        Parameters(**{name: _scaled(x, *limits) for x, (name, limits) in zip(point, RANGES.items(), strict=True)})
        for point in points
    ]


def _scaled(x: float, lower: float, upper: float, logarithmic: bool) -> float:
    value = lower * (upper / lower) ** x if logarithmic else lower + x * (upper - lower)
    return float(f"{value:.4g}")


def segment_clicks(clicks: Sequence[Click], parameters: Parameters) -> list[np.ndarray]:
    """Returns the mask of each click, (height, width) bool. Slices of one size are solved in batches."""
    masks: dict[int, np.ndarray] = {}
    order = sorted(range(len(clicks)), key=lambda n: clicks[n].image.shape)
    for shape, same in itertools.groupby(order, key=lambda n: clicks[n].image.shape):
        for batch in _batches(list(same)):
            found = _segment([clicks[n] for n in batch], shape, parameters)
            masks |= dict(zip(batch, found, strict=True))
    return [masks[n] for n in range(len(clicks))]


def _batches(items: list[int]) -> list[list[int]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def _segment(clicks: Sequence[Click], shape: tuple[int, int], parameters: Parameters) -> np.ndarray:
    phi = [ball(shape, click.spacing_mm, click.seed_mm, parameters.seed_radius) for click in clicks]
    image, spacing = np.stack([click.image for click in clicks]), np.array([click.spacing_mm for click in clicks])
    start = np.stack(phi)[..., None].astype(np.float32)
    return inside(segment_from(image[..., None], spacing, start, parameters, UNTIL_T).phi[..., 0])


def dice_per_scan(clicks: Sequence[Click], masks: Sequence[np.ndarray]) -> dict[int, float]:
    """Returns the Dice of each scan over all its slices, by volume number."""
    by_scan: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    for click, mask in zip(clicks, masks, strict=True):
        by_scan.setdefault(click.volume_id, []).append(((click.mask >= 0.5).ravel(), mask.ravel()))
    return {volume: dice(*map(np.concatenate, zip(*pairs, strict=True))) for volume, pairs in by_scan.items()}


def best(table: Sequence[Mapping[int, float]], volumes: Sequence[int]) -> int:
    """Returns the index of the candidate with the highest mean Dice over these volumes."""
    return int(np.argmax([np.mean([scores[volume] for volume in volumes]) for scores in table]))


def _scored(clicks: Sequence[Click], fold: int, parameters: Parameters) -> list[dict[str, Any]]:
    """Returns the rows of dice.csv of the scans that a fold holds out, on their own grid."""
    held_out = [click for click in clicks if click.fold == fold]
    masks = segment_clicks(held_out, parameters)
    per_slice: dict[int, list[float]] = {click.volume_id: [] for click in held_out}
    for click, mask in zip(held_out, masks, strict=True):
        per_slice[click.volume_id].append(dice(click.mask >= 0.5, mask))
    return [
        {
            "volume_id": volume,
            "fold": fold,
            "dice": round(score, 6),
            "dice_per_slice_mean": round(float(np.mean(per_slice[volume])), 6),
            "dice_per_slice_min": round(float(np.min(per_slice[volume])), 6),
            "slices": len(per_slice[volume]),
        }
        for volume, score in dice_per_scan(held_out, masks).items()
    ]


def _searched(parameters: Parameters) -> dict[str, float]:
    return {name: getattr(parameters, name) for name in RANGES}


def _candidate(parameters: Parameters, scores: Mapping[int, float]) -> dict[str, float]:
    return {**_searched(parameters), "dice_per_scan_mean": round(float(np.mean(list(scores.values()))), 6)}


def _results(config, source, rows, chosen: Mapping[int, Parameters], overall: Parameters) -> dict[str, Any]:
    by_fold = {fold: [row["dice"] for row in rows if row["fold"] == fold] for fold in chosen}
    scores, given = [row["dice"] for row in rows], dataclasses.asdict(config)
    return {
        "model": "lse, one seed point a slice: the centre of the largest circle inscribed in the label",
        "dataset": source.name,
        "synthetic": source.synthetic,
        "dice_per_scan_mean": round(float(np.mean(scores)), 4),
        "dice_per_scan_median": round(float(np.median(scores)), 4),
        "dice_per_scan_min": round(min(scores), 4),
        "dice_per_scan_by_fold": {fold: round(float(np.mean(values)), 4) for fold, values in by_fold.items()},
        "scans": len(rows),
        "slices": sum(row["slices"] for row in rows),
        "parameters_by_fold": {fold: dataclasses.asdict(parameters) for fold, parameters in chosen.items()},
        "parameters": dataclasses.asdict(overall),
        "search": {"ranges": RANGES, **{name: value for name, value in given.items() if name != "command"}},
        "command": config.command,
        "machine": machine(),
    }
