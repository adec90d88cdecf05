"""Initial contours such as a user, or another network, would give: references with the errors of both, as distances."""

import numpy as np
from scipy import ndimage

from lsn_tf.numerics.level_sets import INSIDE

UNTOUCHED_SHARE = 0.1  # of the contours are the reference itself
MAX_OFFSET_MM = 6.0  # too large or too small all around
MAX_BUMP_MM = 8.0  # standard deviation of the waves along the border
BUMP_LENGTH_MM = (5.0, 40.0)
MAX_ISLANDS, ISLAND_RADIUS_MM = 2, (3.0, 15.0)  # discs anywhere in the field of view
MAX_BITES, BITE_RADIUS_MM = 2, (3.0, 25.0)  # discs out of the target


def simulated_contours(mask: np.ndarray, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns initial contours near a reference: too large or too small, wavy, with islands and bites.

    Args:
        mask: (n, height, width, 1), the share of each pixel that is target.
        spacing: (n, 2), (dy, dx) in mm.
        rng: from which all that is random is drawn, slice by slice.

    Returns:
        phi_0, shaped like mask, float32, mm.
    """
    slices = zip(mask[..., 0] > 0.5, spacing, strict=True)
    return np.stack([_simulated(of_slice, h, rng) for of_slice, h in slices])[..., None]


def contours_of(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Returns the signed distance to the border of each mask, exact between pixel centres, half a pixel off them.

    Args:
        mask: (n, height, width, 1), bool.
        spacing: (n, 2), (dy, dx) in mm.

    Returns:
        phi_0, shaped like mask, float32, mm. Without a border every pixel is as far as the diagonal of the grid.
    """
    return np.stack([_distance(*pair) for pair in zip(mask[..., 0], spacing, strict=True)])[..., None]


def _distance(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    if mask.all() or not mask.any():
        far = np.linalg.norm(np.multiply(mask.shape, spacing))
        return np.where(mask, INSIDE * far, -INSIDE * far).astype(np.float32)
    half = 0.5 * float(np.sqrt(np.prod(spacing)))
    within, beyond = (ndimage.distance_transform_edt(part, sampling=spacing) for part in (mask, ~mask))
    return np.where(mask, INSIDE * (within - half), -INSIDE * (beyond - half)).astype(np.float32)


def _simulated(mask: np.ndarray, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    phi = _distance(mask, spacing)
    if rng.random() < UNTOUCHED_SHARE:
        return phi
    phi = phi + rng.uniform(-MAX_OFFSET_MM, MAX_OFFSET_MM) + rng.uniform(0, MAX_BUMP_MM) * _waves(phi, spacing, rng)
    for _ in range(rng.integers(MAX_ISLANDS + 1)):
        phi = np.minimum(phi, _disc(np.ones_like(mask), spacing, ISLAND_RADIUS_MM, rng))
    for _ in range(rng.integers(MAX_BITES + 1) if mask.any() else 0):
        phi = np.maximum(phi, -_disc(mask, spacing, BITE_RADIUS_MM, rng))
    return _distance(phi * INSIDE > 0, spacing)


def _waves(phi: np.ndarray, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns smooth noise of unit variance."""
    noise = rng.standard_normal(phi.shape, np.float32)
    noise = ndimage.gaussian_filter(noise, rng.uniform(*BUMP_LENGTH_MM) / spacing, mode="wrap")
    return noise / noise.std()


def _disc(where: np.ndarray, spacing: np.ndarray, radius_mm: tuple[float, float], rng: np.random.Generator):
    """Returns the signed distance to a disc with its centre in some pixel of a mask, negative within, mm."""
    row, column = np.divmod(rng.choice(np.flatnonzero(where)), where.shape[1])
    y = (np.arange(where.shape[0]) - row)[:, None] * spacing[0]
    x = (np.arange(where.shape[1]) - column) * spacing[1]
    return INSIDE * (rng.uniform(*radius_mm) - np.hypot(y, x))
