"""Closed-form solutions of the level set equation, against which the order of accuracy is measured."""

from collections.abc import Sequence

import numpy as np

from lsn_tf.numerics import level_sets


def moving_circle(
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    radius_mm: float,
    *,
    time: float = 0.0,
    speed: float = 0.0,
    velocity: Sequence[float] = (0.0, 0.0),
) -> np.ndarray:
    """Returns phi(t), mm, of a circle in the middle of the grid.

    It solves phi_t + speed |grad phi| + velocity . grad phi = 0: the radius grows by speed t and the centre moves
    by velocity t. phi(0) is a signed distance, and phi(t) = phi(0)(x - velocity t) - speed t wherever
    no characteristic has left the centre.

    Args:
        shape: (height, width).
        spacing_mm: (dy, dx), mm.
        radius_mm: radius at t = 0, mm.
        time: t, s.
        speed: normal speed, mm/s; positive expands.
        velocity: (ay, ax), mm/s.
    """
    centre = [0.5 * (n - 1) * h + a * time for n, h, a in zip(shape, spacing_mm, velocity, strict=True)]
    return level_sets.ball(shape, spacing_mm, centre, radius_mm + speed * time)


def mean_curvature_radius(radius_mm: float, epsilon: float, time: float) -> float:
    """Returns r(t) = sqrt(r0**2 - 2 epsilon t), mm, of a circle that shrinks by phi_t = epsilon kappa |grad phi|."""
    if 2 * epsilon * time >= radius_mm**2:
        raise ValueError(
            f"a circle of radius {radius_mm} mm vanishes at t = {radius_mm**2 / (2 * epsilon)} s. Received t = {time}."
        )
    return float(np.sqrt(radius_mm**2 - 2 * epsilon * time))


def paraboloid(shape: Sequence[int], spacing_mm: Sequence[float], focus_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns phi = (x**2 + y**2) / (2 focus), mm, about the middle of the grid, and its |grad phi|."""
    axes = [x - x.mean() for x in level_sets.pixel_centres(shape, spacing_mm)]
    squared = sum(x**2 for x in axes)
    return squared / (2 * focus_mm), np.sqrt(squared) / focus_mm
