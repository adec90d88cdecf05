"""When a kernel counts as one of a family, and how often that is chance.

It does if its similarity to the nearest member reaches a threshold; it is a finite difference of order p if the cosine
of its angle to that subspace does.
"""

import math

import numpy as np

from lsn_tf.analysis.identification import finite_difference_dimension, finite_difference_shares, highest_order
from lsn_tf.analysis.kernel_arrays import chunks
from lsn_tf.analysis.nulls import cap_chance, gaussian_chances
from lsn_tf.analysis.templates import Templates, family_similarities

# The least similarity: the named kernel is then 81 % of the kernel's energy. Noise of 30 % of its norm leaves 0.96. A
# random 3 x 3 kernel comes as near to one given stencil with chance 0.0004, so families of 20 images stay below 1 %.
THRESHOLD = 0.9
ROWS = 1 << 17  # kernels whose similarities, float32, are in memory at once


def claim_names(templates: Templates) -> tuple[str, ...]:
    """Returns the families, then the finite differences of each order: the columns of `find_hits`."""
    orders = range(1, highest_order(templates.shape) + 1)
    return (*templates.families, *(f"finite difference of order {order}" for order in orders))


def find_hits(kernels: np.ndarray, templates: Templates, threshold: float = THRESHOLD) -> np.ndarray:
    """Tells which of n kernels are of which family, and finite differences of which order: (n, c) bool."""
    hits = np.empty((len(kernels), len(claim_names(templates))), bool)
    for part in chunks(len(kernels), ROWS):
        near = family_similarities(kernels[part], templates) >= threshold
        hits[part] = np.concatenate([near, finite_difference_shares(kernels[part]) >= threshold**2], axis=1)
    return hits


def known_chances(null: str, templates: Templates, threshold: float) -> list[float]:
    """Returns the chance of each column of `find_hits` where the null has a formula for it, else NaN."""
    names, d = claim_names(templates), templates.rows.shape[1]
    if null != "gaussian":
        return [math.nan] * len(names)
    orders = range(1, highest_order(templates.shape) + 1)
    dimensions = [finite_difference_dimension(templates.shape, order) for order in orders]
    return [
        *gaussian_chances(templates, threshold).tolist(),
        *(cap_chance(threshold, d, dimension) for dimension in dimensions),
    ]
