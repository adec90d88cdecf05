"""Solids are first-order distances at their surface, which is all that soft borders and margins need."""

import numpy as np
import pytest

from lsn_tf.data import solids


@pytest.mark.parametrize(
    "solid",
    [
        solids.ellipsoid((1, -2, 0.5), (3, 2, 4), 30),
        solids.superellipse(3, 2, 2.5),
        solids.half_space((1, 2, -2), 0.5),
        solids.tube([(-2, -1, 0), (2, 1, 3)], 0.8, 0.8),
    ],
)
def test_level_sets_are_distances_near_their_surface(solid):
    points = np.random.default_rng(0).uniform(-4, 4, (3, 20000)).astype(np.float32)
    level_set = solid(tuple(points))
    near = np.abs(level_set) < 0.05
    step = 0.01 * np.eye(3, dtype=np.float32)[..., None]
    gradient = [(solid(tuple(points + h)) - solid(tuple(points - h))) / 0.02 for h in step]
    assert np.count_nonzero(near) > 100 and (level_set < 0).any() and (level_set > 0).any()
    np.testing.assert_allclose(np.linalg.norm(gradient, axis=0)[near], 1, atol=0.1)


def test_sphere_has_its_exact_distance_and_an_infinite_radius_makes_a_cylinder():
    x, y, z = np.random.default_rng(0).uniform(-4, 4, (3, 1000)).astype(np.float32)
    np.testing.assert_allclose(
        solids.ellipsoid((0, 0, 0), (2, 2, 2))((x, y, z)), np.sqrt(x**2 + y**2 + z**2) - 2, atol=1e-4
    )
    np.testing.assert_allclose(solids.ellipsoid((0, 0, 0), (2, 2, np.inf))((x, y, z)), np.hypot(x, y) - 2, atol=1e-4)


def test_blend_contains_the_union_and_leaves_it_alone_far_from_the_crease():
    points = tuple(np.random.default_rng(0).uniform(-4, 4, (3, 1000)).astype(np.float32))
    one, other = solids.ellipsoid((-1, 0, 0), (2, 2, 2)), solids.ellipsoid((1, 0, 0), (2, 2, 2))
    union, blend = solids.union(one, other)(points), solids.blend(one, other, 0.5)(points)
    assert (blend <= union).all() and (blend < union).any()
    far = np.abs(one(points) - other(points)) > 0.5
    np.testing.assert_array_equal(blend[far], union[far])
