"""What every test of a share against chance has: its numbers, the null models to choose from, and control over many."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import stats

from lsn_tf.analysis import nulls
from lsn_tf.analysis.exact_tests import CONFIDENCE

NULLS = ("gaussian", "permuted", "untrained", *nulls.INITIALIZER_NAMES)
CONTROLS = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}
HOLDS = 0.05  # a claim holds if its q-value is below: of those that do, at most 5 % are false in the mean


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShareTest:
    """A share of a layer against chance.

    Attributes:
        layer: its name.
        kernels: those of the layer that entered; dead ones do not.
        share: 0 if there are none.
        interval: bootstrap interval of the share, 95 %.
        null: the null model.
        chance: the share under the null.
        chance_high: 95 % of layers of the null have at most this share: the null band of a figure.
        p_value: of a share as large, under the null.
        q_value: p_value, adjusted for the false discovery rate over all tests that were made together.
    """

    layer: str
    kernels: int
    share: float
    interval: tuple[float, float]
    null: str
    chance: float
    chance_high: float
    p_value: float
    q_value: float = 1.0


def check_choices(
    layers: Mapping[str, np.ndarray], null: str, untrained: Mapping[str, np.ndarray] | None, control: str
) -> None:
    """Raises ValueError for a null or control that there is not, and for layers without an untrained one."""
    if null not in NULLS:
        raise ValueError(f"null must be one of {NULLS}. Received {null!r}.")
    if control not in CONTROLS:
        raise ValueError(f"control must be one of {tuple(CONTROLS)}. Received {control!r}.")
    if null == "untrained" and (missing := sorted(layers.keys() - (untrained or {}).keys())):
        raise ValueError(f"untrained must have the kernels of every layer. Received none for {missing}.")


def against_chance(kernels: int, hits: int, chance: float) -> dict[str, float]:
    """Returns what follows of a `ShareTest` from counts and chance: kernels, hits, share, chance and chance_high."""
    counts = {"kernels": kernels, "hits": hits, "share": hits / max(kernels, 1)}
    return {**counts, "chance": chance, "chance_high": binomial_high(kernels, chance)}


def binomial_high(kernels: int, chance: float) -> float:
    """Returns the share of its kernels that 95 % of layers stay at or below by chance; 0 for no kernel."""
    return float(stats.binom.ppf(CONFIDENCE, kernels, chance)) / kernels if kernels else 0.0


def controlled(tests: list, control: str = "bh") -> list:
    """Returns tests, anything with p_value and q_value, with q-values under a control of `CONTROLS`."""
    if not tests:
        return []
    adjusted = stats.false_discovery_control([test.p_value for test in tests], method=control)
    return [dataclasses.replace(test, q_value=float(q)) for test, q in zip(tests, adjusted, strict=True)]
