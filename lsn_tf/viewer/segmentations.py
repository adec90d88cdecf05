"""Networks that segment the scan in the background, one after the other."""

import concurrent.futures
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lsn_tf.segmenters import Segmenter
from lsn_tf.viewer import depths
from lsn_tf.viewer.layers import Layer

logger = logging.getLogger(__name__)
BATCH = 8  # slices that a network segments at a time


class Segmentations:
    """The networks of a session, by the keys of their layers, and what they are at.

    Args:
        image: (slices, height, width) int16, HU.
        spacing_mm: (dy, dx).
        lock: held wherever a layer changes.
        say: tells the page what went wrong.
    """

    def __init__(
        self, image: np.ndarray, spacing_mm: Sequence[float], lock: threading.RLock, say: Callable[[str], None]
    ):
        self._image, self._spacing_mm, self._lock, self._say = image, spacing_mm, lock, say
        self._segmenters: dict[str, Segmenter] = {}
        self._jobs: dict[str, list[int]] = {}  # title: [done, of]
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._last: concurrent.futures.Future | None = None
        self._stopped = threading.Event()

    def __contains__(self, key: str) -> bool:
        return key in self._segmenters

    def add(self, key: str, segmenter: Segmenter) -> None:
        """Lets a network segment the layer of this key whenever it is asked to."""
        self._segmenters[key] = segmenter

    def jobs(self) -> list[dict[str, Any]]:
        """Returns what is being computed or waits, with the slices that are done."""
        return [{"title": title, "done": done, "of": of} for title, (done, of) in self._jobs.items()]

    def start(self, layer: Layer) -> None:
        """Starts to segment the scan with the network of this layer, unless it is at it already."""
        with self._lock:
            if layer.title in self._jobs:
                return
            self._jobs[layer.title] = [0, len(self._image)]
        self._last = self._pool.submit(self._segment, layer, self._segmenters[layer.key])

    def wait(self) -> None:
        """Waits until nothing is being computed."""
        if self._last:
            concurrent.futures.wait([self._last])

    def stop(self) -> None:
        """Stops after the slices that a network is at; nothing can be started any more."""
        self._stopped.set()

    def close(self) -> None:
        """Stops, and waits for it."""
        self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _segment(self, layer: Layer, segmenter: Segmenter) -> None:
        try:
            depth = np.empty(self._image.shape, np.int8)
            for first in range(0, len(depth), BATCH):
                if self._stopped.is_set():
                    return
                image = self._image[first : first + BATCH]
                phi = segmenter.phi_of_part(image, self._spacing_mm, BATCH)
                depth[first : first + BATCH] = depths.from_phi(phi)
                with self._lock:
                    self._jobs[layer.title][0] = first + len(image)
            with self._lock:
                everything = slice(0, len(depth))
                if layer.ready:
                    layer.remember(everything)
                layer.change(everything, depth)
        except Exception as error:  # whatever it is, the page is told, and goes on
            logger.debug("segmentation failed", exc_info=True)
            self._say(f"{layer.title}: {' '.join(str(error).split())}")
        finally:
            with self._lock:
                self._jobs.pop(layer.title, None)
