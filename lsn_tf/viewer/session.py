"""What is being looked at, and what is computed of it: a scan, the contours over it, and the one that evolves."""

import concurrent.futures
import dataclasses
import logging
import pathlib
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.artifacts import replaced
from lsn_tf.data.grids import Grid
from lsn_tf.data.results import write_voxels
from lsn_tf.data.scan_files import ScanFile
from lsn_tf.layers.occupancy import OCCUPANCY_WIDTH_MM
from lsn_tf.metrics import dice
from lsn_tf.models import LevelSetNetwork
from lsn_tf.numerics.level_sets import INSIDE, distance_to_pixels
from lsn_tf.segmenters import Segmenter
from lsn_tf.solver import Parameters
from lsn_tf.viewer import depths
from lsn_tf.viewer.equations import Classical, Equation, Learned, read_parameters
from lsn_tf.viewer.evolution import COMBINATIONS, Evolution
from lsn_tf.viewer.exports import EXPORTS
from lsn_tf.viewer.frames import Frames
from lsn_tf.viewer.layers import Layer, empty
from lsn_tf.viewer.segmentations import Segmentations
from lsn_tf.viewer.starts import Marks

logger = logging.getLogger(__name__)
LSE = "lse"
YOURS = "yours"  # the layer that a user starts from nothing; its title tells by which equation it has evolved
TITLES = {LSE: "LSE", "lsn": "LSN", "unet": "U-Net"}


class Missing(LookupError):
    """There is no layer, frame or equation of that name."""


