"""Other ways to measure the distances between the borders of two masks, and masks to time them on."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from lsn_tf.data.phantoms import make_scan

VOLUME_ID = 3  # of the twin whose liver is measured
SHIFT = (1, 2, 3)  # voxels
NOISE = 0.02  # share of the voxels that are wrong

Distances = tuple[np.ndarray, np.ndarray]  # of the border voxels of either mask from the other's, mm


def mask_pairs(size: int, slices: int) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], tuple[float, float, float]]:
    """Returns pairs (liver, prediction), (slices, size, size) bool, by what is wrong, and the voxel size, mm."""
    scan = make_scan(VOLUME_ID, size=size, slices=slices)
    liver, wrong = scan.label > 0, np.random.default_rng(0).random(scan.label.shape) < NOISE
    pairs = {
        f"a liver moved by {SHIFT} voxels": (liver, np.roll(liver, SHIFT, (0, 1, 2))),
        f"a liver with {NOISE:.0%} of all voxels wrong": (liver, liver ^ wrong),
    }
    return pairs, scan.spacing_mm


def by_transforms(reference: np.ndarray, prediction: np.ndarray, spacing_mm: tuple[float, ...]) -> Distances:
    """Returns the distances by Euclidean distance transforms of the whole array, as most do it."""
    ours, theirs = _border(reference), _border(prediction)
    to_ours, to_theirs = (ndimage.distance_transform_edt(~border, sampling=spacing_mm) for border in (ours, theirs))
    return to_theirs[ours], to_ours[theirs]


def by_trees(reference: np.ndarray, prediction: np.ndarray, spacing_mm: tuple[float, ...]) -> Distances:
    """Returns the distances by k-d trees alone."""
    ours, theirs = (np.argwhere(_border(mask)) * spacing_mm for mask in (reference, prediction))
    return KDTree(theirs).query(ours, workers=-1)[0], KDTree(ours).query(theirs, workers=-1)[0]


PEERS: dict[str, Callable[..., Distances]] = {
    "distance transforms of the whole": by_transforms,
    "k-d trees alone": by_trees,
}


def _border(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)
