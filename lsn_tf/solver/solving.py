"""Solves the level set equation until the front is at rest."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from lsn_tf.compilation import compiled
from lsn_tf.layers import LevelSetStep, Reinitialization
from lsn_tf.layers.boundary import per_image
from lsn_tf.solver.active_box import active_box
from lsn_tf.solver.marching import Motion, march_of
from lsn_tf.solver.stopping import CALLBACK, Stopping

COEFFICIENTS = {"speed", "velocity", "curvature_weight"}
Fields = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class State:
    """Where a solver is, as a callback sees it; arrays of shape (batch,) but for phi.

    Attributes:
        phi: (batch, [depth,] height, width, 1), mm.
        steps: made so far.
        seconds: time of the equation, s.
        motion: of the fronts since the last check.
    """

    phi: np.ndarray
    steps: np.ndarray
    seconds: np.ndarray
    motion: Motion


@dataclasses.dataclass(frozen=True, eq=False)
class Solution(State):
    """The last state, and why each image of the batch stopped there.

    Attributes:
        reasons: one of "steady", "time is up", "step limit", "callback", "collapsed" (nothing is inside any more) and
            "leaked" (the front has run into the frame) for each image.
    """

    reasons: tuple[str, ...]


def solve(
    phi: np.ndarray,
    fields: Fields | Callable[[Any], Fields],
    spacing_mm: np.ndarray,
    *,
    step: LevelSetStep | None = None,
    stopping: Stopping | None = None,
    cfl: float = 0.9,
    reinitialization: Reinitialization | None = None,
    active: bool = False,
    callback: Callable[[State], bool | None] | None = None,
) -> Solution:
    """Solves phi_t + V |grad phi| + a . grad phi = epsilon kappa |grad phi| from phi on, each image until it stops.

    The steps between two checks are one loop compiled by XLA. An image that has stopped stays as it is while others
    of the batch go on, so it ends as it would alone.

    Args:
        phi: (batch, [depth,] height, width, 1), mm, negative inside.
        fields: the coefficients of the equation, see `LevelSetStep`; or a function that gives them for a phi, which
            is called at every check (region terms depend on phi).
        spacing_mm: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.
        step: the discretisation; first-order Godunov by default.
        stopping: when to stop.
        cfl: CFL number, in (0, 1).
        reinitialization: makes phi a signed distance again at every check; None to leave it.
        active: work on the box around the fronts alone. It pays where they are small in a large volume. Far from
            them phi is not updated, so it wants a reinitialization, and the front is that of the whole up to a small
            part of a pixel.
        callback: called at every check; stops all if it returns True.

    Raises:
        ValueError: if shapes do not fit, numbers are not finite, a curvature weight is negative, there is no
            coefficient or one of another name, cfl is not in (0, 1), or a reinitialization meets a periodic boundary.
    """
    step, stopping = step or LevelSetStep(), stopping or Stopping()
    _check(phi, spacing_mm, cfl, active, reinitialization, step)
    dtype, ndim = step.compute_dtype, spacing_mm.shape[1]
    phi, spacing = ops.convert_to_tensor(phi, dtype), ops.convert_to_tensor(spacing_mm, dtype)
    march, redistance = march_of(step, phi.shape), _redistance(reinitialization, dtype, ndim)
    steps, seconds, reasons = np.zeros(len(phi), int), np.zeros(len(phi)), [None] * len(phi)
    motion = Motion(*np.zeros((4, len(phi))))
    now = stable = None
    while None in reasons:
        count = min(stopping.check_every, stopping.max_steps - int(steps.max()))
        going = np.array([reason is None for reason in reasons])
        if now is None or callable(fields):
            now = _tensors(fields(phi) if callable(fields) else _checked(fields), dtype)
            stable = ops.convert_to_numpy(march.stable_time_step(now, spacing, cfl)).reshape(-1)
        left = np.inf if stopping.seconds is None else stopping.seconds - seconds
        time_step = np.where(going, np.minimum(stable, left / count), 0.0)
        box = active_box(phi, count, margin=8 * march.step.halo) if active else tuple(slice(0, n) for n in phi.shape)
        before, local = phi[box], {name: _in_box(field, box, phi.shape) for name, field in now.items()}
        after = march(before, local, spacing, per_image(ops.convert_to_tensor(time_step, dtype), ndim), count)
        if redistance:
            after = ops.where(per_image(ops.convert_to_tensor(going), ndim), redistance(after, spacing), after)
        phi = ops.slice_update(phi, [part.start for part in box], after) if active else after
        motion = march.motion(before, after, spacing, phi).where(going, motion)
        steps, seconds = steps + count * going, seconds + count * time_step
        found = stopping.reasons(motion, steps, seconds)
        reasons = [old or new for old, new in zip(reasons, found, strict=True)]
        if callback and callback(State(ops.convert_to_numpy(phi), steps, seconds, motion)):
            reasons = [reason or CALLBACK for reason in reasons]
    return Solution(ops.convert_to_numpy(phi), steps, seconds, motion, tuple(reasons))


def _checked(fields: Fields) -> Fields:
    for name, field in fields.items():
        lowest = np.min(ops.convert_to_numpy(field))
        if not np.isfinite(ops.convert_to_numpy(field)).all() or (name == "curvature_weight" and lowest < 0):
            wanted = "finite and not negative" if name == "curvature_weight" else "finite"
            raise ValueError(f"{name} must be {wanted} everywhere. Received {lowest} as its lowest value.")
    return fields


def _tensors(fields: Fields, dtype: str) -> dict[str, Any]:
    if not fields or fields.keys() - COEFFICIENTS:
        raise ValueError(f"fields must hold some of {sorted(COEFFICIENTS)}. Received {sorted(fields)}.")
    return {name: ops.convert_to_tensor(field, dtype) for name, field in fields.items()}


def _in_box(field, box: tuple[slice, ...], shape: tuple[int, ...]):
    """Returns the part of a field in a box of phi; a field that is the same everywhere has no parts."""
    return field[(*box[:-1], slice(None))] if field.shape[1:-1] == shape[1:-1] else field


def _redistance(reinitialization: Reinitialization | None, dtype: str, ndim: int) -> Callable | None:
    """Returns a reinitialisation compiled; equal ones share one, so that XLA compiles it once a process."""
    return reinitialization and _shared_redistance(reinitialization.steps, dtype, ndim)


@functools.lru_cache(maxsize=16)
def _shared_redistance(steps: int, dtype: str, ndim: int) -> Callable:
    return compiled(Reinitialization(steps, dtype=dtype))


def _check(phi, spacing_mm, cfl, active, reinitialization, step):
    if phi.ndim not in (4, 5) or phi.shape[-1] != 1:
        raise ValueError(f"phi must be (batch, [depth,] height, width, 1). Received shape {phi.shape}.")
    if spacing_mm.shape != (len(phi), phi.ndim - 2):
        raise ValueError(
            f"spacing_mm must be (batch, axes) = {(len(phi), phi.ndim - 2)} for phi of shape {phi.shape}. "
            f"Received shape {spacing_mm.shape}."
        )
    if not 0 < cfl < 1:
        raise ValueError(f"cfl must be in (0, 1), the range in which the scheme is stable. Received cfl={cfl}.")
    if active and not reinitialization:
        raise ValueError("active=True wants a reinitialization, since phi far from the fronts is not updated.")
    if step.boundary == "periodic" and reinitialization:
        raise ValueError(
            'boundary="periodic" must go without reinitialization, which knows nothing beyond the frame. Received both.'
        )
    if not np.isfinite(phi).all():
        raise ValueError(f"phi must be finite, mm. Received {int((~np.isfinite(phi)).sum())} pixels that are not.")
    if not (np.isfinite(spacing_mm).all() and (np.asarray(spacing_mm) > 0).all()):
        raise ValueError(f"spacing_mm must be positive, mm. Received {np.asarray(spacing_mm).tolist()}.")
