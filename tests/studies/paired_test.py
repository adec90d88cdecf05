"""Statistics of paired differences: exact where they can be, honest where they are random, and free of order."""

import dataclasses

import numpy as np
import pytest

from lsn_tf.studies.paired import BLOCK, paired_difference, wilcoxon


@pytest.fixture
def scores(rng):
    """Of two models on 40 scans, by volume number."""
    difficulty = rng.normal(0.85, 0.08, 40)
    volumes = (3 * np.arange(40)).tolist()
    return tuple(dict(zip(volumes, difficulty + rng.normal(d, 0.03, 40), strict=True)) for d in (0.02, 0.0))


def test_a_model_does_not_differ_from_itself(scores):
    same = paired_difference(scores[0], dict(scores[0]))
    assert (same.mean, same.interval, same.block_interval, same.p_value) == (0, (0, 0), (0, 0), 1)
    assert (same.wins, same.ties, same.losses, same.scans) == (0, 40, 0, 40)


def test_the_mean_is_that_of_the_differences_and_lies_in_its_intervals(scores):
    one, other = scores
    found = paired_difference(one, other)
    assert found.mean == pytest.approx(np.mean([one[v] - other[v] for v in one]))
    for low, high in (found.interval, found.block_interval):
        assert low < found.mean < high
    assert found.wins == sum(one[v] > other[v] for v in one) and found.wins + found.losses == found.scans == 40


def test_the_order_of_scans_does_not_matter(scores):
    backwards = [dict(reversed(list(of_model.items()))) for of_model in scores]
    assert paired_difference(*backwards) == paired_difference(scores[0], backwards[1]) == paired_difference(*scores)


def test_exchanging_the_models_mirrors_everything(scores):
    there, back = paired_difference(*scores), paired_difference(*reversed(scores))
    assert (back.wins, back.losses, back.p_value) == (there.losses, there.wins, pytest.approx(there.p_value))
    assert back.mean == pytest.approx(-there.mean)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]), abs=1e-9)


def test_a_constant_that_both_gain_changes_nothing(scores):
    shifted = [{volume: score + 0.01 for volume, score in of_model.items()} for of_model in scores]
    expected = dataclasses.asdict(paired_difference(*scores))
    assert dataclasses.asdict(paired_difference(*shifted)) == {
        name: pytest.approx(value, abs=1e-8) for name, value in expected.items()
    }


def test_the_interval_covers_a_known_difference_as_often_as_it_says(rng):
    """The number of 400 intervals that cover is binomial with a deviation of 4; BCa is known to be a little short."""
    covered = 0
    for _ in range(400):
        difference = 0.02 + 0.05 * (rng.exponential(size=40) - 1)
        found = paired_difference(dict(enumerate(difference)), dict.fromkeys(range(40), 0.0), resamples=499)
        covered += found.interval[0] <= 0.02 <= found.interval[1]
    assert 0.90 * 400 <= covered <= 0.98 * 400


def test_blocks_of_scans_that_are_alike_widen_the_interval(rng):
    by_block = np.repeat(rng.normal(size=12), BLOCK)
    found = paired_difference(dict(enumerate(by_block)), dict.fromkeys(range(12 * BLOCK), 0.0))
    width, of_blocks = (high - low for low, high in (found.interval, found.block_interval))
    assert of_blocks == pytest.approx(np.sqrt(BLOCK) * width, rel=0.2)


def test_blocks_of_one_scan_change_nothing(rng):
    apart = dict(zip(range(0, 40 * BLOCK, BLOCK), rng.normal(size=40), strict=True))
    found = paired_difference(apart, dict.fromkeys(apart, 0.0))
    assert found.interval == found.block_interval


def test_the_same_gain_on_every_scan_is_an_interval_of_a_point():
    found = paired_difference(dict.fromkeys(range(8), 0.9), dict.fromkeys(range(8), 0.8))
    assert found.interval == found.block_interval == pytest.approx((0.1, 0.1))


def test_a_single_scan_has_no_interval():
    found = paired_difference({7: 0.9}, {7: 0.8})
    assert found.interval is None and found.block_interval is None and found.p_value == 1


def test_the_signed_rank_test_is_exact():
    """All n differences positive: two of the 2^n signs are as extreme."""
    assert wilcoxon(np.arange(1.0, 7.0)) == pytest.approx(2 / 2**6)


def test_scans_without_a_difference_make_it_less_certain():
    gains = np.arange(1.0, 13.0)
    assert wilcoxon(gains) < wilcoxon(np.append(gains, -np.ones(3))) < 1
    assert wilcoxon(np.zeros(5)) == 1


def test_scans_without_a_difference_take_ranks():
    """Losses of rank 6 or less in 5 of 16 signs of the ranks 3 to 6; without zeros 4 or less in 7 of 16, 1 to 4."""
    assert wilcoxon(np.array([1.0, 2.0, 3.0, -4.0])) == pytest.approx(14 / 16)
    assert wilcoxon(np.array([0.0, 0.0, 1.0, 2.0, 3.0, -4.0])) < 0.7  # 10 / 16, or what the normal distribution gives


def test_what_comes_of_averaging_is_a_tie():
    third = {0: 0.1 + 0.2, 1: 0.9}
    assert paired_difference(third, {0: 0.3, 1: 0.8}).ties == 1


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({0: 0.9, 1: 0.9}, {0: 0.9, 2: 0.9}, r"unpaired: \[1, 2\]"),
        ({}, {}, "Received 0 and 0"),
        ({0: 0.9, 4: float("nan")}, {0: 0.9, 4: 0.9}, r"others for \[4\]"),
    ],
)
def test_scores_that_are_no_pairs_are_refused(one, other, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(one, other)
