"""One evolution of a contour, from the click to its rest: what it changes, how it has gone, and what is shown of it."""

import dataclasses
import threading

import numpy as np

from lsn_tf.viewer import depths
from lsn_tf.viewer.frames import Frames
from lsn_tf.viewer.layers import Layer

COMBINATIONS = {  # what was there and the front -> what there is
    "new": lambda _, front: front,
    "add": depths.united,
    "remove": depths.without,
}


@dataclasses.dataclass(eq=False)
class Evolution:
    """A front on its way, or at rest.

    Attributes:
        number: of the evolution in the session.
        layer: that it changes.
        equation: name of the method.
        slices: of the scan, that are solved.
        combination: of what was there with the evolved front, one of `COMBINATIONS`.
        before: the layer's depths on these slices when it began.
        frames: phi(t).
        shown: number of the frame that the layer shows.
        reason: why it has stopped; None while it runs.
        wall_seconds: how long it took.
    """

    number: int
    layer: Layer
    equation: str
    slices: slice
    combination: str
    before: np.ndarray
    frames: Frames
    shown: int = 0
    reason: str | None = None
    wall_seconds: float = 0.0
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)

    def combined(self, frame: int) -> np.ndarray:
        """Returns the layer's depths with this frame."""
        return COMBINATIONS[self.combination](self.before, self.frames.depths[frame])
