"""The two equations by which a contour evolves in the viewer: the classical one, and that which a network has learned.

Both take a start on slices of the scan, in the plane or in space, and tell a callback of phi(t) on these slices.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from keras import ops

from lsn_tf.layers import Reinitialization
from lsn_tf.models import AnySize
from lsn_tf.numerics.level_sets import inside
from lsn_tf.solver import Parameters, Stopping, segment_from, solve, to_solver
from lsn_tf.solver.solving import State

Watch = Callable[[np.ndarray, float], bool]  # phi, (slices, height, width), mm, and t, s -> whether to stop

# The learned front slows down where it nears its rest, and runs into the frame where the organ does.
LEARNED_STOPPING = Stopping(max_steps=6000, check_every=40, frame_share=None)
BATCH = 16  # slices at a time, whose speed a network finds


class Equation(Protocol):
    """What evolves a contour."""

    def evolve(
        self,
        image: np.ndarray,
        slices: slice,
        spacing_mm: Sequence[float],
        start: np.ndarray,
        space: bool,
        watch: Watch,
    ) -> tuple[np.ndarray, str]:
        """Evolves a contour until it rests.

        Args:
            image: the whole scan, (slices, height, width), HU.
            slices: those that are solved, n of them.
            spacing_mm: (dz, dy, dx).
            start: phi on these slices, (n, height, width), mm.
            space: whether the front passes from slice to slice; otherwise each is solved by itself.
            watch: called now and then.

        Returns:
            phi, shaped like start, mm, and why it stopped there.
        """


@dataclasses.dataclass(frozen=True)
class Classical:
    """The level set equation of a seeded contour (LSE), see `solver.Parameters`."""

    parameters: Parameters = Parameters()

    def evolve(self, image, slices, spacing_mm, start, space, watch):
        """See `Equation`."""
        solution = segment_from(
            _batch(image[slices], space),
            _spacing(spacing_mm, len(start), space),
            _batch(start, space),
            self.parameters,
            callback=lambda state: watch(_slices(state.phi), float(state.seconds.max())),
        )
        return _slices(solution.phi), ", ".join(dict.fromkeys(solution.reasons))


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """The speed and the curvature weight that a level set network (LSN) finds on its finest grid.

    The equation is solved on that grid, and phi interpolated to the slices, as the network does it itself. In space the
    fields of all slices are stacked: what was learned in the plane moves a front between slices as well.
    """

    network: AnySize

    def evolve(self, image, slices, spacing_mm, start, space, watch):
        """See `Equation`."""
        stages = [self._stage(image[slices][n : n + BATCH], spacing_mm[1:]) for n in range(0, len(start), BATCH)]
        fields = {name: np.concatenate([stage.fields[name] for stage in stages]) for name in stages[0].fields}
        dy, dx = stages[0].spacing_mm[0].tolist()
        coarse = np.asarray(self.network.phi_to_grid(start[..., None].astype(np.float32)))[..., 0]
        if not inside(coarse).any():
            raise ValueError(
                f"the start must be larger than a pixel of the network's grid, {dy:.1f} mm x {dx:.1f} mm. "
                "Draw a larger one."
            )

        def on_slices(phi):
            return np.asarray(self.network.from_grid(_slices(phi)[..., None], size=start.shape[1:]))[..., 0]

        def callback(state: State) -> bool:
            return watch(on_slices(state.phi), float(state.seconds.max()))

        solution = solve(
            _batch(coarse, space),
            {name: field[None] for name, field in fields.items()} if space else fields,
            _spacing((spacing_mm[0], dy, dx), len(start), space),
            step=self._step(stages[0], space),
            stopping=LEARNED_STOPPING,
            reinitialization=Reinitialization(12, dtype="float32"),
            active=space,
            callback=callback,
        )
        return on_slices(solution.phi), ", ".join(dict.fromkeys(solution.reasons))

    def _stage(self, image: np.ndarray, spacing_mm: Sequence[float]) -> Any:
        """Returns the equation of some slices on the finest grid."""
        spacing = np.tile(np.asarray(spacing_mm, np.float32), (len(image), 1))
        inputs = self.network.grid_inputs({"image": image[..., None].astype(np.float32), "spacing": spacing})
        return to_solver(self.network.model, {k: ops.convert_to_numpy(v) for k, v in inputs.items()}).stages[-1]

    def _step(self, stage: Any, space: bool) -> Any:
        if space and (stage.kernels or "velocity" in stage.fields):
            raise ValueError("in space a network must have frozen stencils and no transport. Evolve in one slice.")
        return dataclasses.replace(stage, spacing_mm=np.ones((1, 2 + space))).make_step()


def read_parameters(given: Any) -> Parameters:
    """Returns the parameters of the LSE that a page asks for, by name. Raises ValueError for others or no numbers."""
    known = {field.name for field in dataclasses.fields(Parameters)}
    if not isinstance(given, Mapping) or given.keys() - known:
        raise ValueError(f"parameters must be some of {', '.join(sorted(known))}. Received {str(given)[:80]}.")
    if wrong := [name for name, value in given.items() if type(value) not in (int, float)]:
        raise ValueError(f"{wrong[0]} must be a number. Received {given[wrong[0]]!r}.")
    return Parameters(**given)


def _batch(slices: np.ndarray, space: bool) -> np.ndarray:
    """Returns slices as a batch of images, or as one volume."""
    return (slices[None] if space else slices)[..., None].astype(np.float32)


def _slices(batch: np.ndarray) -> np.ndarray:
    return batch[0, ..., 0] if batch.ndim == 5 else batch[..., 0]


def _spacing(spacing_mm: Sequence[float], count: int, space: bool) -> np.ndarray:
    return np.array([spacing_mm]) if space else np.tile(spacing_mm[1:], (count, 1))
