"""Which kernels are shown one by one: all that fit, the same number of every large layer."""

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import NamedKernel
from lsn_tf.analysis.findings import framed, sample_indices


def test_all_are_shown_where_they_are_few():
    found = sample_indices([5, 0, 300], 9, 0)
    assert [index.tolist() for index in found] == [list(range(5)), [], list(range(300))]


@pytest.mark.parametrize("counts", [[10, 4000, 4000, 50], [100] * 30, [7, 12_000], [1]])
@pytest.mark.parametrize("most_weights", [900, 9_000, 90_000])
def test_layers_share_the_room_up_to_one_bound_and_no_room_is_left(counts, most_weights):
    found = sample_indices(counts, 9, 0, most=5000, most_weights=most_weights)
    bound = max(map(len, found))
    assert [len(index) for index in found] == [min(n, bound) for n in counts]
    assert sum(map(len, found)) <= most_weights // 9 and bound <= 5000
    next_larger = sum(min(n, bound + 1) for n in counts)
    assert bound == min(max(counts), 5000) or next_larger > most_weights // 9


def test_a_sample_is_ascending_without_repetition_and_seeded():
    (one,), (same,), (other,) = (sample_indices([1000], 9, seed, most=100) for seed in (1, 1, 2))
    assert (np.diff(one) > 0).all() and 0 <= one[0] and one[-1] < 1000
    assert (one == same).all() and (one != other).any()


def test_wide_kernels_are_fewer():
    assert len(sample_indices([10_000], 49, 0, most_weights=49_000)[0]) == 1000


def test_small_named_kernels_stand_in_the_middle():
    (kernel,) = framed([NamedKernel("one", "identity", np.eye(3)[1:2, 1:2])], 5)
    assert kernel.shape == (5, 5) and kernel[2, 2] == kernel.sum() == 1
