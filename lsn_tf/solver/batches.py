"""What of a scan is solved: the whole as one volume, or some of its slices as a batch."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lsn_tf.data.volumes import Scan
from lsn_tf.numerics.level_sets import INSIDE
from lsn_tf.solver.initial_contours import InitialContours


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """What is solved: a scan as one volume, or some of its slices.

    Attributes:
        image: (1, slices, height, width, 1) or (chosen slices, height, width, 1), HU.
        spacing_mm: (batch, 3 or 2), pixel size ([dz,] dy, dx).
        phi: where the front starts, shaped like image, mm.
        shape: (slices, height, width) of the scan.
        slices: which are solved.
    """

    image: np.ndarray
    spacing_mm: np.ndarray
    phi: np.ndarray
    shape: tuple[int, int, int]
    slices: Sequence[int]

    def in_scan(self, values: np.ndarray, elsewhere: float | None = None) -> np.ndarray:
        """Returns values of the batch on the whole scan; slices that were not solved are by default far outside."""
        far = -INSIDE * float(np.linalg.norm(self.shape[1:] * self.spacing_mm[0, -2:]))
        whole = np.full(self.shape, far if elsewhere is None else elsewhere, values.dtype)
        whole[self.slices] = values[0, ..., 0] if values.ndim == 5 else values[..., 0]
        return whole


def make_batch(scan: Scan, contours: InitialContours, plane: bool, seed_radius_mm: float) -> Batch:
    """Returns the volume, or the slices in which something is marked, ready to be solved."""
    shape = scan.image.shape
    if not plane:
        phi = contours.in_volume(shape, scan.spacing_mm, seed_radius_mm)[None, ..., None]
        return Batch(scan.image[None, ..., None], np.array([scan.spacing_mm]), phi, shape, range(len(scan.image)))
    marked = contours.in_slices(shape, scan.spacing_mm, seed_radius_mm)
    slices, phi = list(marked), np.stack(list(marked.values()))[..., None]
    return Batch(scan.image[slices][..., None], np.tile(scan.spacing_mm[1:], (len(slices), 1)), phi, shape, slices)