class Session:
    """A scan with its layers; all that a page asks for.

    Args:
        name: of the scan.
        image: (slices, height, width) int16, HU, canonical.
        grid: where it lies.
        file: the scan's file, for results with its geometry.
        segmenters: the networks, in the order of their layers.
        masks: {"mask": ..., "reference": ...}, (slices, height, width) bool, those that there are.
    """

    def __init__(
        self,
        name: str,
        image: np.ndarray,
        grid: Grid,
        file: ScanFile,
        segmenters: Sequence[Segmenter],
        masks: Mapping[str, np.ndarray],
    ):
        self.name, self.image, self.grid, self._file = name, image, grid, file
        self.reference = masks.get("reference")
        self.equations: dict[str, Equation] = {LSE: Classical()}
        self.layers: dict[str, Layer] = {YOURS: empty(YOURS, "Yours", image.shape)}
        self._lock = threading.RLock()  # of all that changes
        self._segmentations = Segmentations(image, grid.spacing_mm[1:], self._lock, self._say)
        for segmenter in segmenters:
            self._add(segmenter)
        for key, mask in masks.items():
            depth = depths.of_mask(mask, grid.spacing_mm[1:])
            self.layers[key] = Layer(key, key.capitalize(), depth, fixed=key == "reference")
        self.evolution: Evolution | None = None
        self._numbers, self._message, self._messages = 0, "", 0
        self._asked = threading.Lock()  # one evolution is begun at a time
        self._solving = concurrent.futures.ThreadPoolExecutor(1)
        self._running: concurrent.futures.Future | None = None

    def _add(self, segmenter: Segmenter) -> None:
        preset = segmenter.name.partition(":")[0].lower()
        key, count = "".join(c if c.isalnum() else "-" for c in preset), 2
        while key in (*self.layers, LSE, "mask", "reference"):
            key, count = f"{key.rstrip('0123456789-')}-{count}", count + 1
        title = TITLES.get(preset, segmenter.name) + (f" {key.rpartition('-')[2]}" if count > 2 else "")
        self.layers[key] = empty(key, title, self.image.shape)
        self._segmentations.add(key, segmenter)
        if isinstance(getattr(segmenter.network, "model", None), LevelSetNetwork):
            self.equations[key] = Learned(segmenter.network)

    def close(self) -> None:
        """Stops all that runs."""
        self._segmentations.stop()
        self.stop()
        self._solving.shutdown(wait=True, cancel_futures=True)
        self._segmentations.close()

    def scan(self) -> dict[str, Any]:
        """Returns what the page must know of the scan and of the numbers that it is given."""
        return {
            "name": self.name,
            "shape": list(self.image.shape),
            "spacing_mm": list(self.grid.spacing_mm),
            "affine": self.grid.affine.tolist(),
            "guessed": self.grid.guessed,
            "range_hu": [int(self.image.min()), int(self.image.max())],
            "inside": INSIDE,
            "unit_mm": depths.UNIT_MM,
            "occupancy_width_mm": OCCUPANCY_WIDTH_MM,
            "equations": {key: self._title(key) for key in self.equations},
            "parameters": dataclasses.asdict(Parameters()),
        }

    def state(self) -> dict[str, Any]:
        """Returns what changes: the layers with their scores, the evolution, and what is being computed."""
        with self._lock:
            return {
                "layers": [self._layer_state(layer) for layer in self.layers.values()],
                "evolution": self._evolution_state(),
                "jobs": self._segmentations.jobs(),
                "message": self._message,
                "messages": self._messages,
            }

    def layer(self, key: str) -> Layer:
        """Returns a layer. Raises Missing if there is none of that name."""
        if key not in self.layers:
            raise Missing(f"layer must be one of {', '.join(self.layers)}. Received {key!r}.")
        return self.layers[key]

    def depth(self, key: str) -> np.ndarray:
        """Returns a copy of a layer's depths, (slices, height, width) int8."""
        with self._lock:
            return self.layer(key).depth.copy()

    def frame(self, number: int, frame: int) -> np.ndarray:
        """Returns the depths of the layer that evolves with one of its frames, on the slices that are solved."""
        with self._lock:
            self._check_frame(number, frame)
            return self.evolution.combined(frame)

    def show(self, number: int, frame: int) -> None:
        """Lets the layer be as it was in this frame: that is what is saved."""
        with self._lock:
            self._check_frame(number, frame)
            self._show(self.evolution, frame)

    def evolve(self, request: Mapping[str, Any]) -> int:
        """Starts an evolution in the background, in the place of one that runs. Returns its number.

        Args:
            request: "layer": that changes; "equation": one of `equations`; "space": whether the front passes between
                slices; "combination": one of `COMBINATIONS`; "points", "outline", "slice": see `Marks`; with neither
                points nor outline it starts from the layer's own contour; "parameters": of the LSE, by name.

        Raises:
            Missing: for another layer or equation.
            ValueError: if it makes no sense.
        """
        layer, space = self.layer(str(request.get("layer"))), bool(request.get("space"))
        combination, name = str(request.get("combination", "new")), str(request.get("equation"))
        if layer.fixed:
            raise ValueError(f"{layer.title} stays as it is. Choose another layer to change.")
        if name not in self.equations:
            raise Missing(f"equation must be one of {', '.join(self.equations)}. Received {name!r}.")
        if combination not in COMBINATIONS:
            raise ValueError(f"combination must be one of {', '.join(COMBINATIONS)}. Received {combination!r}.")
        parameters = read_parameters(request.get("parameters", {}))
        equation = Classical(parameters) if name == LSE else self.equations[name]
        with self._asked:
            self.wait_until_stopped()
            marks = Marks.read(request, self.image.shape)
            slices = slice(0, len(self.image)) if space else slice(marks.number, marks.number + 1)
            start = self._start(layer, marks, slices, space, parameters.seed_radius)
            evolution = self._begin(layer, name, slices, combination, start)
            self._running = self._solving.submit(self._evolve, evolution, equation, start, space)
        return evolution.number

    def _begin(self, layer: Layer, name: str, slices: slice, combination: str, start: np.ndarray) -> Evolution:
        with self._lock:
            self._numbers += 1
            layer.remember(slices)
            if layer.key == YOURS:
                layer.title = f"Yours ({self._title(name)})"
            before = layer.depth[slices].copy()
            frames = Frames.of(start, lambda depth: self._scores(COMBINATIONS[combination](before, depth), slices))
            self.evolution = Evolution(self._numbers, layer, name, slices, combination, before, frames)
            self._show(self.evolution, 0)
            return self.evolution

    def warm_up(self) -> None:
        """Compiles the LSE of a slice in the background, which the first click would wait for."""
        middle = len(self.image) // 2
        marks = Marks(points=((self.image.shape[2] // 2, self.image.shape[1] // 2, middle),), number=middle)
        start = marks.in_slice(self.image.shape, self.grid.spacing_mm, Parameters().seed_radius)
        slices = slice(middle, middle + 1)
        once = (self.image, slices, self.grid.spacing_mm, start, False, lambda *_: True)
        self._running = self._solving.submit(Classical().evolve, *once)

    def wait_until_stopped(self) -> None:
        """Stops the evolution that runs, if one does, and waits for it."""
        self.stop()
        if self._running:
            concurrent.futures.wait([self._running])

    def wait(self) -> None:
        """Waits until nothing is being computed."""
        if self._running:
            concurrent.futures.wait([self._running])
        self._segmentations.wait()

    def stop(self) -> None:
        """Stops the evolution where it is."""
        if self.evolution:
            self.evolution.stop.set()

    def segment(self, key: str) -> None:
        """Starts to segment the scan with a network, in the background, unless it is at it already."""
        layer = self.layer(key)
        if key not in self._segmentations:
            raise ValueError(f"{layer.title} is no network. Received {key!r}.")
        self._segmentations.start(layer)

    def undo(self, key: str) -> None:
        """Takes back the last change of a layer."""
        self.wait_until_stopped()
        with self._lock:
            layer = self.layer(key)
            if not layer.undo():
                raise ValueError(f"{layer.title} has no change that could be taken back.")
            if self.evolution and self.evolution.layer is layer:
                self.evolution = None

    def clear(self, key: str) -> None:
        """Empties a layer."""
        self.wait_until_stopped()
        with self._lock:
            layer, everything = self.layer(key), slice(0, len(self.image))
            if layer.fixed:
                raise ValueError(f"{layer.title} stays as it is. Choose another layer to change.")
            layer.remember(everything)
            layer.change(everything, np.int8(depths.FARTHEST))
            self.evolution = None if self.evolution and self.evolution.layer is layer else self.evolution

    def write(self, key: str, what: str, path: pathlib.Path) -> None:
        """Writes a layer as NIfTI, voxel on voxel with the scan's file.

        Args:
            key: of the layer.
            what: "mask"; "phi", mm, which is cut at 8 mm; or "probability", of each voxel to be inside.
            path: .nii or .nii.gz.
        """
        if what not in EXPORTS:
            raise Missing(f"expected one of {', '.join(EXPORTS)}. Received {what!r}.")
        values = EXPORTS[what](self.depth(key))
        with replaced(path) as temporary:
            write_voxels(values, self._file.reference, self.grid, temporary)

    def _start(self, layer: Layer, marks: Marks, slices: slice, space: bool, radius_mm: float) -> np.ndarray:
        spacing = self.grid.spacing_mm
        if marks:
            return (marks.in_space if space else marks.in_slice)(self.image.shape, spacing, radius_mm)
        mask = layer.mask[slices]
        if not mask.any():
            raise ValueError(f"{layer.title} has no contour here to start from. Click a point or draw one.")
        return distance_to_pixels(mask, spacing) if space else distance_to_pixels(mask[0], spacing[1:])[None]

    def _title(self, equation: str) -> str:
        return TITLES[LSE] if equation == LSE else self.layers[equation].title

    def _scores(self, depth: np.ndarray, slices: slice) -> dict[str, float]:
        """Returns the volume, ml, on some slices, and Dice on them if there is a reference."""
        mask = depths.is_inside(depth)
        scores = {"ml": round(float(mask.sum()) * self.grid.voxel_mm3 / 1000, 2)}
        if self.reference is not None:
            scores["dice"] = round(dice(self.reference[slices], mask), 4)
        return scores

    def _evolve(self, evolution: Evolution, equation: Equation, start: np.ndarray, space: bool) -> None:
        began, seconds = time.perf_counter(), 0.0

        def watch(phi: np.ndarray, now: float) -> bool:
            nonlocal seconds
            seconds = now
            with self._lock:
                if evolution.frames.add(phi, now):
                    self._show(evolution, len(evolution.frames.depths) - 1)
            return evolution.stop.is_set()

        try:
            phi, reason = equation.evolve(self.image, evolution.slices, self.grid.spacing_mm, start, space, watch)
            with self._lock:
                evolution.frames.end(phi, seconds)
                self._show(evolution, len(evolution.frames.depths) - 1)
        except Exception as error:  # whatever it is, the page is told, and goes on
            logger.debug("evolution failed", exc_info=True)
            reason = "failed"
            self._say(" ".join(str(error).split()))
        with self._lock:
            evolution.wall_seconds = time.perf_counter() - began
            evolution.reason = "stopped" if evolution.stop.is_set() else reason

    def _show(self, evolution: Evolution, frame: int) -> None:
        evolution.shown = frame
        evolution.layer.change(evolution.slices, evolution.combined(frame))

    def _say(self, text: str) -> None:
        with self._lock:
            self._message, self._messages = text, self._messages + 1

    def _check_frame(self, number: int, frame: int) -> None:
        if not self.evolution or self.evolution.number != number:
            raise Missing(f"evolution {number} is over.")
        if not 0 <= frame < len(self.evolution.frames.depths):
            raise Missing(f"frame must be in [0, {len(self.evolution.frames.depths)}). Received {frame}.")

    def _layer_state(self, layer: Layer) -> dict[str, Any]:
        about = {name: getattr(layer, name) for name in ("key", "title", "fixed", "ready", "version", "can_undo")}
        scores = layer.scores(self.reference, self.grid.voxel_mm3) if layer.ready else {}
        return {**about, "network": layer.key in self._segmentations, **scores}

    def _evolution_state(self) -> dict[str, Any] | None:
        if not (evolution := self.evolution):
            return None
        return {
            "number": evolution.number,
            "layer": evolution.layer.key,
            "equation": self._title(evolution.equation),
            "slices": [evolution.slices.start, evolution.slices.stop],
            "combination": evolution.combination,
            "seconds": [round(t, 2) for t in evolution.frames.seconds],
            **{name: [scores[name] for scores in evolution.frames.scores] for name in evolution.frames.scores[0]},
            "shown": evolution.shown,
            "reason": evolution.reason,
            "wall_seconds": round(evolution.wall_seconds, 2),
        }
