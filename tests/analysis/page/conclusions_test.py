"""Conclusions say what the statistics say: what holds with its q, that nothing holds, what is not tested."""

import dataclasses

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.page.conclusions import MOST_NAMED, chance_in_words, conclusions
from lsn_tf.analysis.share_tests import NULLS

SOBEL, IDENTITY = (
    next(entry.kernel for entry in named_kernels() if entry.name == name) for name in ("sobel_x", "identity")
)


def planted(rng):
    return {"noise": rng.normal(size=(60, 3, 3)), "edges": SOBEL + 0.02 * rng.normal(size=(60, 3, 3))}


def test_of_noise_nothing_is_concluded(make_findings, rng):
    text = " ".join(conclusions(make_findings({"one": rng.normal(size=(60, 3, 3))}, "permuted")))
    assert "60 kernels of 3 × 3 in 1 of its 1 convolutions; none is dead" in text
    assert "None of 17 claims holds at q < 0.05" in text and "Of mean zero (order 1) this null says nothing" in text


@pytest.mark.parametrize("null", ["permuted", "gaussian"])
def test_a_claim_that_holds_is_told_with_its_numbers(null, make_findings, rng):
    findings = make_findings(planted(rng), null)
    held = [claim for claim in findings.claims if claim.q_value < 0.05]
    sentences = conclusions(findings)
    (first,) = [sentence for sentence in sentences if sentence.startswith("First difference: ")]
    claim = next(claim for claim in held if claim.family == "first difference")
    low, chance = 100 * claim.interval[0], 100 * claim.chance
    numbers = f"95 % interval {low:.1f} % to 100.0 %; chance {chance:.1f} %"
    assert f"100.0 % of edges (60 of 60 kernels, {numbers}" in first
    assert f"q = {claim.q_value:.2g}" in first and "noise" not in first
    assert any(
        f"{len(held)} of 34 claims hold" in sentence and "in 1 of 2 layers" in sentence for sentence in sentences
    )


def test_mean_zero_is_told_of_differences_alone(make_findings, rng):
    (sentence,) = [s for s in conclusions(make_findings(planted(rng))) if s.startswith("Where it is below")]
    assert sentence.endswith(": edges (0.001).")
    constant = make_findings({"blur": 1 + 0.1 * rng.normal(size=(60, 3, 3))})
    (sentence,) = [s for s in conclusions(constant) if s.startswith("Where it is above")]
    assert "0.99" in sentence and "blur" in sentence


def test_the_published_reading_of_noise_is_said_to_be_that_of_noise(make_findings, rng):
    noise, points = rng.normal(size=(200, 3, 3)), IDENTITY + 0.01 * rng.normal(size=(40, 3, 3))
    (sentence,) = [s for s in conclusions(make_findings({"a": noise}, published=True)) if "the analysis of 2020" in s]
    assert "% Laplacian and " in sentence and "sharpen; of i.i.d. normal weights 5" in sentence
    assert sentence.endswith("In no layer is any of its names more frequent than in such noise.")
    both = make_findings({"a": noise, "points": points}, published=True)
    (sentence,) = [s for s in conclusions(both) if "the analysis of 2020" in s]
    assert "More frequent than in noise is identity in points (100.0 %; noise 0." in sentence


def test_smooth_kernels_are_said_to_be_smoother_than_their_weights_in_random_order(make_findings, rng):
    ramps = 1 + np.linspace(-1, 1, 3)[:, None] * rng.normal(size=(60, 1, 1)) + 0.1 * rng.normal(size=(60, 3, 3))
    sentences = conclusions(make_findings({"ramps": ramps}, "permuted"))
    assert any(s.startswith("In 1 of 1 layers the 95 % interval of the share of order 2") for s in sentences)


def test_a_long_list_is_cut_and_says_so(make_findings, rng):
    findings = make_findings(planted(rng))
    claim = next(claim for claim in findings.claims if claim.q_value < 0.05)
    many = [dataclasses.replace(claim, layer=f"layer_{n}") for n in range(MOST_NAMED + 5)]
    sentences = conclusions(dataclasses.replace(findings, claims=many))
    (sentence,) = [sentence for sentence in sentences if "layer_0 (" in sentence]
    assert sentence.endswith("; and 5 more.")


def test_a_dead_network_is_said_to_be_dead(make_findings):
    text = " ".join(conclusions(make_findings({"dead": np.zeros((4, 3, 3))})))
    assert "4 are dead" in text and "Mind: the network is dead" in text


@pytest.mark.parametrize("null", NULLS)
def test_every_null_has_words(null):
    assert len(chance_in_words(null)) > 10
