"""The part of an image that a front can reach: a box that grows with it."""

import numpy as np
from keras import ops

from lsn_tf.layers.reinitialization import beside_contour

GRAIN = 32  # pixels; sides are multiples of it, so that XLA compiles for few shapes


def active_box(phi, reach: int, margin: int = 8) -> tuple[slice, ...]:
    """Returns the slices of the smallest box, in grains, with all fronts of a batch and what they can reach.

    Args:
        phi: (batch, [depth,] height, width, 1).
        reach: pixels that a front can go: one a step.
        margin: pixels more, for the neighbourhood that differences look at.

    Returns:
        One slice for each axis of phi; the whole of phi where there is no front.
    """
    beside = ops.convert_to_numpy(ops.any(beside_contour(phi), axis=(0, -1)))
    spans = [_span(beside, axis, reach + margin) for axis in range(beside.ndim)]
    return (slice(0, len(phi)), *spans, slice(0, 1))


def _span(beside: np.ndarray, axis: int, wider: int) -> slice:
    length = beside.shape[axis]
    places = np.flatnonzero(beside.any(axis=tuple(a for a in range(beside.ndim) if a != axis)))
    if not places.size:
        return slice(0, length)
    start, stop = max(places[0] - wider, 0), min(places[-1] + 1 + wider, length)
    size = min(-(-(stop - start) // GRAIN) * GRAIN, length)
    start = min(start, length - size)
    return slice(int(start), int(start + size))
