"""Both equations move a front as they should: the classical one as `solve` does, the learned one at its speed."""

import numpy as np
import pytest

from lsn_tf.models import AnySize, LevelSetNetwork
from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.solver import Parameters, segment_from
from lsn_tf.viewer.equations import Classical, Learned

SPACING = (2.0, 0.7, 0.9)
SHAPE = (5, 48, 64)
CENTRE = (21 * 0.7, 30 * 0.9)  # mm from the first pixel, (y, x)


@pytest.fixture
def image(rng):
    """A bright cylinder in noise."""
    disc = inside(ball(SHAPE[1:], SPACING[1:], CENTRE, 13.0))
    return (np.where(disc, 100, -80)[None] + rng.normal(0, 8, SHAPE)).astype(np.int16)


def network(**options):
    """Returns a network that has learned nothing: V = 1 mm/s everywhere."""
    plain = {"width": 4, "scales": 2, "steps": 2, "balloon": 1.0, "smoothing": 0.0, "edges": "none"}
    return AnySize(LevelSetNetwork((-100, 300), **plain, curvature="diffusion", **options), 64)


def until(seconds, seen):
    def watch(phi, now):
        seen.append((phi, now))
        return now >= seconds

    return watch


def test_the_classical_equation_is_that_of_the_solver(image):
    start = ball(SHAPE[1:], SPACING[1:], CENTRE, 8.0)[None].astype(np.float32)
    parameters, seen = Parameters(seconds=12.0), []
    phi, reason = Classical(parameters).evolve(image, slice(2, 3), SPACING, start, False, until(np.inf, seen))
    solution = segment_from(
        image[2:3, ..., None].astype(np.float32), np.array([SPACING[1:]]), start[..., None], parameters
    )
    np.testing.assert_array_equal(phi, solution.phi[..., 0])
    assert reason == solution.reasons[0]
    assert seen[-1][1] == pytest.approx(solution.seconds[0]) and seen[0][0].shape == start.shape


def test_the_learned_speed_moves_a_front_in_its_slice(image):
    start = ball(SHAPE[1:], SPACING[1:], CENTRE, 4.0)[None]
    seen = []
    phi, reason = Learned(network()).evolve(image, slice(1, 2), SPACING, start, False, until(5.0, seen))
    now = seen[-1][1]
    exact = ball(SHAPE[1:], SPACING[1:], CENTRE, 4.0 + now)
    assert reason == "callback" and now >= 5 and phi.shape == start.shape
    near = np.abs(exact) < 1
    assert np.abs(phi[0] - exact)[near].max() < 0.9  # a pixel


@pytest.mark.slow
def test_in_space_the_learned_speed_moves_it_through_the_slices(image):
    centre, seen = (4.0, *CENTRE), []
    start = ball(SHAPE, SPACING, centre, 3.5)
    phi, _ = Learned(network()).evolve(image, slice(0, 5), SPACING, start, True, until(2.0, seen))
    exact = ball(SHAPE, SPACING, centre, 3.5 + seen[-1][1])
    assert inside(phi).any(axis=(1, 2)).all()  # 3.5 mm reached one slice to either side
    near = np.abs(exact) < 1
    assert np.abs(phi - exact)[near].max() < 2.0  # the distance between slices


def test_a_start_below_the_networks_pixels_is_refused(image):
    start = ball((500, 640), (0.07, 0.09), CENTRE, 0.1)[None]
    with pytest.raises(ValueError, match="larger than a pixel of the network's grid"):
        large = np.zeros((1, 500, 640), np.int16)
        Learned(network()).evolve(large, slice(0, 1), (2, 0.07, 0.09), start, False, until(1, []))


def test_in_space_learned_stencils_are_refused(image):
    start = ball(SHAPE, SPACING, (4.0, *CENTRE), 5.0)
    with pytest.raises(ValueError, match="frozen stencils"):
        equation = Learned(network(learning="free"))
        equation.evolve(image, slice(0, 5), SPACING, start, True, until(1, []))
