"""k-means finds what scikit-learn's does, within the stated tolerance, and clusters that are there."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from lsn_tf.analysis import clustering
from lsn_tf.analysis.cluster_count import adjusted_rand
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.nulls import gaussian


@pytest.fixture(scope="module")
def many():
    """More than the sample, without clusters: the hardest to be as good at."""
    kernels = gaussian(clustering.SAMPLE + 20_000, 3, np.random.default_rng(5))
    return clustering.prepare(kernels * np.linspace(0.5, 2, 9, dtype=np.float32).reshape(3, 3), "l2")


@pytest.mark.parametrize("k", [1, 3, 8, 16])
def test_the_inertia_is_within_the_tolerance_of_scikit_learns(many, k):
    theirs = KMeans(k, n_init=clustering.STARTS if k > 1 else 1, random_state=0).fit(many.reshape(-1, 9)).inertia_
    assert clustering.cluster(many, k).inertia <= (1 + clustering.TOLERANCE) * theirs


def test_the_inertia_is_the_sum_of_squared_distances_to_the_nearest_centre(many):
    found = clustering.cluster(many, 4)
    squared = ((many.reshape(-1, 1, 9) - found.centres) ** 2).sum(axis=2)
    np.testing.assert_array_equal(found.labels, squared.argmin(axis=1))
    assert found.inertia == pytest.approx(squared.min(axis=1).sum(), rel=1e-5)


def test_clusters_that_are_there_are_found(rng):
    names = ("identity", "sobel_x", "laplacian_5", "local_mean")
    kernels = {entry.name: entry.kernel for entry in named_kernels()}
    truth = np.repeat(np.arange(4), [400, 300, 200, 100])
    stack = clustering.prepare(np.stack([kernels[name] for name in names]), "l2")
    found = clustering.cluster(stack[truth] + 0.05 * rng.normal(size=(1000, 3, 3)), 4)
    assert adjusted_rand(found.labels, truth) == 1
    assert found.sizes.tolist() == [400, 300, 200, 100]  # the largest first
    np.testing.assert_allclose(found.centres, stack.reshape(4, 9), atol=0.03)


def test_turned_stencils_are_one_cluster_in_canonical_form_and_four_in_raw(rng):
    sobel = next(entry.kernel for entry in named_kernels() if entry.name == "sobel_x")
    turned = np.stack([np.rot90(sobel, k) for k in rng.integers(4, size=400)]) + 0.02 * rng.normal(size=(400, 3, 3))
    inertia = {form: clustering.cluster(clustering.prepare(turned, form), 1).inertia for form in ("l2", "canonical")}
    assert inertia["canonical"] < 0.02 * inertia["l2"]


def test_more_clusters_than_kinds_of_kernels_leave_none_far_from_its_centre():
    kinds = np.repeat(np.eye(9, dtype=np.float32).reshape(9, 3, 3)[:2], 5, axis=0)
    found = clustering.cluster(kinds, 4)
    assert found.inertia == pytest.approx(0, abs=1e-6) and found.labels.max() < 4


def test_an_empty_cluster_takes_the_farthest_kernel():
    rows = np.array([[0.0] * 9, [1.0] * 9, [1.1] * 9, [9.0] * 9], np.float32)
    far = np.array([[0.5] * 9, [-99.0] * 9], np.float32)
    assert clustering.lloyd(rows, far, 20).labels.tolist() == [0, 0, 0, 1]


def test_the_same_seed_gives_the_same_clusters(many):
    first, again = clustering.cluster(many, 5, seed=1), clustering.cluster(many, 5, seed=1)
    np.testing.assert_array_equal(first.labels, again.labels)


def test_forms_have_unit_norm(rng):
    kernels = np.concatenate([rng.normal(size=(20, 3, 3)), np.zeros((1, 3, 3))])
    for form, order in (("l1", 1), ("l2", 2), ("canonical", 2)):
        rows = clustering.prepare(kernels, form).reshape(-1, 9)
        np.testing.assert_allclose(np.linalg.norm(rows, order, axis=1), [1] * 20 + [0], rtol=1e-5)


def test_wrong_forms_and_counts_are_errors(rng):
    with pytest.raises(ValueError, match="form must be one of"):
        clustering.prepare(np.ones((2, 3, 3)), "raw")
    for k in (0, 3):
        with pytest.raises(ValueError, match=r"k must be in \[1, 2\]"):
            clustering.cluster(np.ones((2, 3, 3)), k)
