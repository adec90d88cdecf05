"""Of tests of kernels of a null against that null, at most 5 % have p < 0.05; of kernels of another law many more."""

import math

import pytest
from scipy import stats

from lsn_tf.analysis import nulls
from lsn_tf.analysis.templates import make_templates
from lsn_tf.studies import false_claims
from lsn_tf.studies.false_claims import LEVEL

LAYERS = 25
ONCE_IN = 1e-4  # chance that a bound is exceeded, over all that a test compares


def bound(trials: int, comparisons: int) -> float:
    """The largest number of false claims among independent tests that chance explains."""
    return stats.binom.ppf(1 - ONCE_IN / comparisons, trials, LEVEL)


def chernoff(rate: float, layers: int) -> float:
    """Bounds the chance of a mean share as large, over independent layers whose tests depend on each other.

    A share in [0, 1] is below a Bernoulli trial of its mean in convex order: Hoeffding (1963), theorem 1.
    """
    if rate <= LEVEL:
        return 1.0
    return math.exp(-layers * (rate * math.log(rate / LEVEL) + (1 - rate) * math.log((1 - rate) / (1 - LEVEL))))


@pytest.mark.parametrize("size", [3, (3, 3, 3)], ids=str)
@pytest.mark.parametrize("null", ["gaussian", "permuted", "untrained", "glorot_normal", "glorot_uniform"])
def test_at_most_five_per_cent_of_claims_of_a_null_are_made(null, size):
    """Layers are independent draws, so the false claims of each family are binomial with at most this chance."""
    templates = make_templates(size=size)
    of_families, of_shares = false_claims.false_claims(null, templates, rounds=1, layers=LAYERS, kernels=60)
    assert of_families.rate <= LEVEL
    for found in (of_families, of_shares):
        assert found.layers == LAYERS and found.tests == LAYERS * len(found.false)
        assert max(found.false.values()) <= bound(LAYERS, len(found.false))
        assert chernoff(found.rate, LAYERS) > ONCE_IN


@pytest.mark.parametrize("distribution", nulls.DISTRIBUTIONS)
def test_initialisers_that_differ_in_scale_give_the_same_claims(distribution):
    found = [
        false_claims.false_claims(f"{kind}_{distribution}", make_templates(), rounds=1, layers=4, kernels=30)
        for kind in nulls.INITIALIZERS
    ]
    assert [[one.false for one in pair] for pair in found] == [[one.false for one in found[0]]] * len(found)


def test_kernels_of_another_law_are_claimed(monkeypatch):
    """So the rates above can be large: uniform weights are more often emboss or blur than Gaussian ones."""

    def uniform(null, shape, layers, kernels, rng):
        return {f"{n}": nulls.initial("glorot_uniform", kernels, shape, rng) + 0.3 for n in range(layers)}, None

    monkeypatch.setattr(false_claims, "draw_layers", uniform)
    found, _ = false_claims.false_claims("gaussian", make_templates(), rounds=1, layers=10, kernels=100)
    assert found.rate > LEVEL and found.worst[1] > 10 * LEVEL
