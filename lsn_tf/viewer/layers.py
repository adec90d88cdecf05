"""What is shown over a scan: a contour by each method, with its scores, and the way back from each change."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lsn_tf.metrics import dice
from lsn_tf.viewer import depths

MOST_UNDONE = 32  # changes of a layer that can be taken back
UNDO_BYTES = 500_000_000


@dataclasses.dataclass(eq=False)
class Layer:
    """A contour on the whole scan.

    Attributes:
        key: what it is called in addresses.
        title: what it is called on the page.
        depth: (slices, height, width), see `depths`.
        fixed: whether it must not be changed.
        ready: whether there is a result; until then it is empty.
        version: how often it has changed.
    """

    key: str
    title: str
    depth: np.ndarray
    fixed: bool = False
    ready: bool = True
    version: int = 0
    _undo: list[tuple[slice, np.ndarray]] = dataclasses.field(default_factory=list)
    _scores: dict[str, Any] | None = None

    @property
    def mask(self) -> np.ndarray:
        """(slices, height, width) bool."""
        return depths.is_inside(self.depth)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._undo)

    def remember(self, slices: slice) -> None:
        """Keeps these slices as they are, to be able to go back to them."""
        self._undo.append((slices, self.depth[slices].copy()))
        while len(self._undo) > MOST_UNDONE or sum(old.nbytes for _, old in self._undo) > UNDO_BYTES > 0:
            if len(self._undo) == 1:
                break  # the last change can always be taken back
            self._undo.pop(0)

    def change(self, slices: slice, depth: np.ndarray) -> None:
        """Replaces some slices."""
        self.depth[slices] = depth
        self.ready, self._scores = True, None
        self.version += 1

    def undo(self) -> bool:
        """Takes the last change back. Returns whether there was one."""
        if not self._undo:
            return False
        self.change(*self._undo.pop())
        return True

    def scores(self, reference: np.ndarray | None, voxel_mm3: float) -> dict[str, Any]:
        """Returns the volume and, compared with a reference, Dice of the scan and of each slice."""
        if self._scores is None:
            mask = self.mask
            self._scores = {"ml": round(float(mask.sum()) * voxel_mm3 / 1000, 2)}
            if reference is not None:
                self._scores["dice"] = round(dice(reference, mask), 4)
                self._scores["dice_per_slice"] = [round(dice(*pair), 4) for pair in zip(reference, mask, strict=True)]
        return self._scores


def empty(key: str, title: str, shape: Sequence[int]) -> Layer:
    """Returns a layer with nothing inside, for which there is no result yet."""
    return Layer(key, title, np.full(shape, depths.FARTHEST, np.int8), ready=False)
