"""The rule by which the analysis of 2020 named kernels, the nearest spectrum, beside what it says of white noise.

The singular values of the convolution with one kernel on a periodic grid are the moduli of its discrete Fourier
transform. In falling order, over the largest, they are its spectrum; the kernel gets the name of the known spectrum
that is nearest in the mean, or none. Scale, sign, turns and mirrors leave a spectrum as it is, and so does where in the
plane of frequencies a kernel is large.

Reference: Actor, Fuentes & Riviere (2020), doi:10.1117/12.2548871.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import fft

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.exact_tests import bootstrap_intervals, two_sample_p_value
from lsn_tf.analysis.kernel_arrays import chunks
from lsn_tf.analysis.nulls import gaussian
from lsn_tf.analysis.share_tests import ShareTest, against_chance, controlled

WORDS = {  # by the name in the dictionary
    "local_mean": "local mean",
    "laplacian_5": "Laplacian",
    "gaussian_blur": "Gaussian blur",
    "sobel_x": "Sobel",
    "identity": "identity",
    "sharpen": "sharpen",
}
KNOWN = tuple(WORDS)
NONE = "indeterminate"
FARTHEST = 0.1  # mean distance of two spectra, beyond which a kernel has no name
SHAPE = (3, 3)
GRID = 32  # pixels; the shares of white noise differ by 0.02 from those at 16, less from those at 64
NOISE = 10_000  # kernels
MOST, LEAST_OF_A_LAYER = 20_000, 200  # kernels that are named: of all layers, and yet of each
ROWS = 1024  # spectra in memory at once


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedName(ShareTest):
    """The share of a layer's kernels that the rule gives a name, tested for being more than that of white noise.

    Attributes:
        name: of `KNOWN`, or "indeterminate".
        hits: how many kernels have it.
    """

    name: str
    hits: int


def spectra(kernels: np.ndarray) -> np.ndarray:
    """Returns the spectra of kernels, (n, 3, 3): (n, GRID**2) float32, falling from 1; zeros for a kernel that is 0."""
    moduli = np.abs(fft.fft2(np.asarray(kernels, np.float32), (GRID, GRID))).reshape(len(kernels), GRID**2)
    moduli.sort(axis=1)
    largest = moduli[:, -1:]
    return moduli[:, ::-1] / np.where(largest > 0, largest, 1)


def published_names(kernels: np.ndarray) -> np.ndarray:
    """Returns the index of each kernel's name in `KNOWN`, (n,) int; their number for "indeterminate"."""
    named = {entry.name: entry.kernel for entry in named_kernels()}
    known = spectra(np.array([named[name] for name in KNOWN]))
    found = np.empty(len(kernels), int)
    for rows in chunks(len(kernels), ROWS):
        own = spectra(kernels[rows])
        distances = np.stack([np.abs(own - spectrum).mean(axis=1) for spectrum in known], axis=1)
        found[rows] = np.where(distances.min(axis=1) > FARTHEST, len(KNOWN), distances.argmin(axis=1))
    return found


def name_as_published(
    layers: Mapping[str, np.ndarray], filters: Mapping[str, np.ndarray] | None = None, seed: int = 0
) -> list[PublishedName]:
    """Names kernels by the published rule, and tests whether more of a layer have a name than of white noise.

    Args:
        layers: name: kernels, (n, 3, 3), without dead ones. Of large layers some are drawn at random.
        filters: name: (n,) int, the filter of each kernel; intervals then resample whole filters.
        seed: of noise, choice and bootstrap.
    """
    rng = np.random.default_rng(seed)
    by_chance = _counts(published_names(gaussian(NOISE, SHAPE, rng)))
    most = max(MOST // max(len(layers), 1), LEAST_OF_A_LAYER)
    tests = []
    for layer, kernels in layers.items():
        chosen = np.sort(rng.choice(len(kernels), min(len(kernels), most), replace=False))
        names = published_names(kernels[chosen])
        hits = names[:, None] == np.arange(len(KNOWN) + 1)
        intervals = bootstrap_intervals(hits, rng, filters[layer][chosen] if filters else None)
        columns = zip((*KNOWN, NONE), _counts(names), by_chance, intervals, strict=True)
        tests += [_test(layer, len(chosen), *column) for column in columns]
    return controlled(tests)


def overall(tests: list[PublishedName], kernels: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Returns the share of each name in the network and in white noise.

    Args:
        tests: of all its layers.
        kernels: by layer, how many there are, of which those tested are a sample.
    """
    total = max(sum(kernels.values()), 1)
    shares = {name: {"share": 0.0, "noise": 0.0} for name in (*KNOWN, NONE)}
    for test in tests:
        shares[test.name]["share"] += test.share * kernels[test.layer] / total
        shares[test.name]["noise"] = test.chance
    return shares


def in_words(name: str) -> str:
    """Returns a name as it is published."""
    return WORDS.get(name, name)


def _counts(names: np.ndarray) -> list[int]:
    return np.bincount(names, minlength=len(KNOWN) + 1).tolist()


def _test(layer: str, kernels: int, name: str, hits: int, noise: int, interval: tuple[float, float]) -> PublishedName:
    counted = against_chance(kernels, hits, noise / NOISE)
    p_value = two_sample_p_value(hits, kernels, noise, NOISE)
    return PublishedName(layer=layer, name=name, **counted, interval=interval, null="gaussian", p_value=p_value)
