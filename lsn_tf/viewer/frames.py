"""phi(t), as a slider goes through it: frames as they come, fewer and farther apart where they would be too many."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from lsn_tf.viewer import depths

MOST = 96
BYTES = 400_000_000


@dataclasses.dataclass(eq=False)
class Frames:
    """The states of an evolution that are kept.

    Attributes:
        score: of the depths of a frame, what a curve over t shows.
        most: number of frames from which on every other one is dropped.
        depths: of each frame, (slices, height, width).
        seconds: t of each.
        scores: of each.
    """

    score: Callable[[np.ndarray], Any]
    most: int = MOST
    depths: list[np.ndarray] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)
    scores: list[Any] = dataclasses.field(default_factory=list)
    _stride: int = 1
    _seen: int = 0

    @classmethod
    def of(cls, start: np.ndarray, score: Callable[[np.ndarray], Any]) -> "Frames":
        """Returns frames whose first one is phi at the start, (slices, height, width), mm."""
        frames = cls(score, most=max(min(MOST, BYTES // start.size), 4))
        frames.add(start, 0.0)
        return frames

    def add(self, phi: np.ndarray, seconds: float) -> bool:
        """Keeps phi, mm, if it is its turn. Returns whether it was."""
        turn = self._seen % self._stride == 0
        self._seen += 1
        if turn:
            self._append(phi, seconds)
            if len(self.depths) > self.most:
                self._stride *= 2
                for kept in (self.depths, self.seconds, self.scores):
                    del kept[1::2]
        return turn

    def end(self, phi: np.ndarray, seconds: float) -> None:
        """Keeps the end, in the place of the last frame if that is of the same time."""
        if len(self.seconds) > 1 and self.seconds[-1] == seconds:
            for kept in (self.depths, self.seconds, self.scores):
                del kept[-1]
        self._append(phi, seconds)

    def _append(self, phi: np.ndarray, seconds: float) -> None:
        depth = depths.from_phi(phi)
        self.depths.append(depth)
        self.seconds.append(seconds)
        self.scores.append(self.score(depth))
