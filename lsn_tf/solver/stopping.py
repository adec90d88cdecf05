"""When a solver stops, and why."""

import dataclasses

import numpy as np

from lsn_tf.solver.marching import Motion

STEADY, TIME, STEPS, CALLBACK = "steady", "time is up", "step limit", "callback"
COLLAPSED, LEAKED = "collapsed", "leaked"


@dataclasses.dataclass(frozen=True)
class Stopping:
    """When to stop. Everything is looked at after every `check_every` steps.

    Attributes:
        max_steps: after so many steps at most.
        seconds: at this time T of the equation, s; None for no limit.
        rms_mm: steady if between two checks the front has moved no further than this in the root mean square, and
        max_mm: no further than this anywhere; mm. With 0 a front that moves at all is never steady.
        check_every: steps between two checks. Between them a front goes less far where the time steps are shorter: on
            finer pixels raise it in proportion, or lower rms_mm and max_mm.
        frame_share: the front has leaked if it has taken more than this share of the pixels on the frame of the plane;
            None to let it go.
    """

    max_steps: int = 1000
    seconds: float | None = None
    rms_mm: float = 0.02
    max_mm: float = 0.2
    check_every: int = 20
    frame_share: float | None = 0.1

    def __post_init__(self):
        for name in ("max_steps", "check_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1. Received {name}={getattr(self, name)}.")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds must be positive. Received seconds={self.seconds}.")
        if not (self.rms_mm >= 0 and self.max_mm >= 0):
            raise ValueError(
                f"rms_mm and max_mm must not be negative. Received rms_mm={self.rms_mm}, max_mm={self.max_mm}."
            )
        if self.frame_share is not None and not self.frame_share >= 0:
            raise ValueError(f"frame_share must not be negative. Received frame_share={self.frame_share}.")

    def reasons(self, motion: Motion, steps: np.ndarray, seconds: np.ndarray) -> list[str | None]:
        """Returns for each image of a batch why it stops, None where it goes on.

        Args:
            motion: since the last check.
            steps: (batch,), made so far.
            seconds: (batch,), the time of the equation, s.
        """
        whole = self.seconds is not None
        return [
            COLLAPSED if motion.inside[n] == 0
            else LEAKED if self.frame_share is not None and motion.on_frame[n] > self.frame_share
            else TIME if whole and seconds[n] >= self.seconds * (1 - 1e-6)
            else STEPS if steps[n] >= self.max_steps  # these first: a short last interval is no rest
            else STEADY if motion.rms_mm[n] <= self.rms_mm and motion.max_mm[n] <= self.max_mm
            else None
            for n in range(len(steps))
        ]  # fmt: skip
