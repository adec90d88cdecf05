"""Null models: what kernels would look like if nothing had been learned. A share of names means little without one.

Similarities under scale do not depend on the variance of a null, but on its shape: i.i.d. Gaussian kernels point in all
directions alike, uniform ones more to the corners of a cube.
"""

from collections.abc import Sequence

import numpy as np
from scipy import special

from lsn_tf.analysis.kernel_arrays import flat, shape_of
from lsn_tf.analysis.templates import Templates

INITIALIZERS = {  # name: variance times fans, which fans
    "glorot": (1.0, "average"),
    "he": (2.0, "in"),
    "lecun": (1.0, "in"),
}
DISTRIBUTIONS = ("normal", "uniform")
INITIALIZER_NAMES = tuple(f"{name}_{distribution}" for name in INITIALIZERS for distribution in DISTRIBUTIONS)
TRUNCATED_STD = 0.87962566103423978  # of a standard normal cut at 2, as Keras draws its "normal" initial weights


def gaussian(count: int, size: int | Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Returns kernels of i.i.d. standard normal weights, (count, *shape) float32, of this width or shape."""
    return rng.standard_normal((count, *shape_of(size)), dtype=np.float32)


def initial(
    name: str, count: int, size: int | Sequence[int], rng: np.random.Generator, fan_in: int = 9, fan_out: int = 9
) -> np.ndarray:
    """Returns kernels as Keras' initialiser of this name draws them, (count, *shape) float32.

    Args:
        name: one of `INITIALIZER_NAMES`, e.g. "glorot_uniform", Keras' default. Its normals are cut at 2 sigma.
        count: how many.
        size: width or shape of a kernel.
        rng: to draw with.
        fan_in: weights of a kernel times the input channels. The fans set the scale alone.
        fan_out: weights of a kernel times the output channels.

    Raises:
        ValueError: for another name.
    """
    if name not in INITIALIZER_NAMES:
        raise ValueError(f"initializer must be one of {INITIALIZER_NAMES}. Received {name!r}.")
    kind, distribution = name.split("_")
    gain, fan = INITIALIZERS[kind]
    std = np.sqrt(gain / (fan_in if fan == "in" else (fan_in + fan_out) / 2))
    shape = (count, *shape_of(size))
    if distribution == "uniform":
        weights = rng.uniform(-np.sqrt(3), np.sqrt(3), shape)
    else:
        edge = special.ndtr(-2.0)
        weights = special.ndtri(rng.uniform(edge, 1 - edge, shape)) / TRUNCATED_STD
    return (std * weights).astype(np.float32)


def independent(null: str, count: int, size: int | Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Returns kernels of an i.i.d. null, "gaussian" or one of `INITIALIZER_NAMES`, (count, *shape) float32."""
    return gaussian(count, size, rng) if null == "gaussian" else initial(null, count, size, rng)


def permuted(kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the kernels, (n, *shape), with the weights of each in random order: same values, no geometry."""
    return rng.permuted(flat(kernels), axis=1).reshape(kernels.shape)


def resampled(kernels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns kernels drawn with replacement from those of an untrained network, (count, *shape) float32."""
    rows = flat(kernels)
    return rows[rng.integers(len(rows), size=count)].reshape(count, *kernels.shape[1:])


def cap_chance(threshold: float, dimensions: int = 9, subspace: int = 1) -> float:
    """Returns the chance that an i.i.d. Gaussian kernel has |cosine| >= threshold with a subspace, or a line.

    The squared cosine has the beta distribution with parameters p / 2 and (d - p) / 2, p being its dimension.
    """
    return float(special.betainc((dimensions - subspace) / 2, subspace / 2, 1 - threshold**2))


def gaussian_chances(templates: Templates, threshold: float) -> np.ndarray:
    """Returns the exact chances of an i.i.d. Gaussian kernel to be of each family, (f,); NaN where there is no formula.

    There is one where no kernel can be near two of a family's images, so that their chances add.
    """
    result = np.full(len(templates.families), np.nan)
    if not templates.symmetries.scale:
        return result
    ends = np.append(templates.starts[1:], len(templates.rows))
    for family, members in enumerate(templates.members):
        ranges = zip(templates.starts[members], ends[members], strict=True)
        rows = np.concatenate([templates.rows[start:end] for start, end in ranges])
        cosines = np.abs(rows @ rows.T) if templates.symmetries.sign else rows @ rows.T
        np.fill_diagonal(cosines, -1)
        if cosines.max() < 2 * threshold**2 - 1:  # further apart than twice the angle that the threshold allows
            result[family] = len(rows) * cap_chance(threshold, rows.shape[1]) / (1 if templates.symmetries.sign else 2)
    return result
