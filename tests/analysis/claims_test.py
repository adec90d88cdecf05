"""Claims say no: on null kernels few are made, with stencils among them the right ones are, and control is kept."""

import numpy as np
import pytest
from scipy import stats

from lsn_tf.analysis import claims, nulls, planted
from lsn_tf.analysis.hits import claim_names
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.templates import make_templates

TEMPLATES = make_templates()
FAMILIES = claim_names(TEMPLATES)

shuffled = nulls.permuted


def null_layers(draw, layers=60, kernels=400):
    return {f"layer {i}": draw(kernels) for i in range(layers)}


@pytest.mark.parametrize("null", ["gaussian", "permuted", "untrained", "glorot_uniform", "he_normal"])
def test_null_kernels_make_at_most_five_per_cent_of_claims(null, rng):
    """Of the null's own kernels; skewed ones for permuted weights, whose places are exchangeable whatever they are."""
    draws = {
        "gaussian": lambda n: 0.1 * nulls.gaussian(n, 3, rng),
        "untrained": lambda n: nulls.initial("lecun_normal", n, 3, rng),
        "permuted": lambda n: rng.exponential(size=(n, 3, 3)) - 1,
    }
    draw = draws.get(null, lambda n: nulls.initial(null, n, 3, rng))
    layers, untrained = null_layers(draw), null_layers(draw) if null == "untrained" else None
    made = claims.make_claims(layers, TEMPLATES, null, untrained=untrained, seed=1)
    p_values = np.array([claim.p_value for claim in made])
    assert len(made) == 60 * len(FAMILIES)
    assert (p_values < 0.05).mean() <= 0.05
    assert min(claim.q_value for claim in made) > 0.01


@pytest.mark.parametrize("budget", [100, 900])
def test_claims_on_a_bounded_number_of_permuted_kernels_are_valid_and_still_find_stencils(budget, rng, monkeypatch):
    """Of 400 kernels 100, with one copy each; or all, with two."""
    monkeypatch.setattr(claims, "NULL_KERNELS", budget)
    permuted = []
    monkeypatch.setattr(nulls, "permuted", lambda kernels, rng: permuted.append(len(kernels)) or shuffled(kernels, rng))
    layers = null_layers(lambda n: rng.exponential(size=(n, 3, 3)) - 1)
    layers["edges"] = np.outer([1, 2, 1], [-1, 0, 1]) + 0.3 * rng.normal(size=(400, 3, 3))
    made = claims.make_claims(layers, TEMPLATES, "permuted", seed=1)
    assert sum(permuted) <= budget * len(layers) and set(permuted) == {min(budget, 400)}
    assert np.mean([claim.p_value < 0.05 for claim in made if claim.layer != "edges"]) <= 0.05
    assert {claim.layer for claim in made if claim.q_value < 0.05} == {"edges"}
    assert {claim.kernels for claim in made} == {400}


def test_a_sample_of_kernels_is_matched_with_their_own_copies(rng, monkeypatch):
    """Constant kernels are blurs in any order of their weights: no geometry, also where they are first."""
    monkeypatch.setattr(claims, "NULL_KERNELS", 150)
    constant = 1 + 0.01 * rng.normal(size=(200, 3, 3))
    made = claims.make_claims({"a": np.concatenate([constant, rng.normal(size=(200, 3, 3))])}, TEMPLATES, "permuted")
    (blur,) = [claim for claim in made if claim.family == "blur"]
    assert blur.share > 0.49 and blur.chance == pytest.approx(0.5, abs=0.15) and blur.p_value > 0.05


def test_exponential_kernels_are_not_gaussian_and_the_permuted_null_knows(rng):
    """Large shares that come of the weights alone, not of their places, are no geometry: why there are two nulls."""
    layers = {"skewed": rng.exponential(size=(4000, 3, 3))}
    gaussian, permuted = (
        {claim.family: claim for claim in claims.make_claims(layers, TEMPLATES, null)}
        for null in ("gaussian", "permuted")
    )
    assert gaussian["blur"].p_value < 1e-6 and permuted["blur"].p_value > 0.01


