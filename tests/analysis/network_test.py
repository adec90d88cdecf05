"""Which kernels are dead is found once, of all kernels of a layer, and they are left out where kernels are tested."""

import numpy as np
import pytest

from lsn_tf.analysis.network import before_training, read_network


@pytest.fixture
def network(tmp_path, rng):
    """A network of two layers, 120 kernels with 3 dead ones and 6 with none."""
    kernel = rng.normal(size=(3, 3, 6, 20)).astype(np.float32)
    kernel[..., 2, :2], kernel[..., 3, 0] = 0, np.abs(kernel).max() * 0.009
    np.savez(tmp_path / "model.npz", some=kernel, all=np.ones((3, 3, 2, 3), np.float32))
    return tmp_path / "model.npz"


def test_living_kernels_are_those_above_one_per_cent_of_the_largest_weight(network):
    some, every = read_network(network, 3)
    assert (some.dead, every.dead) == (3, 0)
    np.testing.assert_array_equal(some.living, some.kernels[some.alive])
    assert len(some.living) == 117 and every.living is every.kernels


def test_the_untrained_network_has_no_dead_kernels_either(network):
    untrained = before_training(network, read_network(network, 3), 3)
    assert {name: len(kernels) for name, kernels in untrained.items()} == {"some": 117, "all": 6}
