"""Symmetries of a kernel: scale, sign, the eight turns and mirrors of the square; one canonical form for each orbit."""

import dataclasses

import numpy as np

from lsn_tf.analysis.kernel_arrays import chunks, flat, single_threaded, size_of, unit

ANGLE = 0.43  # of the reference's gradient, between the mirror lines at 0 and at pi / 4


@dataclasses.dataclass(frozen=True)
class Symmetries:
    """Which changes of a kernel leave it the same operator.

    Attributes:
        scale: a positive factor; without it kernels are compared at their own norms.
        sign: the factor -1.
        turns: by 90, 180 and 270 degrees.
        mirrors: left to right, top to bottom, and both. With turns these are all eight symmetries of the square.
    """

    scale: bool = True
    sign: bool = True
    turns: bool = True
    mirrors: bool = True

    def permutations(self, size: int = 3) -> np.ndarray:
        """Returns the g images of a square, (g, size * size): `rows[:, permutation]` is one of flattened kernels."""
        square = np.arange(size * size).reshape(size, size)
        turned = [np.rot90(square, k) for k in (range(4) if self.turns else (0,))]
        mirrored = [image[::a, ::b] for image in turned for a, b in self._mirrors()]
        images = dict.fromkeys(tuple(image.ravel().tolist()) for image in mirrored)
        return np.array(list(images))

    def _mirrors(self) -> tuple[tuple[int, int], ...]:
        return ((1, 1), (1, -1), (-1, 1), (-1, -1)) if self.mirrors else ((1, 1),)


EVERY_SYMMETRY = Symmetries()


@single_threaded
def canonical(kernels: np.ndarray, symmetries: Symmetries = EVERY_SYMMETRY) -> np.ndarray:
    """Returns the canonical form of each kernel: the image, under the symmetries, that is nearest to a reference.

    These forms fill a convex cone, the reference's Dirichlet domain, so means of them are canonical again: k-means and
    PCA may use them. Turned, mirrored or negated kernels have bit-equal forms where no two images are equally near; the
    reference has no symmetry, so that only happens by rounding.

    Args:
        kernels: (n, s, s).
        symmetries: with scale, the forms have L2 norm 1; kernels that are 0 stay 0.

    Returns:
        (n, s, s), float32.
    """
    rows = flat(kernels)
    size = size_of(rows)
    permutations = symmetries.permutations(size)
    templates = _images_of(reference(size).ravel(), permutations)
    forms = np.empty_like(rows)
    for chunk in chunks(len(rows)):
        images = _nearest_image(rows[chunk], templates, permutations, symmetries.sign)
        forms[chunk] = unit(images) if symmetries.scale else images
    return forms.reshape(-1, size, size)


def reference(size: int = 3) -> np.ndarray:
    """Returns the reference of the canonical forms, (size, size): centre positive, rising to the right and down.

    It has a part in each kind of symmetry that kernels can have. Its five weights were searched so that named kernels
    keep their forms under the largest noise: 10 % of their norm, whatever its direction, for all of the dictionary.
    """
    y, x = np.mgrid[:size, :size] - size // 2
    delta = ((x == 0) & (y == 0)).astype(float)
    squared = np.maximum(x**2 + y**2, 1)
    gradient = np.cos(ANGLE) * x + np.sin(ANGLE) * y
    quadratic = 0.07 * (y**2 - x**2) - 1.34 * x * y
    return 2 * delta + gradient / squared**2 + 0.45 * np.hypot(x, y) + quadratic / squared


def _images_of(row: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """Returns t of shape (g, d) with <t_g, k> = <row, image g of k> for every k."""
    return row[np.argsort(permutations, axis=1)].astype(np.float32)


def _nearest_image(rows: np.ndarray, templates: np.ndarray, permutations: np.ndarray, sign: bool) -> np.ndarray:
    scores = rows @ templates.T
    best = np.argmax(np.abs(scores) if sign else scores, axis=1)
    images = np.take_along_axis(rows, permutations[best], axis=1)
    if sign:
        images *= np.where(scores[np.arange(len(rows)), best] < 0, np.float32(-1), np.float32(1))[:, None]
    return images
