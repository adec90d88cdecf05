"""Watches a running solver: keeps phi(t) for its film and table, and tells how far it is."""

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from lsn_tf.numerics.level_sets import inside
from lsn_tf.solver.solving import Solution, State

logger = logging.getLogger(__name__)
FRAMES = 48  # at most, evenly over T, between the beginning and the end
FRAMES_BYTES = 2e9  # and no more than fit in this


@dataclasses.dataclass(eq=False)
class Trajectory:
    """A callback of `solve` that records the states of one volume, or of the slices of one.

    Attributes:
        seconds: T, over which `FRAMES` states at most are kept.
        voxel_mm3: volume of a voxel.
        rows: of each state kept its steps, time, volume and motion.
        phis: of each state kept, float16.
    """

    seconds: float
    voxel_mm3: float
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    phis: list[np.ndarray] = dataclasses.field(default_factory=list)

    def start(self, phi: np.ndarray) -> None:
        """Keeps the beginning."""
        self._keep(phi, 0, 0.0, 0.0, 0.0)

    def __call__(self, state: State) -> None:
        frames = min(FRAMES, FRAMES_BYTES // self.phis[0].nbytes)
        if state.seconds.max() >= len(self.phis) * self.seconds / frames:
            self._keep_state(state)

    def end(self, solution: Solution) -> None:
        """Keeps the end, as it is written."""
        if self.rows[-1]["steps"] == solution.steps.max():
            self.rows.pop()
            self.phis.pop()
        self._keep_state(solution)

    def _keep_state(self, state: State) -> None:
        motion = state.motion
        numbers = state.steps.max(), state.seconds.max(), motion.rms_mm.max(), motion.max_mm.max()
        self._keep(state.phi, *(value.item() for value in numbers))

    def _keep(self, phi, steps, seconds, rms_mm, max_mm):
        millilitres = inside(phi).sum() * self.voxel_mm3 / 1000
        row = {"steps": steps, "seconds": round(seconds, 4), "millilitres": round(float(millilitres), 3)}
        self.rows.append({**row, "rms_mm": round(rms_mm, 4), "max_mm": round(max_mm, 4)})
        self.phis.append(phi.astype(np.float16))


@dataclasses.dataclass(eq=False)
class Progress:
    """A callback that says how far the solver is, at every tenth of T, and passes the state on.

    Attributes:
        seconds: T.
        then: the next callback, if there is one.
        tenths: of T that have been told.
    """

    seconds: float
    then: Callable[[State], None] | None = None
    tenths: int = 0

    def __call__(self, state: State) -> None:
        reached = int(10 * state.seconds.max() / self.seconds + 1e-6)
        if reached > self.tenths:
            self.tenths = reached
            voxels = int(state.motion.inside.sum())
            logger.info("t = %.0f of %.0f s, %d voxels inside", state.seconds.max(), self.seconds, voxels)
        if self.then:
            self.then(state)
