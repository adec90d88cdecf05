"""Symmetries of a kernel: scale, sign, turns and mirrors of square or cube; one canonical form for each orbit."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.kernel_arrays import chunks, flat, shape_of, single_threaded, unit

REFERENCE = {  # by dimension: weights of centre and of distance, gradient and quadratic form of (x, y, z)
    2: (2.0, 0.45, (np.cos(0.43), np.sin(0.43)), ((-0.07, -0.67), (-0.67, 0.07))),
    3: (
        0.673,
        0.04,
        (0.947, 0.301, 0.111),
        ((-0.161, 0.025, 0.071), (0.025, -0.04, 0.121), (0.071, 0.121, 0.201)),
    ),
}


@dataclasses.dataclass(frozen=True)
class Symmetries:
    """Which changes of a kernel leave it the same operator.

    Attributes:
        scale: a positive factor; without it kernels are compared at their own norms.
        sign: the factor -1.
        turns: by 90, 180 and 270 degrees; of a cube all its 24 rotations.
        mirrors: along any of the axes. With turns these are all 8 symmetries of the square, all 48 of the cube.
    """

    scale: bool = True
    sign: bool = True
    turns: bool = True
    mirrors: bool = True

    def permutations(self, size: int | Sequence[int] = 3) -> np.ndarray:
        """Returns the g images of a kernel of this width or shape, (g, d), itself first.

        `rows[:, permutation]` is one of them, of flattened kernels, (n, d).
        """
        shape = shape_of(size)
        places = np.arange(math.prod(shape)).reshape(shape)
        images = [
            places.transpose(axes)[tuple(slice(None, None, step) for step in steps)].ravel()
            for axes in itertools.permutations(range(len(shape)))
            for steps in itertools.product((1, -1), repeat=len(shape))
            if self._holds(axes, steps)
        ]
        return np.array(images)

    def _holds(self, axes: tuple[int, ...], steps: tuple[int, ...]) -> bool:
        """Tells whether an exchange of axes, some then reversed, is a product of the symmetries that are on."""
        if self.turns:
            return self.mirrors or round(np.linalg.det(np.eye(len(axes))[list(axes)] * steps)) == 1
        return axes == tuple(sorted(axes)) and (self.mirrors or min(steps) == 1)


EVERY_SYMMETRY = Symmetries()


@single_threaded
def canonical(kernels: np.ndarray, symmetries: Symmetries = EVERY_SYMMETRY) -> np.ndarray:
    """Returns the canonical form of each kernel: the image, under the symmetries, that is nearest to a reference.

    These forms fill a convex cone, the reference's Dirichlet domain, so means of them are canonical again: k-means and
    PCA may use them. Turned, mirrored or negated kernels have bit-equal forms where no two images are equally near; the
    reference has no symmetry, so that only happens by rounding.

    Args:
        kernels: (n, s, s) or (n, s, s, s).
        symmetries: with scale, the forms have L2 norm 1; kernels that are 0 stay 0.

    Returns:
        the same shape, float32.
    """
    rows = flat(kernels)
    shape = np.shape(kernels)[1:]
    permutations = symmetries.permutations(shape)
    templates = _images_of(reference(shape).ravel(), permutations)
    forms = np.empty_like(rows)
    for chunk in chunks(len(rows)):
        images = _nearest_image(rows[chunk], templates, permutations, symmetries.sign)
        forms[chunk] = unit(images) if symmetries.scale else images
    return forms.reshape(-1, *shape)


def reference(size: int | Sequence[int] = 3) -> np.ndarray:
    """Returns the reference of the canonical forms, of this width or shape: its largest slope is to the right.

    It has a part in each kind of symmetry that kernels can have. Its weights were searched so that named kernels keep
    their forms under the largest noise: in the plane 10 % of their norm, in space 6 %, whatever its direction, for all
    of the dictionary.
    """
    shape = shape_of(size)
    centre, radial, gradient, quadratic = REFERENCE[len(shape)]
    offsets = (np.indices(shape) - shape[0] // 2)[::-1].astype(float)  # x first
    distance = np.sqrt((offsets**2).sum(axis=0))
    squared = np.maximum(distance**2, 1)
    slope = np.tensordot(gradient, offsets, axes=1)
    curvature = np.einsum("i...,ij,j...", offsets, quadratic, offsets)
    return centre * (distance == 0) + radial * distance + slope / squared**2 + curvature / squared


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
