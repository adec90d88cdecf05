"""The number of clusters is found where there is one, and none where there is none."""

import numpy as np
import pytest
from scipy.spatial import distance
from sklearn import metrics

from lsn_tf.analysis import cluster_count
from lsn_tf.analysis.cluster_count import ClusterCount


@pytest.fixture
def three(rng):
    centres = rng.normal(size=(3, 9)) * 3
    return (centres[rng.integers(3, size=600)] + 0.3 * rng.normal(size=(600, 9))).reshape(-1, 3, 3)


def test_three_clusters_are_three_by_every_measure(three):
    counts = cluster_count.count_clusters(three, (1, 2, 3, 4, 5))
    assert cluster_count.choose_by_silhouette(counts) == cluster_count.choose_by_gap(counts) == 3
    stable = {count.k: count.stability for count in counts}
    assert stable[3] == pytest.approx(1, abs=0.01) and stable[1] == 1 and stable[4] < 0.95


def test_noise_has_no_clusters_by_the_gap_and_none_that_are_stable(rng):
    counts = cluster_count.count_clusters(rng.normal(size=(500, 3, 3)), (1, 2, 3, 4))
    assert cluster_count.choose_by_gap(counts) == 1
    assert max(count.stability for count in counts[1:]) < 0.6 and counts[2].silhouette < 0.2


def test_the_silhouette_is_scikit_learns(rng):
    rows, labels = rng.normal(size=(200, 9)), rng.integers(5, size=200)
    labels[:199][labels[:199] == 4] = 3
    labels[199] = 4  # alone
    ours = cluster_count.silhouette(distance.squareform(distance.pdist(rows)), labels)
    assert ours == pytest.approx(metrics.silhouette_score(rows, labels))
    assert np.isnan(cluster_count.silhouette(np.zeros((3, 3)), np.zeros(3, int)))


def test_the_adjusted_rand_index_is_scikit_learns(rng):
    for first, second in rng.integers(4, size=(20, 2, 50)):
        assert cluster_count.adjusted_rand(first, second) == pytest.approx(metrics.adjusted_rand_score(first, second))
    assert cluster_count.adjusted_rand(first, 3 - first) == 1
    assert cluster_count.adjusted_rand(np.zeros(5, int), np.zeros(5, int)) == 1


def test_the_gap_rule_takes_the_smallest_k_that_the_next_does_not_beat():
    def counts(*gaps):
        return [ClusterCount(k, np.nan, gap, 0.1, 1.0) for k, gap in enumerate(gaps, start=1)]

    assert cluster_count.choose_by_gap(counts(0.0, 1.0, 1.05, 3.0)) == 2
    assert cluster_count.choose_by_gap(counts(0.0, 1.0, 2.0)) == 3
    assert cluster_count.choose_by_silhouette(counts(0.0, 1.0)) == 1


def test_candidates_out_of_range_are_errors(rng):
    for candidates in ((), (0, 1), (2, 5)):
        with pytest.raises(ValueError, match=r"candidates must be in \[1, 5\)"):
            cluster_count.count_clusters(rng.normal(size=(5, 3, 3)), candidates)
