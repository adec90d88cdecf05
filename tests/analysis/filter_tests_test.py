"""Filters change sets as a whole: p-values are those of all exchanges, intervals those of the means of filters."""

import itertools

import numpy as np
import pytest
from scipy import stats

from lsn_tf.analysis import filter_tests
from lsn_tf.analysis.diversity import shift


def compared(values, others, rng, kernels=1, paired=False):
    """Compares two sets of filters by one share, given for each filter."""
    sums = np.concatenate([values, others]).astype(float)[:, None] * kernels
    first = np.arange(len(sums)) < len(values)
    return filter_tests.share_differences(sums, np.full(sums.shape, kernels), first, rng, paired)


def test_the_p_value_is_the_share_of_all_exchanges_that_are_as_far_apart(rng):
    for _ in range(5):
        values = rng.random(7)
        seen = abs(values[:3].mean() - values[3:].mean())
        exchanges = [set(chosen) for chosen in itertools.combinations(range(7), 3)]
        sides = [np.isin(np.arange(7), list(chosen)) for chosen in exchanges]
        exact = np.mean([abs(values[side].mean() - values[~side].mean()) >= seen - 1e-12 for side in sides])
        found = compared(values[:3], values[3:], rng)
        assert found.p_values[0] == pytest.approx(exact, abs=4 * np.sqrt(exact / filter_tests.PERMUTATIONS))


def test_the_p_value_of_pairs_is_the_share_of_all_changes_of_sign_that_are_as_far_from_zero(rng):
    for _ in range(5):
        differences = rng.normal(0.5, 1, 8)
        signs = np.array(list(itertools.product((-1, 1), repeat=8)))
        exact = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-12)
        level = 100 * rng.random(8)  # common to a pair
        found = compared(level + differences, level, rng, paired=True)
        assert found.p_values[0] == pytest.approx(exact, abs=4 * np.sqrt(exact / filter_tests.PERMUTATIONS))


def test_what_pairs_have_in_common_does_not_widen_the_interval(rng):
    level, change = 100 * rng.random(200), rng.normal(1, 1, 200)
    found = compared(level + change, level, rng, paired=True)
    np.testing.assert_allclose(found.intervals[:, 0], change.mean() + np.array([-1.96, 1.96]) / np.sqrt(200), atol=0.03)
    assert found.p_values[0] < 0.001 and compared(level + change, level, rng).p_values[0] > 0.1


def test_a_set_and_itself_do_not_differ(rng):
    found = compared(*[rng.random(12)] * 2, rng)
    assert found.values == found.others and found.p_values == 1
    assert found.intervals[0] < 0 < found.intervals[1]


def test_one_filter_on_either_side_is_no_evidence(rng):
    assert compared([1], [0], rng, kernels=1000).p_values == 1


def test_p_values_are_uniform_when_both_sets_are_of_one_kind(rng, monkeypatch):
    monkeypatch.setattr(filter_tests, "PERMUTATIONS", 199)
    monkeypatch.setattr(filter_tests, "RESAMPLES", 9)
    p_values = [compared(rng.normal(size=9), rng.normal(size=14), rng).p_values[0] for _ in range(300)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_filters_count_by_their_kernels_and_those_without_any_do_not(rng):
    sums, sizes = np.array([[3.0], [1], [0], [0], [4]]), np.array([[4], [1], [0], [3], [5]])
    found = filter_tests.share_differences(sums, sizes, np.array([True, True, True, False, False]), rng)
    assert (found.values[0], found.others[0]) == (4 / 5, 4 / 8)


def test_the_interval_is_that_of_two_means(rng):
    values, others = rng.normal(2, 1, 400), rng.normal(0, 3, 300)
    found = compared(values, others, rng)
    deviation = np.sqrt(values.var() / 400 + others.var() / 300)
    expected = values.mean() - others.mean() + np.array([-1.96, 1.96]) * deviation
    np.testing.assert_allclose(found.intervals[:, 0], expected, atol=0.2 * deviation)


def test_95_per_cent_of_exchanges_lie_in_the_band_of_chance(rng):
    """Which is that of a normal distribution, whatever the sets differ in."""
    values, others = rng.normal(size=200), rng.normal(size=200)
    found = compared(values, others, rng)
    assert found.chance_high[0] == pytest.approx(
        1.96 * np.concatenate([values, others]).std() * np.sqrt(2 / 200), rel=0.05
    )


def kernels_of(filters, count, rng, offset=0.0):
    """Returns so many kernels of each of some filters that each have a mean of their own."""
    means = rng.normal(size=(filters, 3, 3)) + offset
    return np.repeat(means, count, axis=0) + 0.3 * rng.normal(size=(filters * count, 3, 3))


def shifted(one, other, count, rng, paired=False):
    filters = np.arange(len(one) + len(other)) // count
    first = np.unique(filters) < len(one) // count
    return filter_tests.shift_test(np.concatenate([one, other]), filters, first, rng, paired)


def test_the_divergence_tested_is_that_of_both_sets(rng):
    one, other = kernels_of(6, 20, rng), kernels_of(8, 20, rng)
    assert shifted(one, other, 20, rng)[0] == pytest.approx(shift(one, other), rel=1e-9)


def test_divergences_of_filters_of_one_kind_are_chance_however_many_kernels_they_have(rng, monkeypatch):
    monkeypatch.setattr(filter_tests, "SHIFT_PERMUTATIONS", 99)
    p_values = [shifted(kernels_of(5, 30, rng), kernels_of(7, 30, rng), 30, rng)[2] for _ in range(100)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_a_divergence_of_two_kinds_is_not_chance(rng):
    seen, high, p_value = shifted(kernels_of(12, 30, rng), kernels_of(12, 30, rng, offset=2), 30, rng)
    assert seen > high and p_value == 1 / (filter_tests.SHIFT_PERMUTATIONS + 1)


def test_pairs_show_a_divergence_that_filters_hide(rng):
    """All kernels change alike, by less than what filters differ by: without pairs the sets seem the same."""
    before = kernels_of(40, 6, rng)
    after = before + 0.3 * np.eye(3)
    assert shifted(after, before, 6, rng, paired=True)[2] < 0.05 < 0.9 < shifted(after, before, 6, rng)[2]


@pytest.mark.parametrize("paired", [False, True])
def test_of_very_many_filters_some_are_drawn_whole(paired, rng, monkeypatch):
    monkeypatch.setattr(filter_tests, "MOST_FILTERS", 40)
    one, other = kernels_of(50, 4, rng), kernels_of(50, 4, rng, offset=2)
    seen, high, p_value = shifted(one, other, 4, rng, paired)
    assert seen > high and p_value < 0.01
    both, filters, sides = np.concatenate([one, other]), np.arange(400) // 4, np.arange(100) < 50
    kept, filters, first = filter_tests._drawn(both, filters, sides, rng, paired)
    assert len(kept) == 160 and (np.bincount(filters) == 4).all() and len(first) == 40
    if paired:
        places = [np.flatnonzero((both == filter_[0]).all(axis=(1, 2)))[0] for filter_ in np.split(kept, 40)]
        assert (np.diff(np.reshape(places, (2, 20)), axis=0) == 200).all()