def test_p_values_of_a_common_claim_are_uniform_under_the_null(rng):
    """Order 1 at 0.9 has chance 0.8: so many values of the share that the discreteness of p does not show."""
    layers = null_layers(lambda n: nulls.gaussian(n, 3, rng), layers=200, kernels=1500)
    made = claims.make_claims(layers, TEMPLATES, "gaussian")
    p_values = [claim.p_value for claim in made if claim.family == "finite difference of order 1"]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


@pytest.mark.parametrize("null", ["gaussian", "permuted", "he_uniform"])
def test_planted_stencils_are_claimed_and_other_layers_are_not(null, rng):
    def draw(count):
        return nulls.initial(null, count, 3, rng) if null == "he_uniform" else nulls.gaussian(count, 3, rng)

    layers = null_layers(draw, layers=9)
    stencils, truth = planted.plant(TEMPLATES, 0.1, 20, rng)
    sobel = stencils[truth == TEMPLATES.names.index("sobel_x")]
    layers["planted"] = np.concatenate([draw(180), sobel / np.abs(sobel).max()])
    made = claims.make_claims(layers, TEMPLATES, null)
    accepted = {(claim.layer, claim.family) for claim in made if claim.q_value < 0.05}
    assert ("planted", "first difference") in accepted
    assert {layer for layer, _ in accepted} == {"planted"}


def test_a_claim_says_what_was_found(rng):
    layer = nulls.gaussian(90, 3, rng)
    (claim, *_) = [
        claim
        for claim in claims.make_claims({"conv": layer}, TEMPLATES)
        if claim.family == "finite difference of order 1"
    ]
    assert claim.kernels == 90
    assert claim.share == claim.hits / 90 and claim.interval[0] < claim.share < claim.interval[1]
    assert claim.chance == pytest.approx(nulls.cap_chance(0.9, 9, 8)) and claim.chance < claim.chance_high < 1
    assert claim.sentence().startswith(f"{100 * claim.share:.1f} % of conv is a finite difference of order 1: chance ")


def test_filters_that_were_learned_together_widen_the_interval(rng):
    groups = np.repeat(np.arange(30), 20)
    layer = np.where((rng.random(30) < 0.5)[groups, None, None], 1.0, rng.normal(size=(600, 3, 3)))
    widths = [
        next(
            np.ptp(claim.interval)
            for claim in claims.make_claims({"a": layer}, TEMPLATES, filters=f)
            if claim.family == "blur"
        )
        for f in (None, {"a": groups})
    ]
    assert widths[1] > 2 * widths[0]


def test_dead_and_missing_layers_claim_nothing(rng):
    assert claims.make_claims({}, TEMPLATES) == []
    untrained = {"dead": nulls.gaussian(5, 3, rng)}
    for null in ("gaussian", "permuted", "untrained"):
        made = claims.make_claims({"dead": np.zeros((0, 3, 3))}, TEMPLATES, null, untrained=untrained)
        assert {(claim.kernels, claim.share, claim.p_value) for claim in made} == {(0, 0, 1)}


def test_the_same_seed_gives_the_same_claims(rng):
    layers = null_layers(lambda n: nulls.gaussian(n, 3, rng), layers=2)
    first, again, other = (claims.make_claims(layers, TEMPLATES, "permuted", seed=seed) for seed in (3, 3, 4))
    assert first == again != other


def test_without_scale_only_nulls_that_have_the_layers_norms_are_tested(rng):
    layers = {"a": 0.1 * nulls.gaussian(50, 3, rng)}
    templates = make_templates(symmetries=Symmetries(scale=False))
    assert claims.make_claims(layers, templates, "permuted")
    with pytest.raises(ValueError, match="must be permuted or untrained"):
        claims.make_claims(layers, templates, "gaussian")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"null": "uniform"}, "null must be one of"),
        ({"control": "bonferroni"}, "control must be one of"),
        ({"threshold": 0}, r"threshold must be in \(0, 1\]"),
        ({"null": "untrained", "untrained": {"b": 0}}, r"none for \['a'\]"),
    ],
)
def test_wrong_choices_are_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        claims.make_claims({"a": np.ones((2, 3, 3))}, TEMPLATES, **wrong)
