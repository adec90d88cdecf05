"""Learned and named kernels share one plane: what is equal has one place."""

import numpy as np

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.planes import plane_of

NAMED = np.array([entry.kernel for entry in named_kernels()])


def test_a_named_kernel_among_the_learned_lands_on_its_own_marker(rng):
    learned = rng.normal(0.3, 1, (200, 3, 3)).astype(np.float32)  # the mean is not 0
    learned[: len(NAMED)] = rng.uniform(0.2, 5, (len(NAMED), 1, 1)) * NAMED
    plane = plane_of(learned)
    np.testing.assert_allclose(plane.points(learned)[: len(NAMED)], plane.points(NAMED), atol=1e-6)
    assert np.linalg.norm(plane.points(learned).mean(axis=0)) < 1e-6  # about the mean of the learned
    assert np.linalg.norm(plane.points(NAMED).mean(axis=0)) > 0.01


def test_a_negated_kernel_lies_elsewhere(rng):
    plane = plane_of(rng.normal(size=(50, 3, 3)))
    assert np.linalg.norm(plane.points(NAMED[1:2]) - plane.points(-NAMED[1:2])) > 0.01


def test_the_first_axis_has_the_largest_variance_of_the_points(rng):
    learned = rng.normal(size=(400, 3, 3)) * np.linspace(1, 3, 9).reshape(3, 3)
    plane = plane_of(learned)
    variances = plane.points(learned).var(axis=0, ddof=1)
    np.testing.assert_allclose(variances, plane.axes.variances[:2], rtol=1e-4)
    assert variances[0] >= variances[1]


def test_fewer_than_two_kernels_span_no_plane():
    assert plane_of(np.zeros((0, 3, 3))) is None and plane_of(NAMED[:1]) is None
    assert plane_of(NAMED[[1, 1]]).points(NAMED[1:2]).tolist() == [[0, 0]]
