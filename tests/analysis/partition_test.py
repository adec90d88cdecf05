"""The clusters of a network are those of its kernels together, however they are spread over layers."""

import numpy as np
import pytest

from lsn_tf.analysis import partition as partitions
from lsn_tf.analysis.clustering import FORMS, STARTS, TOLERANCE, cluster, prepare
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.nulls import gaussian
from lsn_tf.analysis.symmetries import EVERY_SYMMETRY


def network(kernels, counts, dead=()):
    """Returns layers of so many of the kernels, those at `dead` being dead."""
    alive = ~np.isin(np.arange(len(kernels)), dead)
    layers, end = [], 0
    for depth, count in enumerate(counts):
        part, end = slice(end, end + count), end + count
        channels = np.arange(count, dtype=np.int32)
        shape = (3, 3, 1, count)
        values = (kernels[part], channels * 0, channels, alive[part])
        layers.append(Layer(f"layer {depth}", depth, "full", "", 1, shape, *values))
    return layers


@pytest.mark.parametrize("form", FORMS)
def test_layers_are_clustered_together_without_their_dead_kernels(form, rng, monkeypatch):
    monkeypatch.setattr(partitions, "ROWS", 7)
    kernels = gaussian(100, 3, rng)
    layers = network(kernels, (60, 10, 30), dead=(0, 65, 99))
    found = partitions.partition(layers, form, 4, 1, EVERY_SYMMETRY)
    living = np.delete(kernels, (0, 65, 99), axis=0)
    expected = cluster(prepare(living, form), 4, 1)
    np.testing.assert_array_equal(found.clusters.labels, expected.labels)
    np.testing.assert_allclose(found.clusters.centres, expected.centres)
    assert found.clusters.inertia == pytest.approx(expected.inertia)
    spread = np.concatenate([found.labels[layer.name] for layer in layers])
    np.testing.assert_array_equal(spread[[0, 65, 99]], -1)
    np.testing.assert_array_equal(np.delete(spread, (0, 65, 99)), expected.labels)


def test_the_sample_is_of_different_living_kernels_of_all_layers_in_their_order(rng, monkeypatch):
    monkeypatch.setattr(partitions, "SAMPLE", 40)
    kernels = np.arange(1, 101, dtype=np.float32)[:, None, None] * np.ones((3, 3), np.float32)
    drawn = partitions._sample(network(kernels, (50, 0, 50), dead=range(0, 100, 2)), rng)[:, 0, 0]
    assert len(drawn) == 40 and (np.diff(drawn) > 0).all() and set(drawn % 2) == {0}
    assert drawn.min() < 50 < drawn.max()


@pytest.mark.parametrize("k", [3, 16])
def test_centres_of_a_sample_are_within_the_tolerance_for_all(k, rng):
    """Of kernels without clusters, the hardest: against all of them clustered until nothing moves."""
    from sklearn.cluster import KMeans

    kernels = gaussian(120_000, 3, rng) * np.linspace(0.5, 2, 9, dtype=np.float32).reshape(3, 3)
    found = partitions.partition(network(kernels, (20_000, 100_000)), "canonical", k, 0, EVERY_SYMMETRY)
    rows = prepare(kernels, "canonical").reshape(-1, 9)
    theirs = KMeans(k, n_init=STARTS, random_state=0).fit(rows).inertia_
    assert found.clusters.inertia <= (1 + TOLERANCE) * theirs
    assert found.clusters.sizes.sum() == 120_000 and (np.diff(found.clusters.sizes) <= 0).all()
