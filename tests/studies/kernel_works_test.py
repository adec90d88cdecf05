"""What is timed side by side computes the same."""

import numpy as np
import pytest

from lsn_tf.analysis.clustering import TOLERANCE
from lsn_tf.analysis.network import read_network
from lsn_tf.models import build_model
from lsn_tf.studies import kernel_works

COUNT = 3000


def test_components_and_names_agree_and_clusters_are_as_good():
    parts = {part: [work.run() for work in works.values()] for part, works in kernel_works.parts(COUNT).items()}
    np.testing.assert_allclose(*parts["principal components"], rtol=1e-4)
    np.testing.assert_allclose(*parts["nearest named kernel"], atol=1e-5)
    ours, theirs = parts["8 clusters"]
    assert ours <= (1 + TOLERANCE) * theirs


def test_the_whole_has_the_results_of_each_part():
    ours, theirs = (work.run() for work in kernel_works.wholes(COUNT).values())
    similarities, variances, inertia = ours
    np.testing.assert_allclose(variances, theirs[0], rtol=1e-4)
    assert inertia <= (1 + TOLERANCE) * theirs[1]
    np.testing.assert_allclose(similarities, theirs[2], atol=1e-5)


def test_both_readers_find_the_same_kernels(tmp_path):
    build_model("unet_2019", (-100.0, 400.0)).export(tmp_path, verbose=False)
    ours, theirs = (work.run() for work in kernel_works.readers(str(tmp_path)).values())
    ours = sorted(layer.kernels.sum() for layer in ours if layer.count)
    theirs = sorted(kernel.sum() for kernel in theirs if kernel.shape[:2] == (3, 3))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("count", [5000, kernel_works.WIDEST, 2 * kernel_works.WIDEST + 700])
def test_a_random_network_has_as_many_kernels_in_layers_that_are_not_wider(count, tmp_path):
    kernel_works.random_network(count, tmp_path / "model.npz")
    counts = [layer.count for layer in read_network(tmp_path / "model.npz", 3)]
    assert count <= sum(counts) < count + kernel_works.FILTERS and max(counts) <= kernel_works.WIDEST
