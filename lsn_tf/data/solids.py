"""Solids as implicit functions of space: the bricks of the synthetic abdomen (`anatomy.py`).

A solid is a function of points `(x, y, z)`, three float32 arrays of one shape in cm, that returns a level set of that
shape: negative inside, zero on the surface and, near the surface, the distance to it in cm to first order.
"""

from collections.abc import Callable, Sequence

import numpy as np

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
Solid = Callable[[Points], np.ndarray]

TINY = np.float32(1e-6)  # keeps 0/0 out of the centre of an ellipsoid


def ellipsoid(center: Sequence[float], radii: Sequence[float], turn_degrees: float = 0.0) -> Solid:
    """An ellipsoid; an infinite radius makes it an elliptic cylinder.

    The level set is f/|grad f| with f = |q| - 1 and q the point in units of the radii: first-order exact distance.

    Args:
        center: (x, y, z), cm.
        radii: Semi-axes along x, y and z, cm.
        turn_degrees: Rotation of the x and y semi-axes about z, from x towards y.
    """
    x0, y0, z0 = np.asarray(center, np.float32)
    a, b, c = np.float32(1) / np.asarray(radii, np.float32)
    cos, sin = np.float32(np.cos(np.radians(turn_degrees))), np.float32(np.sin(np.radians(turn_degrees)))

    def level_set(points: Points) -> np.ndarray:
        x, y, z = points[0] - x0, points[1] - y0, points[2] - z0
        if turn_degrees:
            x, y = cos * x + sin * y, cos * y - sin * x
        x, y, z = a * x, b * y, c * z
        q = np.sqrt(x * x + y * y + z * z)
        gradient = np.sqrt((a * x) ** 2 + (b * y) ** 2 + (c * z) ** 2)
        return (q - 1) * (q + TINY) / (gradient + TINY)

    return level_set


def superellipse(half_width: float, half_depth: float, exponent: float) -> Solid:
    """The cylinder |x/half_width|^n + |y/half_depth|^n < 1 along z: an ellipse squared off, as a trunk is."""
    n = np.float32(exponent)
    a, b = np.float32(1 / half_width), np.float32(1 / half_depth)

    def level_set(points: Points) -> np.ndarray:
        x, y = np.abs(a * points[0]) + TINY, np.abs(b * points[1]) + TINY
        x_power, y_power = x ** (n - 1), y ** (n - 1)
        f = (x * x_power + y * y_power) ** (1 / n)
        gradient = np.hypot(a * x_power, b * y_power) * f ** (1 - n)
        return (f - 1) / (gradient + TINY)

    return level_set


def half_space(normal: Sequence[float], offset: float) -> Solid:
    """The points with normal . p < offset (cm); the normal, of any length, points outwards."""
    nx, ny, nz = np.asarray(normal, np.float32) / np.float32(np.linalg.norm(normal))
    return lambda points: nx * points[0] + ny * points[1] + nz * points[2] - np.float32(offset)


def tube(path: Sequence[Sequence[float]], radius: float, end_radius: float | None = None) -> Solid:
    """A tube of round section along a polyline, its radius going linearly from `radius` to `end_radius` (cm)."""
    path = np.asarray(path, np.float32)
    radii = np.linspace(radius, radius if end_radius is None else end_radius, len(path), dtype=np.float32)
    return union(*(_cone(*ends) for ends in zip(path[:-1], path[1:], radii[:-1], radii[1:], strict=True)))


def _cone(start: np.ndarray, end: np.ndarray, radius: np.float32, end_radius: np.float32) -> Solid:
    axis = end - start
    length2 = axis @ axis

    def level_set(points: Points) -> np.ndarray:
        x, y, z = points[0] - start[0], points[1] - start[1], points[2] - start[2]
        t = np.clip((x * axis[0] + y * axis[1] + z * axis[2]) / length2, 0, 1)
        distance = np.sqrt((x - t * axis[0]) ** 2 + (y - t * axis[1]) ** 2 + (z - t * axis[2]) ** 2)
        return distance - (radius + t * (end_radius - radius))

    return level_set


def union(*solids: Solid) -> Solid:
    return lambda points: _reduce(np.minimum, solids, points)


def intersection(*solids: Solid) -> Solid:
    return lambda points: _reduce(np.maximum, solids, points)


def difference(solid: Solid, *removed: Solid) -> Solid:
    return intersection(solid, *(complement(part) for part in removed))


def complement(solid: Solid) -> Solid:
    return lambda points: -solid(points)


def grown(solid: Solid, margin: float) -> Solid:
    """The solid and everything within `margin` cm of it; a negative margin shrinks it."""
    return lambda points: solid(points) - np.float32(margin)


def blend(first: Solid, second: Solid, width: float) -> Solid:
    """A union whose crease is rounded over about `width` cm (polynomial smooth minimum)."""

    def level_set(points: Points) -> np.ndarray:
        a, b = first(points), second(points)
        overlap = np.maximum(np.float32(width) - np.abs(a - b), 0)
        return np.minimum(a, b) - overlap * overlap / np.float32(4 * width)

    return level_set


def _reduce(operation: np.ufunc, solids: Sequence[Solid], points: Points) -> np.ndarray:
    level_set = solids[0](points)
    for solid in solids[1:]:
        level_set = operation(level_set, solid(points))
    return level_set
