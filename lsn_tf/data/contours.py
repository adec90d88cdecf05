"""Initial contours such as a user, or another network, would give: references with errors, or discs about a click."""

import numpy as np
from scipy import ndimage

from lsn_tf.numerics.level_sets import ball, distance_to_pixels, inside

UNTOUCHED_SHARE = 0.1  # of the contours are the reference itself
MAX_OFFSET_MM = 6.0  # too large or too small all around
MAX_BUMP_MM = 8.0  # standard deviation of the waves along the border
BUMP_LENGTH_MM = (5.0, 40.0)
MAX_ISLANDS, ISLAND_RADIUS_MM = 2, (3.0, 15.0)  # discs anywhere in the field of view
MAX_BITES, BITE_RADIUS_MM = 2, (3.0, 25.0)  # discs out of the target
SEED_RADIUS_MM = 8.0
SEED_DEPTH = 0.5  # of the largest depth in the target: no user clicks next to its border


def simulated_contours(kind: str, mask: np.ndarray, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns initial contours that know something of a reference.

    Args:
        kind: "given" for contours near it: too large or too small, wavy, with islands and bites; "seed_point" for a
            disc about a point well inside it, and none where it is empty.
        mask: (n, height, width, 1), the share of each pixel that is target.
        spacing: (n, 2), (dy, dx) in mm.
        rng: from which all that is random is drawn, slice by slice.

    Returns:
        phi_0, the signed distance to the contour, shaped like mask, float32, mm.

    Raises:
        ValueError: for another kind.
    """
    kinds = {"given": _near, "seed_point": _around_click}
    if kind not in kinds:
        raise ValueError(f"kind must be one of {sorted(kinds)}. Received {kind!r}.")
    slices = zip(mask[..., 0] > 0.5, spacing, strict=True)
    return np.stack([kinds[kind](of_slice, h, rng) for of_slice, h in slices]).astype(np.float32)[..., None]


def _around_click(mask: np.ndarray, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the signed distance to a disc about some pixel deep in a mask."""
    depth = -distance_to_pixels(mask, spacing)
    if not mask.any():
        return -depth
    centre = np.unravel_index(rng.choice(np.flatnonzero(depth >= SEED_DEPTH * depth.max())), mask.shape)
    return ball(mask.shape, spacing, np.multiply(centre, spacing), SEED_RADIUS_MM)


def _near(mask: np.ndarray, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    phi = distance_to_pixels(mask, spacing)
    if rng.random() < UNTOUCHED_SHARE:
        return phi
    phi = phi + rng.uniform(-MAX_OFFSET_MM, MAX_OFFSET_MM) + rng.uniform(0, MAX_BUMP_MM) * _waves(phi, spacing, rng)
    for _ in range(rng.integers(MAX_ISLANDS + 1)):
        phi = np.minimum(phi, _disc(np.ones_like(mask), spacing, ISLAND_RADIUS_MM, rng))
    for _ in range(rng.integers(MAX_BITES + 1) if mask.any() else 0):
        phi = np.maximum(phi, -_disc(mask, spacing, BITE_RADIUS_MM, rng))
    return distance_to_pixels(inside(phi), spacing)


def _waves(phi: np.ndarray, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns smooth noise of mean 0 and unit variance."""
    noise = rng.standard_normal(phi.shape, np.float32)
    noise = ndimage.gaussian_filter(noise, rng.uniform(*BUMP_LENGTH_MM) / spacing, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def _disc(where: np.ndarray, spacing: np.ndarray, radius_mm: tuple[float, float], rng: np.random.Generator):
    """Returns the signed distance to a disc with its centre in some pixel of a mask, mm."""
    centre = np.unravel_index(rng.choice(np.flatnonzero(where)), where.shape)
    return ball(where.shape, spacing, np.multiply(centre, spacing), rng.uniform(*radius_mm))
