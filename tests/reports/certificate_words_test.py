"""A certificate in words claims what the certificate proves, and no more."""

import copy

import pytest
from run_files import CERTIFICATE, REFUSED

from lsn_tf.reports.certificate_words import PROVEN, in_words


def changed(**changes):
    return {**copy.deepcopy(CERTIFICATE), **changes}


def test_what_is_proven_and_measured_is_told():
    words = in_words("lsn", [CERTIFICATE, CERTIFICATE])
    assert words.verdict.startswith("Certified: the weights of all 2 runs prove") and words.proven == PROVEN
    text = " ".join(words.measured)
    assert "CFL number is at most 0.9; on the images that were tried it reaches 0.875" in text
    assert "6 of 6 stencils (3 kinds)" in text and "missed by 2.5e-07 at most" in text
    assert "move 398 mm at most" in text and "further than 1,869 mm" in text
    assert "24 pairs" in text and "none was found: no difference grew. A search is no proof." in text
    assert words.terms == [
        {"term": "propagation", "monotone": "yes", "reason": CERTIFICATE["terms"]["propagation"]["reason"]}
    ]


def test_a_refused_certificate_claims_nothing():
    words = in_words("unet", [REFUSED])
    assert (
        words.verdict == "Refused: UNet: it solves no level set equation."
        and words.proven == ()
        and words.measured == []
    )


def test_one_refused_run_among_many_leaves_nothing_proven_of_the_model():
    refused = changed(
        certified=False, reason="curvature", terms={"propagation": {"monotone": False, "reason": "of higher order"}}
    )
    words = in_words("lsn", [CERTIFICATE, refused])
    assert words.verdict == "Refused in 1 of 2 runs: curvature." and words.proven == ()
    assert words.terms == [{"term": "propagation", "monotone": "no", "reason": "of higher order"}]


def test_a_counterexample_is_told():
    images = copy.deepcopy(CERTIFICATE["on_images"])
    images["attack"] |= {"falsified": True, "largest_ratio": 1.5}
    text = " ".join(in_words("lse", [changed(certified=False, on_images=images)]).measured)
    assert "one was found: a difference grew by a factor of 1.5" in text and "none" not in text


def test_a_stencil_of_lower_order_than_stated_is_counted():
    rows = [{"stencil": "backward_x", "order_stated": 1, "order": 0, "moment_defect": 0.5}, CERTIFICATE["stencils"][0]]
    assert "1 of 2 stencils (1 kinds)" in " ".join(in_words("lsn", [changed(stencils=rows)]).measured)


def test_without_a_certificate_that_is_said():
    assert "no certificate" in in_words("lsn", []).verdict


def test_a_damaged_one_is_refused_in_one_line():
    with pytest.raises(ValueError, match="certificates of lsn must be as lsn_tf.export writes them.*'bound'"):
        in_words("lsn", [changed(cfl={})])
