"""A sorting network sorts all sequences if it sorts those of zeros and ones (Knuth, volume 3, theorem 5.3.4 Z)."""

import itertools

import numpy as np
import pytest

from lsn_tf.numerics.sorting import sorting_network


def applied(network, columns):
    for i, j in network:
        columns[i], columns[j] = np.minimum(columns[i], columns[j]), np.maximum(columns[i], columns[j])
    return columns


@pytest.mark.parametrize("n", [*range(1, 13), 16])
def test_all_sequences_of_zeros_and_ones_are_sorted(n):
    columns = np.array(list(itertools.product((False, True), repeat=n))).T
    ones = columns.sum(axis=0)
    np.testing.assert_array_equal(applied(sorting_network(n), columns), np.arange(n)[:, None] >= n - ones)


@pytest.mark.parametrize(("n", "comparisons"), [(2, 1), (4, 5), (8, 19), (16, 63), (32, 191)])
def test_it_is_as_small_as_batcher_says(n, comparisons):
    """(t**2 - t + 4) 2**(t - 2) - 1 for n = 2**t."""
    pairs = list(sorting_network(n))
    t = n.bit_length() - 1
    assert len(pairs) == comparisons == (t * t - t + 4) * 2**t // 4 - 1
    assert all(0 <= i < j < n for i, j in pairs)


def test_rings_of_any_radius_are_sorted():
    rng = np.random.default_rng(0)
    for n in (24, 40, 48):
        values = rng.normal(size=(n, 200))
        np.testing.assert_array_equal(applied(sorting_network(n), values.copy()), np.sort(values, axis=0))
