"""Turns a table of solids into voxels: who covers each voxel centre, and the CT number with borders one pixel soft.

Structures are painted in order, a later one over an earlier one, each clipped to the structure it lies within.
Everything is evaluated at voxel centres, so a finer matrix samples the same anatomy.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lsn_tf.data.solids import Points, Solid


class Structure(NamedTuple):
    """A solid with a name and its CT number, clipped to the earlier structure named `within` (None: to nothing)."""

    name: str
    within: str | None
    hu: float
    solid: Solid


class Region(NamedTuple):
    """The voxels in and up to half a pixel around a structure: flat index, points and level set in cm."""

    index: np.ndarray
    points: Points
    level_set: np.ndarray


def everywhere(points: Points) -> Region:
    """The region of all voxels; `points` are (x, y, z), each flat."""
    return Region(np.arange(points[0].size), points, np.full(points[0].shape, -np.inf, np.float32))


def clip(parent: Region, solid: Solid, pixel_cm: float) -> Region:
    """The part of `parent` that the solid covers."""
    level_set = np.maximum(solid(parent.points), parent.level_set)
    keep = np.flatnonzero(level_set < pixel_cm / 2)
    return Region(parent.index[keep], tuple(axis[keep] for axis in parent.points), level_set[keep])


def blend_in(image: np.ndarray, region: Region, hu: float, pixel_cm: float) -> None:
    """Mixes `hu` into the flat image, in place, by the share of each pixel that the region covers."""
    coverage = np.clip(0.5 - region.level_set / np.float32(pixel_cm), 0, 1)
    image[region.index] += coverage * (np.float32(hu) - image[region.index])


def paint(image: np.ndarray, structures: Sequence[Structure], points: Points, pixel_cm: float) -> np.ndarray:
    """Paints the structures over the flat image, in place.

    Args:
        image: (voxels,) float32, HU.
        structures: At most 255, in painting order; the names that others lie within come first and once.
        points: Voxel centres (x, y, z) in cm, each (voxels,) float32.
        pixel_cm: Width of the soft border.

    Returns:
        (voxels,) uint8, the structure seen at each voxel centre, counted from 1; 0 where there is none.
    """
    seen = np.zeros(image.shape, np.uint8)
    regions = {None: everywhere(points)}
    parents = {structure.within for structure in structures}
    for number, structure in enumerate(structures, start=1):
        region = clip(regions[structure.within], structure.solid, pixel_cm)
        blend_in(image, region, structure.hu, pixel_cm)
        seen[region.index[region.level_set < 0]] = number
        if structure.name in parents:
            regions[structure.name] = region
    return seen
