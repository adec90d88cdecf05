"""The contours that a user gives -> the level set function from which the front starts."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lsn_tf.numerics import level_sets
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.numerics.seeds import automatic_seed

Point = Sequence[float]


@dataclasses.dataclass(frozen=True, eq=False)
class InitialContours:
    """What a user marks in a volume; everything is united. Positions are mm from the first pixel along (z, y, x).

    Attributes:
        seeds: points inside the object.
        balls: (centre, radius) pairs.
        boxes: (lower, upper) corners.
        mask: bool, shaped like the volume; None for none.
    """

    seeds: Sequence[Point] = ()
    balls: Sequence[tuple[Point, float]] = ()
    boxes: Sequence[tuple[Point, Point]] = ()
    mask: np.ndarray | None = None

    def __bool__(self) -> bool:
        return bool(len(self.seeds) or len(self.balls) or len(self.boxes) or self.mask is not None)

    def in_volume(self, shape: Sequence[int], spacing_mm: Point, seed_radius_mm: float) -> np.ndarray:
        """Returns the level set function of a volume, (slices, height, width), mm.

        Raises:
            ValueError: if nothing is marked, the mask is empty, or no pixel's centre lies inside what is marked.
        """
        self._check()
        parts = [level_sets.ball(shape, spacing_mm, centre, radius) for centre, radius in self.balls]
        parts += [level_sets.box(shape, spacing_mm, *corners) for corners in self.boxes]
        if len(self.seeds):
            parts.append(level_sets.from_seed_points(shape, spacing_mm, self.seeds, seed_radius_mm))
        if self.mask is not None:
            parts.append(level_sets.signed_distance(self.mask, spacing_mm))
        phi = -INSIDE * np.min([-INSIDE * part for part in parts], axis=0)
        if not level_sets.inside(phi).any():
            raise ValueError(
                "the start must hold the centre of a pixel. A seed radius, circle or box is too small for pixels of "
                f"{tuple(round(float(h), 3) for h in spacing_mm)} mm."
            )
        return phi

    def in_slices(self, shape: Sequence[int], spacing_mm: Point, seed_radius_mm: float) -> dict[int, np.ndarray]:
        """Returns the level set function, (height, width), mm, of each slice in which something is marked.

        Points and balls mark the slice of their centre, boxes all that they reach.
        """
        self._check()
        marked = {}

        def slice_of(point):
            return min(max(round(point[0] / spacing_mm[0]), 0), shape[0] - 1)  # a voxel reaches to its outer faces

        for k in range(shape[0]):
            here = InitialContours(
                seeds=[seed[1:] for seed in self.seeds if slice_of(seed) == k],
                balls=[(centre[1:], radius) for centre, radius in self.balls if slice_of(centre) == k],
                boxes=[
                    (lower[1:], upper[1:]) for lower, upper in self.boxes if slice_of(lower) <= k <= slice_of(upper)
                ],
                mask=self.mask[k] if self.mask is not None and self.mask[k].any() else None,
            )
            if here:
                marked[k] = here.in_volume(shape[1:], spacing_mm[1:], seed_radius_mm)
        return marked

    def _check(self) -> None:
        if not self:
            raise ValueError("expected a seed point, circle, box or mask to start from. Received none.")
        if self.mask is not None and not self.mask.any():
            raise ValueError("the initial mask must have a voxel inside. Received an empty one.")


def automatic_contours(image: np.ndarray, spacing_mm: Point, in_slices: bool) -> InitialContours:
    """Returns a seed point found in the image: one for the volume, or one for each slice that seems to show a liver.

    Raises:
        ValueError: if none is found.
    """
    if not in_slices:
        return InitialContours(seeds=[automatic_seed(image, spacing_mm)])
    seeds, reason = [], "no slice"
    for k, picture in enumerate(image):
        try:
            seeds.append((k * spacing_mm[0], *automatic_seed(picture, spacing_mm[1:])))
        except ValueError as error:
            reason = str(error)
    if not seeds:
        raise ValueError(f"no slice shows a place to start from. {reason}")
    return InitialContours(seeds=seeds)
