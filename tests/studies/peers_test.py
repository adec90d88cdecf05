"""What others compute: an oracle for our layers, tools that are only run, and the area that all are judged by."""

import importlib

import numpy as np
import pytest

from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.solver.solving import solve
from lsn_tf.solver.stopping import Stopping
from lsn_tf.studies import peers
from lsn_tf.studies.peers import area_inside, expanding_contour, numpy_solve


@pytest.mark.parametrize("shape", [(40, 36), (14, 16, 12)], ids=["2-D", "3-D"])
def test_our_solver_agrees_with_numpy(shape):
    problem = expanding_contour(shape)
    phi, speed = problem.phi[None, ..., None], problem.speed[None, ..., None]
    fields = {"speed": speed, "curvature_weight": problem.curvature * speed}
    stopping = Stopping(max_steps=12, check_every=12, frame_share=None)
    ours = solve(phi, fields, np.ones((1, len(shape)), np.float32), stopping=stopping)
    dt = np.float32(ours.seconds[0] / 12)
    theirs = numpy_solve(problem.phi, problem.speed, problem.curvature * problem.speed, dt, 12)
    assert np.abs(theirs - problem.phi).max() > 2
    np.testing.assert_allclose(ours.phi[0, ..., 0], theirs, atol=2e-4)


@pytest.mark.parametrize("shape", [(24, 20), (32, 30, 34)], ids=["2-D", "3-D"])
def test_every_peer_runs_and_its_region_grows(shape):
    problem, names = expanding_contour(shape), []
    for name, work in peers.peers(problem, steps=3):
        found = np.asarray(work())
        assert found.shape == shape and np.isfinite(found).all()
        kept = found.copy()
        work()
        np.testing.assert_array_equal(found, kept, err_msg=f"{name}: what it gave first has changed since")
        if "travel_time" not in name:  # an arrival map is positive on both sides
            region = inside(found) if found.dtype.kind == "f" else found > 0
            assert region.sum() > inside(problem.phi).sum(), name
        names.append(name)
    assert "NumPy, upwind and curvature" in names
    assert ("scikit-image chan_vese" in names) == (len(shape) == 2 and "scikit-image morphological GAC" in names)


def test_only_what_is_installed_is_a_peer(monkeypatch):
    def only_numpy(package):
        if package != "numpy":
            raise ImportError(package)
        return np

    monkeypatch.setattr(importlib, "import_module", only_numpy)
    names = [name for name, _ in peers.peers(expanding_contour((20, 20)), steps=2)]
    assert names == ["NumPy, upwind and curvature"]


@pytest.mark.parametrize("spacing", [(0.7, 0.9), (0.35, 0.3)])
def test_the_area_of_a_disc_and_of_a_ring(spacing):
    shape = tuple(round(30 / h) for h in spacing)
    large, small = (ball(shape, spacing, (14.8, 15.1), radius) for radius in (11.0, 5.0))
    assert area_inside(large, spacing) == pytest.approx(np.pi * 11**2, rel=0.002)
    assert area_inside(np.maximum(large, -small), spacing) == pytest.approx(np.pi * (11**2 - 5**2), rel=0.003)


def test_the_area_of_several_parts_is_their_sum_and_of_nothing_zero():
    one, other = (ball((60, 50), (0.5, 0.6), centre, 5.0) for centre in ((9.0, 8.0), (20.0, 21.0)))
    union = np.minimum(one, other)
    areas = [area_inside(phi, (0.5, 0.6)) for phi in (one, other, union)]
    assert areas[2] == pytest.approx(areas[0] + areas[1])
    assert area_inside(np.ones((5, 6)), (1.0, 1.0)) == 0


def test_a_region_at_the_frame_ends_at_the_frame():
    """Where all pixels lie inside it is the frame of their centres, at most a pixel wider."""
    area = area_inside(np.full((11, 21), -5.0), (0.5, 0.25))
    assert 5 * 5 <= area <= 6 * 5.5
    half = ball((40, 40), (1.0, 1.0), (0.0, 20.0), 10.0)
    assert area_inside(half, (1.0, 1.0)) == pytest.approx(np.pi * 50, abs=21)


def test_the_problem_is_a_contour_in_a_rim_that_it_can_reach():
    problem = expanding_contour((40, 36), seed=3)
    assert 0 < problem.speed.min() < 0.03 and 0.9 < problem.speed.max() <= 1
    np.testing.assert_array_equal(problem.speed, expanding_contour((40, 36), seed=3).speed)
    assert (problem.speed != expanding_contour((40, 36), seed=4).speed).any()
    assert problem.image[inside(problem.phi)].mean() == pytest.approx(1, abs=0.1)
