"""Connected components of masks that are large: slice by slice, with memory for one slice beside the mask.

Each slice is labelled in the plane, and a graph joins the regions of neighbouring slices that share a voxel's face.
Voxels are connected through faces. Masks are changed in place, (slices, height, width) bool.
"""

import dataclasses

import numpy as np
from scipy import ndimage, sparse


@dataclasses.dataclass(frozen=True, eq=False)
class _Regions:
    """The regions of all slices, numbered slice after slice.

    Attributes:
        first: (slices + 1,), the number of each slice's first region.
        component: (regions,), the component that each belongs to; components count up in the order of the array.
        voxels: (regions,).
        at_frame: (regions,) bool, whether it touches the frame of the array.
    """

    first: np.ndarray
    component: np.ndarray
    voxels: np.ndarray
    at_frame: np.ndarray


def keep_largest_component(mask: np.ndarray) -> int:
    """Keeps the component with the most voxels, the first in the order of the array of several of one size.

    Returns:
        How many voxels were removed.
    """
    regions = _regions_of(mask)
    if not regions.component.size:
        return 0
    sizes = np.bincount(regions.component, weights=regions.voxels)
    kept = regions.component == np.argmax(sizes)
    for plane, labels, numbers in _labelled(mask, regions):
        plane[:] = np.append(False, kept[numbers])[labels]
    return int(regions.voxels.sum() - sizes.max())


def fill_holes(mask: np.ndarray) -> int:
    """Fills what is enclosed on all sides: a component of the outside that does not touch the frame of the array.

    Along an axis of one voxel nothing lies beyond: the holes of a single slice are those in its plane.

    Returns:
        How many voxels were added.
    """
    outside = np.logical_not(mask, out=mask)
    regions = _regions_of(outside)
    reaches_frame = np.bincount(regions.component, weights=regions.at_frame) > 0
    hole = ~reaches_frame[regions.component]
    for plane, labels, numbers in _labelled(outside, regions):
        plane[:] = np.append(False, ~hole[numbers])[labels]
    np.logical_not(outside, out=mask)
    return int(regions.voxels[hole].sum())


def _regions_of(mask: np.ndarray) -> _Regions:
    counts, voxels, at_frame, pairs = [], [], [], [np.empty((2, 0), np.int64)]
    before, first = np.zeros(mask.shape[1:], np.int32), 0
    for number, plane in enumerate(mask):
        labels, count = ndimage.label(plane)
        joined = (before > 0) & (labels > 0)
        codes = np.unique(before[joined] * np.int64(count + 1) + labels[joined])
        before_first = first - (counts[-1] if counts else 0)
        pairs.append(np.stack(np.divmod(codes, count + 1)) + [[before_first - 1], [first - 1]])
        voxels.append(np.bincount(labels.ravel(), minlength=count + 1)[1:])
        outermost = len(mask) > 1 and number in (0, len(mask) - 1)
        at_frame.append(np.full(count, True) if outermost else _at_edges(labels, count))
        counts.append(count)
        before, first = labels, first + count
    ends = np.concatenate(pairs, axis=1)
    graph = sparse.coo_array((np.ones(ends.shape[1], bool), tuple(ends)), shape=(first, first))
    component = sparse.csgraph.connected_components(graph, directed=False)[1] if first else np.empty(0, np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])
    return _Regions(starts, component, np.concatenate(voxels), np.concatenate(at_frame))


def _at_edges(labels: np.ndarray, count: int) -> np.ndarray:
    """Returns which of the regions of a slice touch its edges, (count,) bool."""
    touching = np.zeros(count + 1, bool)
    for lines in (labels, labels.T):
        if len(lines) > 1:
            touching[lines[[0, -1]]] = True
    return touching[1:]


def _labelled(mask: np.ndarray, regions: _Regions):
    """Yields each slice that has regions, its labels again, and the numbers of its regions."""
    for plane, first, end in zip(mask, regions.first[:-1], regions.first[1:], strict=True):
        if end > first:
            yield plane, ndimage.label(plane)[0], slice(first, end)
