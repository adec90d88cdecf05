"""What a user has marked on the page -> the contour from which the front starts."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.numerics.level_sets import INSIDE, distance_to_pixels, from_seed_points, inside

LEAST_CORNERS = 3


@dataclasses.dataclass(frozen=True)
class Marks:
    """Seed points and an outline; positions are voxels of the canonical grid, whole numbers their centres.

    Attributes:
        points: (x, y, z).
        outline: corners (x, y) of a closed polygon in an axial slice.
        number: of that slice, from 0; where there is a point and no outline, the slice of the point.
    """

    points: tuple[tuple[float, float, float], ...] = ()
    outline: tuple[tuple[float, float], ...] = ()
    number: int = 0

    def __bool__(self) -> bool:
        return bool(self.points or self.outline)

    @classmethod
    def read(cls, request: Mapping[str, Any], shape: Sequence[int]) -> "Marks":
        """Returns what a request holds as "points", "outline" and "slice".

        Args:
            request: JSON of the page.
            shape: (slices, height, width) of the scan.

        Raises:
            ValueError: if they are no numbers, or lie outside of the scan.
        """
        points, outline = _rows(request, "points", 3), _rows(request, "outline", 2)
        number = request.get("slice", round(points[0][2]) if points else 0)
        if type(number) is not int or not 0 <= number < shape[0]:
            raise ValueError(f"slice must be a whole number in [0, {shape[0]}). Received {number!r}.")
        for x, y, z in [*points, *((x, y, number) for x, y in outline)]:
            if not all(-0.5 <= at <= n - 0.5 for at, n in zip((z, y, x), shape, strict=True)):
                raise ValueError(
                    f"marks must lie in the scan, (x, y, z) within {tuple(shape[::-1])}. Received {x, y, z}."
                )
        if outline and len(outline) < LEAST_CORNERS:
            raise ValueError(f"outline must have {LEAST_CORNERS} corners or more. Received {len(outline)}.")
        return cls(points, outline, number)

    def in_space(self, shape: Sequence[int], spacing_mm: Sequence[float], radius_mm: float) -> np.ndarray:
        """Returns phi of the volume, (slices, height, width), mm: balls about the points and the inside of the outline.

        Raises:
            ValueError: if no voxel's centre lies inside.
        """
        parts = []
        if self.points:
            seeds = [np.multiply(point[::-1], spacing_mm) for point in self.points]
            parts.append(from_seed_points(shape, spacing_mm, seeds, radius_mm))
        if self.outline:
            mask = np.zeros(shape, bool)
            mask[self.number] = _filled(self.outline, shape[1:])
            parts.append(distance_to_pixels(mask, spacing_mm))
        return _united(parts, spacing_mm)

    def in_slice(self, shape: Sequence[int], spacing_mm: Sequence[float], radius_mm: float) -> np.ndarray:
        """Returns phi of the slice, (1, height, width), mm: discs about its points and the inside of the outline.

        Raises:
            ValueError: if no pixel's centre lies inside.
        """
        parts, plane, spacing = [], shape[1:], spacing_mm[1:]
        here = [np.multiply((y, x), spacing) for x, y, z in self.points if round(z) == self.number]
        if here:
            parts.append(from_seed_points(plane, spacing, here, radius_mm))
        if self.outline:
            parts.append(distance_to_pixels(_filled(self.outline, plane), spacing))
        return _united(parts, spacing)[None]


def _united(parts: Sequence[np.ndarray], spacing_mm: Sequence[float]) -> np.ndarray:
    phi = -INSIDE * np.min([-INSIDE * part for part in parts], axis=0) if parts else None
    if phi is None or not inside(phi).any():
        sizes = " x ".join(f"{h:.2f}" for h in spacing_mm)
        raise ValueError(f"the start must hold the centre of a pixel, {sizes} mm. Draw a larger one.")
    return phi


def _filled(outline: Sequence[tuple[float, float]], shape: Sequence[int]) -> np.ndarray:
    """Returns the pixels whose centres lie in a polygon, by the even-odd rule."""
    x, y = (np.asarray(axis, float) for axis in zip(*outline, strict=True))
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None]
    mask = np.zeros(shape, bool)
    for x0, y0, x1, y1 in zip(x, y, np.roll(x, -1), np.roll(y, -1), strict=True):
        if y0 != y1:
            crossing = x0 + (rows - y0) * (x1 - x0) / (y1 - y0)
            mask ^= ((y0 > rows) != (y1 > rows)) & (columns < crossing)
    return mask


def _rows(request: Mapping[str, Any], name: str, width: int) -> tuple[tuple[float, ...], ...]:
    rows = request.get(name, [])
    try:
        array = np.asarray(rows, float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if len(rows) and (array.ndim != 2 or array.shape[1] != width or not np.isfinite(array).all()):
        raise ValueError(f"{name} must be rows of {width} numbers. Received {str(rows)[:80]}.")
    return tuple(map(tuple, array.tolist())) if len(rows) else ()
