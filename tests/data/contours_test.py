"""Initial contours: distances, with the errors they are said to have, repeatable, and nothing else."""

import numpy as np
import pytest

from lsn_tf.data import contours
from lsn_tf.metrics import dice
from lsn_tf.numerics.level_sets import ball, distance_to_pixels, inside

SIZE, SPACING = (48, 64), np.float32([4.5, 2.4])


@pytest.fixture
def discs() -> np.ndarray:
    """The mask of a disc, 200 times."""
    disc = inside(ball(SIZE, SPACING, (108.0, 77.0), 50.0))
    return np.repeat(disc[None, ..., None], 200, axis=0)


def _spacings(n: int) -> np.ndarray:
    return np.tile(SPACING, (n, 1))


def test_simulated_contours_are_distances_of_masks(discs, rng):
    phi = contours.simulated_contours(discs[:8], _spacings(8), rng)
    for of_slice in phi[..., 0]:
        np.testing.assert_array_equal(of_slice, distance_to_pixels(inside(of_slice), SPACING))


def test_simulated_contours_are_wrong_on_either_side_yet_near(discs, rng):
    found = inside(contours.simulated_contours(discs, _spacings(200), rng))
    untouched = np.mean([np.array_equal(*pair) for pair in zip(found, discs, strict=True)])
    assert untouched == pytest.approx(contours.UNTOUCHED_SHARE, abs=0.06)
    assert (found & ~discs).any(axis=(1, 2, 3)).mean() > 0.5
    assert (discs & ~found).any(axis=(1, 2, 3)).mean() > 0.5
    assert 0.6 < np.mean([dice(*pair) for pair in zip(discs, found, strict=True)]) < 0.9


def test_an_empty_reference_gets_islands_or_waves_only(rng):
    """Nothing is nearer to the target than the field of view is long, so that no wave reaches zero."""
    phi = contours.simulated_contours(np.zeros((60, *SIZE, 1)), _spacings(60), rng)
    area = inside(phi).sum(axis=(1, 2, 3)) * np.prod(SPACING)
    assert (area == 0).any() and (area > 0).any()
    assert area.max() <= contours.MAX_ISLANDS * np.pi * (contours.ISLAND_RADIUS_MM[1] + 2.0) ** 2


def test_equal_generators_give_equal_contours(discs):
    one, other, third = (
        contours.simulated_contours(discs[:4], _spacings(4), np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)
