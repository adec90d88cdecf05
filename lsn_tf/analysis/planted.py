"""Planted truth: how many named kernels among random ones are found, and how many found ones are true."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.nulls import gaussian
from lsn_tf.analysis.templates import Templates, nearest

NOISE = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)  # its norm over that of the stencil, in the mean square
RANDOM = -1  # the truth about a kernel that is no named one
THRESHOLDS = tuple(np.round(np.linspace(0.7, 0.999, 300), 4).tolist())


@dataclasses.dataclass(frozen=True)
class Detection:
    """Recall and precision at one level of noise.

    Attributes:
        noise: relative to the stencil's norm.
        thresholds: (t,), of the similarity.
        recall: (t,), share of the planted kernels that reach the threshold.
        named: (t,), share of them that also get their own name.
        precision: (t,), share of planted kernels among those that reach it; 1 where none does.
        average_precision: area under precision over recall, as similarity ranks the kernels: 1 if all planted ones are
            more similar to named kernels than all random ones.
    """

    noise: float
    thresholds: np.ndarray
    recall: np.ndarray
    named: np.ndarray
    precision: np.ndarray
    average_precision: float


def hide(
    templates: Templates, noise: float, each: int, random: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Returns noisy named kernels among random ones, in random order.

    Args:
        templates: what is hidden.
        noise: relative to each stencil's norm.
        each: how often each named kernel is hidden.
        random: how many i.i.d. Gaussian kernels there are besides.
        rng: of all.

    Returns:
        kernels: (e * each + random, *shape) float32.
        truth: of each, the index of its name, or `RANDOM`.
    """
    planted, names = plant(templates, noise, each, rng)
    kernels = np.concatenate([planted, gaussian(random, templates.shape, rng)])
    truth = np.concatenate([names, np.full(random, RANDOM)])
    order = rng.permutation(len(truth))
    return kernels[order], truth[order]


def plant(templates: Templates, noise: float, each: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns noisy images of the named kernels, (e * each, *shape) float32, and the index of each name.

    Every image is equally likely, with a random sign under sign and a random factor from 1/8 to 8 under scale.
    """
    truth = np.repeat(np.arange(len(templates.names)), each)
    ends = np.append(templates.starts[1:], len(templates.rows))
    rows = templates.rows[rng.integers(templates.starts[truth], ends[truth])].astype(np.float64)
    rows += noise / np.sqrt(rows.shape[1]) * rng.standard_normal(rows.shape)
    if templates.symmetries.sign:
        rows *= rng.choice([-1, 1], (len(rows), 1))
    factor = 2 ** rng.uniform(-3, 3, len(rows)) if templates.symmetries.scale else templates.lengths[truth]
    return (rows * factor[:, None]).astype(np.float32).reshape(-1, *templates.shape), truth


def detect(
    kernels: np.ndarray,
    truth: np.ndarray,
    templates: Templates,
    noise: float,
    thresholds: Sequence[float] = THRESHOLDS,
) -> Detection:
    """Returns how well named kernels are told from random ones; arguments as in `hide` and its result."""
    thresholds = np.array(thresholds)
    index, similarity = nearest(kernels, templates)
    planted = truth != RANDOM
    own, by_chance = similarity[planted], similarity[~planted]
    reached = own >= thresholds[:, None]
    found, false = reached.sum(axis=1), (by_chance >= thresholds[:, None]).sum(axis=1)
    return Detection(
        noise=noise,
        thresholds=thresholds,
        recall=found / len(own),
        named=(reached & (index == truth)[planted]).sum(axis=1) / len(own),
        precision=np.where(found + false > 0, found / np.maximum(found + false, 1), 1.0),
        average_precision=average_precision(own, by_chance),
    )


def average_precision(similarity: np.ndarray, by_chance: np.ndarray) -> float:
    """Returns the mean, over the planted kernels, of the precision among all that are as similar as it."""
    true, false = np.sort(similarity), np.sort(by_chance)
    above = len(true) - np.searchsorted(true, true, side="left")
    false_above = len(false) - np.searchsorted(false, true, side="left")
    return float(np.mean(above / (above + false_above)))
