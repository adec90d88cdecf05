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
    phi = contours.simulated_contours("given", discs[:8], _spacings(8), rng)
    for of_slice in phi[..., 0]:
        np.testing.assert_array_equal(of_slice, distance_to_pixels(inside(of_slice), SPACING))


def test_simulated_contours_are_wrong_on_either_side_yet_near(discs, rng):
    found = inside(contours.simulated_contours("given", discs, _spacings(200), rng))
    untouched = np.mean([np.array_equal(*pair) for pair in zip(found, discs, strict=True)])
    assert untouched == pytest.approx(contours.UNTOUCHED_SHARE, abs=0.06)
    assert (found & ~discs).any(axis=(1, 2, 3)).mean() > 0.5
    assert (discs & ~found).any(axis=(1, 2, 3)).mean() > 0.5
    assert 0.6 < np.mean([dice(*pair) for pair in zip(discs, found, strict=True)]) < 0.9


def test_an_empty_reference_gets_islands_or_waves_only(rng):
    """Nothing is nearer to the target than the field of view is long, so that no wave reaches zero."""
    phi = contours.simulated_contours("given", np.zeros((60, *SIZE, 1)), _spacings(60), rng)
    area = inside(phi).sum(axis=(1, 2, 3)) * np.prod(SPACING)
    assert (area == 0).any() and (area > 0).any()
    assert area.max() <= contours.MAX_ISLANDS * np.pi * (contours.ISLAND_RADIUS_MM[1] + 2.0) ** 2


def test_equal_generators_give_equal_contours(discs):
    one, other, third = (
        contours.simulated_contours("given", discs[:4], _spacings(4), np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)


def test_a_seed_point_is_a_small_disc_about_a_point_well_inside(discs, rng):
    """Of a disc of 50 mm: the disc about the click lies within it, and its centre within 25 mm of its middle."""
    phi = contours.simulated_contours("seed_point", discs[:40], _spacings(40), rng)
    found = inside(phi)
    assert not (found & ~discs[:40]).any()
    area = found.sum(axis=(1, 2, 3)) * np.prod(SPACING)
    np.testing.assert_allclose(area, np.pi * contours.SEED_RADIUS_MM**2, rtol=0.15)
    centres = [np.array(np.unravel_index(of_slice.argmin(), SIZE)) * SPACING for of_slice in phi[..., 0]]
    offsets = np.linalg.norm(np.array(centres) - (108.0, 77.0), axis=1)
    assert offsets.max() < 25 + 4.5 and offsets.std() > 3


def test_there_is_no_seed_point_in_an_empty_reference(rng):
    assert not inside(contours.simulated_contours("seed_point", np.zeros((2, *SIZE, 1)), _spacings(2), rng)).any()
