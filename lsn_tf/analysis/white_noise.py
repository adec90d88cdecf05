"""Bands of white noise for the means of a layer: what numbers kernels of i.i.d. normal weights have."""

import functools

import numpy as np
from scipy import stats

from lsn_tf.analysis.diversity import variance_entropy

BAND = (0.025, 0.975)
LAYERS = 2_000  # of white noise, of a band of DC energies
LAYERS_OF_ENTROPY = 200
MOST_KERNELS = 2_000  # drawn for one layer


@functools.cache
def dc_energy_band(weights: int, kernels: int, seed: int = 0) -> tuple[float, float]:
    """Returns the band that holds 95 % of the mean DC energies of so many kernels of white noise.

    One kernel's is the squared cosine between a random direction and the constant: Beta(1/2, (weights - 1)/2), of mean
    1 / weights. Their mean is drawn, or of more than `MOST_KERNELS` normal.

    Args:
        weights: of a kernel, s².
        kernels: of a layer.
        seed: of the draws.
    """
    law = stats.beta(0.5, (weights - 1) / 2)
    if kernels > MOST_KERNELS:
        low, high = stats.norm(law.mean(), law.std() / np.sqrt(kernels)).ppf(BAND)
    else:
        low, high = np.quantile(law.rvs((LAYERS, kernels), random_state=seed).mean(axis=1), BAND)
    return float(low), float(high)


@functools.cache
def entropy_band(weights: int, kernels: int, seed: int = 0) -> tuple[float, float]:
    """Returns the band that holds 95 % of the variance entropies of so many kernels of white noise, two at least.

    For more than `MOST_KERNELS` that of so many is returned, which is wider than theirs by less than 0.002.

    Args:
        weights: of a kernel, s².
        kernels: of a layer.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    shape = (min(kernels, MOST_KERNELS), round(weights**0.5), round(weights**0.5))
    low, high = np.quantile([variance_entropy(rng.standard_normal(shape)) for _ in range(LAYERS_OF_ENTROPY)], BAND)
    return float(low), float(high)
