"""Components are those of the singular value decomposition, and a known kernel lies where an equal learned one does."""

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.principal_components import principal_components

STACK = np.stack([entry.kernel for entry in named_kernels()]).astype(np.float32)


@pytest.fixture
def kernels(rng):
    """Correlated, far from mean 0, more than a chunk."""
    return (rng.normal(size=(9001, 9)) @ rng.normal(size=(9, 9)) + 20).reshape(-1, 3, 3).astype(np.float32)


def test_a_known_kernel_among_the_learned_lands_on_its_own_marker(kernels):
    learned = np.concatenate([kernels, STACK])
    axes = principal_components(learned)
    np.testing.assert_allclose(axes.project(learned)[-len(STACK) :], axes.project(STACK), atol=1e-4)


def test_learned_kernels_are_centred_and_known_ones_are_as_far_off_as_they_are(kernels):
    axes = principal_components(kernels)
    np.testing.assert_allclose(axes.project(kernels, 9).mean(axis=0), 0, atol=1e-3)
    expected = (STACK.reshape(-1, 9) - kernels.reshape(-1, 9).mean(axis=0)) @ axes.components.T
    np.testing.assert_allclose(axes.project(STACK, 9), expected, rtol=1e-4, atol=1e-3)


def test_components_and_variances_are_those_of_the_singular_value_decomposition(kernels):
    rows = kernels.reshape(-1, 9).astype(np.float64)
    _, singular, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    axes = principal_components(kernels)
    np.testing.assert_allclose(axes.variances, singular**2 / (len(rows) - 1), rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(axes.components * right, axis=1)), 1, atol=1e-5)


def test_projections_keep_the_squared_distances(kernels):
    """Parseval: all nine coefficients hold all of a kernel."""
    axes = principal_components(kernels)
    squared = (axes.project(kernels, 9) ** 2).sum(axis=1)
    expected = ((kernels.reshape(-1, 9) - axes.mean) ** 2).sum(axis=1)
    np.testing.assert_allclose(squared, expected, rtol=1e-3)
    assert axes.explained.sum() == pytest.approx(1) and axes.variances.sum() == pytest.approx(
        expected.sum() / (len(kernels) - 1), rel=1e-5
    )


def test_the_largest_weight_of_a_component_is_positive(kernels):
    components = principal_components(kernels).components
    assert (components.max(axis=1) == np.abs(components).max(axis=1)).all()


def test_equal_kernels_have_no_variance_and_one_kernel_is_an_error():
    axes = principal_components(np.ones((5, 3, 3)))
    assert not axes.explained.any() and not axes.project(np.ones((5, 3, 3)), 9).any()
    with pytest.raises(ValueError, match="two kernels at least"):
        principal_components(np.ones((1, 3, 3)))
