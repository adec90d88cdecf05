"""Null models: what kernels would look like if nothing had been learned. A share of names means little without one.

Similarities under scale do not depend on the variance of a null, but on its shape: i.i.d. Gaussian kernels point in all
directions alike, uniform ones more to the corners of a cube.
"""

import numpy as np
from scipy import special

from lsn_tf.analysis.kernel_arrays import flat

INITIALIZERS = {  # name: variance times fans, which fans
    "glorot": (1.0, "average"),
    "he": (2.0, "in"),
    "lecun": (1.0, "in"),
}
DISTRIBUTIONS = ("normal", "uniform")
INITIALIZER_NAMES = tuple(f"{name}_{distribution}" for name in INITIALIZERS for distribution in DISTRIBUTIONS)
TRUNCATED_STD = 0.87962566103423978  # of a standard normal cut at 2, as Keras draws its "normal" initial weights


def gaussian(count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns kernels of i.i.d. standard normal weights, (count, size, size) float32."""
    return rng.standard_normal((count, size, size), dtype=np.float32)


def initial(
    name: str, count: int, size: int, rng: np.random.Generator, fan_in: int = 9, fan_out: int = 9
) -> np.ndarray:
    """Returns kernels as Keras' initialiser of this name draws them, (count, size, size) float32.

    Args:
        name: one of `INITIALIZER_NAMES`, e.g. "glorot_uniform", Keras' default. Its normals are cut at 2 sigma.
        count: how many.
        size: of a kernel.
        rng: to draw with.
        fan_in: size**2 times the input channels. The fans set the scale alone.
        fan_out: size**2 times the output channels.

    Raises:
        ValueError: for another name.
    """
    if name not in INITIALIZER_NAMES:
        raise ValueError(f"initializer must be one of {INITIALIZER_NAMES}. Received {name!r}.")
    kind, distribution = name.split("_")
    gain, fan = INITIALIZERS[kind]
    std = np.sqrt(gain / (fan_in if fan == "in" else (fan_in + fan_out) / 2))
    shape = (count, size, size)
    if distribution == "uniform":
        weights = rng.uniform(-np.sqrt(3), np.sqrt(3), shape)
    else:
        edge = special.ndtr(-2.0)
        weights = special.ndtri(rng.uniform(edge, 1 - edge, shape)) / TRUNCATED_STD
    return (std * weights).astype(np.float32)


def permuted(kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the kernels, (n, s, s), with the weights of each in random order: same values, no geometry."""
    return rng.permuted(flat(kernels), axis=1).reshape(kernels.shape)


def resampled(kernels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns kernels drawn with replacement from those of an untrained network, (count, s, s) float32."""
    rows = flat(kernels)
    return rows[rng.integers(len(rows), size=count)].reshape(count, *kernels.shape[1:])


def cap_chance(threshold: float, dimensions: int = 9) -> float:
    """Returns the chance that an i.i.d. Gaussian kernel has |cosine| >= threshold with one given kernel.

    The squared cosine has the beta distribution with parameters 1/2 and (d - 1) / 2.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be in [0, 1], a |cosine|. Received {threshold}.")
    return float(special.betainc((dimensions - 1) / 2, 0.5, 1 - threshold**2))


def chance_of_similarity(templates: np.ndarray, threshold: float) -> tuple[float, bool]:
    """Returns the chance that an i.i.d. Gaussian kernel has |cosine| >= threshold with any template, and if it is exact.

    Exact where no two templates have a kernel near both; else the sum of their chances, which bounds it from above.

    Args:
        templates: (t, d), L2 norm 1.
        threshold: of |cosine|.
    """
    cosines = np.abs(templates @ templates.T)
    np.fill_diagonal(cosines, 0)
    disjoint = bool(cosines.max(initial=0) < 2 * threshold**2 - 1)  # further apart than twice the caps' angle
    return min(1.0, len(templates) * cap_chance(threshold, templates.shape[1])), disjoint

