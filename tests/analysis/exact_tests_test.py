"""p-values hold: under the null they are below alpha with chance alpha at most, and against closed forms they agree."""

import numpy as np
import pytest
from scipy import stats

from lsn_tf.analysis import exact_tests

ALPHAS = (0.01, 0.05, 0.2, 0.5)


def assert_valid(p_values, power=0.6):
    """At each level at most that share, sampling error aside; and not far fewer, so that the test is of use."""
    for alpha in ALPHAS:
        below = int(np.sum(np.asarray(p_values) <= alpha))
        assert stats.binomtest(below, len(p_values), alpha, alternative="greater").pvalue > 0.001, alpha
        assert below > power * alpha * len(p_values) - 3 * np.sqrt(alpha * len(p_values)), alpha


def test_monte_carlo_p_values_are_uniform_under_the_null(rng):
    p_values = [exact_tests.monte_carlo_p_value(*(lambda x: (x[0], x[1:]))(rng.normal(size=100))) for _ in range(4000)]
    counts = np.bincount(np.round(np.array(p_values) * 100).astype(int), minlength=101)[1:]
    assert counts.sum() == 4000 and stats.chisquare(counts).pvalue > 0.001
    assert_valid(p_values, 0.9)


def test_monte_carlo_counts_ties_against_the_claim():
    assert exact_tests.monte_carlo_p_value(1.0, np.array([0.0, 1.0, 2.0])) == 3 / 4
    assert exact_tests.monte_carlo_p_value(3.0, np.array([0.0, 1.0, 2.0])) == 1 / 4  # never 0


def test_binomial_p_values_are_the_tail_of_the_sum():
    assert exact_tests.binomial_p_value(3, 3, 0.5) == pytest.approx(1 / 8)
    assert exact_tests.binomial_p_value(2, 3, 0.5) == pytest.approx(4 / 8)
    assert exact_tests.binomial_p_value(0, 3, 0.5) == 1


def test_two_sample_p_values_are_fishers(rng):
    for hits, kernels, null_hits, null_kernels in [(5, 20, 3, 40), (0, 10, 4, 10), (10, 10, 0, 30)]:
        table = [[hits, kernels - hits], [null_hits, null_kernels - null_hits]]
        expected = stats.fisher_exact(table, alternative="greater").pvalue
        assert exact_tests.two_sample_p_value(hits, kernels, null_hits, null_kernels) == pytest.approx(expected)


def test_two_sample_p_values_are_valid_under_the_null(rng):
    draws = zip(rng.binomial(400, 0.3, 4000).tolist(), rng.binomial(4000, 0.3, 4000).tolist(), strict=True)
    assert_valid([exact_tests.two_sample_p_value(hits, 400, null, 4000) for hits, null in draws])


def test_matched_p_values_are_valid_though_kernels_differ_in_their_chances(rng):
    p_values = []
    for _ in range(3000):
        chances = rng.beta(0.3, 1, 300)
        hits, copies_hit = rng.random(300) < chances, rng.binomial(9, chances)
        p_values.append(exact_tests.matched_p_value(hits, copies_hit, 9))
    assert_valid(p_values)


def test_matched_p_values_with_one_copy_are_the_sign_test():
    hits = np.array([True] * 6 + [False] * 4)
    copies_hit = np.array([0] * 5 + [1] + [1] * 2 + [0] * 2)  # five for, two against, three undecided
    assert exact_tests.matched_p_value(hits, copies_hit, 1) == pytest.approx(stats.binom.sf(4, 7, 0.5))


def test_matched_p_values_of_equal_strata_are_binomial():
    hits, copies_hit = np.arange(50) < 12, np.where(np.arange(50) < 12, 1, 2)  # each has 2 hits of 10
    assert exact_tests.matched_p_value(hits, copies_hit, 9) == pytest.approx(stats.binom.sf(11, 50, 0.2))


def test_matched_p_values_without_any_hit_say_nothing():
    assert exact_tests.matched_p_value(np.zeros(5, bool), np.zeros(5, int), 19) == 1
    assert exact_tests.matched_p_value(np.ones(5, bool), np.full(5, 19), 19) == 1
    assert exact_tests.matched_p_value(np.zeros(0, bool), np.zeros(0, int), 19) == 1


def test_the_bootstrap_interval_covers_the_share(rng):
    covered = 0
    for _ in range(400):
        low, high = exact_tests.bootstrap_interval(rng.random(200) < 0.3, rng)
        covered += low <= 0.3 <= high
    assert covered / 400 == pytest.approx(0.95, abs=0.035)


def test_kernels_that_come_in_groups_have_a_wider_interval(rng):
    groups = np.repeat(np.arange(40), 10)
    hits = rng.random(40)[groups] < 0.3  # all of a group alike
    widths = [np.ptp(exact_tests.bootstrap_interval(hits, rng, group)) for group in (None, groups)]
    assert widths[1] > 2 * widths[0]


def test_the_interval_of_no_hit_is_clopper_and_pearsons(rng):
    low, high = exact_tests.bootstrap_interval(np.zeros(20, bool), rng)
    assert low == 0 and high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert exact_tests.bootstrap_interval(np.zeros(0, bool), rng) == (0, 1)


def test_intervals_of_filters_are_those_of_a_plain_bootstrap(rng):
    """Filters of different sizes: the share of a resample is a ratio of sums, and all columns have the same filters."""
    groups = np.repeat([0, 2, 5, 6, 7, 9], [30, 10, 20, 5, 40, 15])
    hits = rng.random((120, 3)) < np.array([0.1, 0.5, 0.9])[:, None].T * (0.3 + 0.1 * groups[:, None] / 1.5)
    found = np.array(exact_tests.bootstrap_intervals(hits, np.random.default_rng(1), groups))
    kinds, plain = np.unique(groups), []
    for _ in range(4000):
        drawn = np.concatenate([hits[groups == kind] for kind in rng.choice(kinds, len(kinds))])
        plain.append(drawn.mean(axis=0))
    np.testing.assert_allclose(found, np.quantile(plain, [0.025, 0.975], axis=0).T, atol=0.02)


def test_the_tail_of_many_unlike_kernels_is_that_of_the_exact_sum(rng):
    """Sums of binomials, convolved without a transform."""
    hits, copies_hit = rng.random(3000) < 0.4, rng.binomial(3, 0.35, 3000)
    together = np.bincount(hits + copies_hit, minlength=5)
    mass = np.ones(1)
    for s in (1, 2, 3):
        mass = np.convolve(mass, stats.binom.pmf(np.arange(together[s] + 1), together[s], s / 4))
    expected = mass[hits.sum() - together[4] :].sum()
    assert exact_tests.matched_p_value(hits, copies_hit, 3) == pytest.approx(expected, rel=1e-6)
