"""The measures of CNN Filter DB have the values that are known in closed form."""

import numpy as np
import pytest

from lsn_tf.analysis import diversity
from lsn_tf.analysis.principal_components import principal_components


def with_variances(variances):
    """Kernels of mean 0 whose covariance is diagonal, exactly: plus and minus each axis, at its deviation."""
    axes = np.diag(np.sqrt(variances))
    return np.concatenate([axes, -axes]).reshape(-1, 3, 3)


@pytest.mark.parametrize(
    ("variances", "entropy"),
    [
        ([1] * 9, np.log10(9)),
        ([1] + [0] * 8, 0),
        ([1, 1] + [0] * 7, np.log10(2)),
        ([2, 1, 1] + [0] * 6, 1.5 * np.log10(2)),
    ],
)
def test_variance_entropy_in_closed_form(variances, entropy):
    assert diversity.variance_entropy(with_variances(variances)) == pytest.approx(entropy, abs=1e-6)


def test_the_explained_variance_adds_up_in_falling_steps():
    np.testing.assert_allclose(
        diversity.explained_variance(with_variances([1, 5, 2] + [0] * 6)), [5 / 8, 7 / 8] + [1] * 7, rtol=1e-6
    )


def test_equal_kernels_have_no_entropy():
    assert diversity.variance_entropy(np.ones((4, 3, 3))) == 0


def test_orthogonality_in_closed_form():
    assert diversity.orthogonality(np.eye(5).reshape(5, 1, 1, 5)) == 1
    assert diversity.orthogonality(np.array([[1.0, 2], [-2, -4], [0.5, 1]])) == pytest.approx(0)
    assert diversity.orthogonality([[1, 0], [1, np.sqrt(3)]]) == pytest.approx(1 - 0.5)  # cosine of 60 degrees
    assert diversity.orthogonality([[0, 0], [1, 0]]) == 1
    with pytest.raises(ValueError, match="two filters"):
        diversity.orthogonality(np.ones((1, 9)))


def test_shifts_are_zero_to_oneself_symmetric_and_grow_with_distance(rng):
    kernels = rng.normal(size=(5000, 3, 3))
    sets = [kernels, rng.normal(size=(4000, 3, 3)), kernels + 0.3, kernels + 1]
    shifts = diversity.shifts(sets)
    np.testing.assert_array_equal(shifts, shifts.T)
    assert not np.diag(shifts).any() and diversity.shift(kernels, kernels[::-1]) == 0
    assert 0 < shifts[0, 1] < 0.1 < shifts[0, 2] < shifts[0, 3]


def test_the_shift_between_two_gaussians_is_that_of_their_densities(rng):
    """KL is (a - b)**2 / 2 for unit variances, both ways the square; along one axis that has all the variance."""
    first, second = np.zeros((2, 200_000, 3, 3))
    first[:, 1, 1], second[:, 1, 1] = rng.normal(0, 1, 200_000), rng.normal(0.5, 1, 200_000)
    assert diversity.shift(first, second) == pytest.approx(0.5**2, rel=0.05)


def test_components_are_weighted_by_their_variance(rng):
    """A shift along an axis without variance among the reference's components does not count."""
    kernels = rng.normal(size=(2000, 3, 3)) * np.array([1] + [0] * 8).reshape(3, 3)
    moved = kernels + np.array([0] * 8 + [1]).reshape(3, 3)
    assert diversity.shift(kernels, moved, principal_components(kernels)) == pytest.approx(0, abs=1e-3)
    assert diversity.shift(kernels, moved) > 1


def test_shifts_are_over_the_range_of_all(rng):
    """So a layer that is far from the others takes resolution from their divergence, and equal ones stay equal."""
    near = [rng.normal(size=(900, 3, 3)) for _ in range(2)]
    alone, beside = diversity.shifts(near), diversity.shifts([*near, near[0] + 1000, near[0]])
    assert beside[0, 1] < alone[0, 1] == pytest.approx(diversity.shift(*near)) and beside[0, 3] == 0


def test_a_peak_of_one_is_left_of_every_kernel_that_has_one(rng):
    kernels = np.concatenate([rng.normal(size=(50, 3, 3)), np.zeros((1, 3, 3))])
    scaled = diversity.peak_scaled(kernels)
    np.testing.assert_array_equal(np.abs(scaled).max(axis=(1, 2)), [1] * 50 + [0])
    np.testing.assert_array_equal(diversity.peak_scaled(-2 * kernels), -scaled)
    assert len(diversity.peak_scaled(kernels[:0])) == 0


def test_disjoint_sets_are_finitely_far_apart():
    shift = diversity.shift(np.zeros((50, 3, 3)), np.ones((50, 3, 3)))
    assert np.isfinite(shift) and shift > 5
