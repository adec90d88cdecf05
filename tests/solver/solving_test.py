"""A solver stops when and where it should, and every image of a batch goes its own way."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers import LevelSetStep, Reinitialization, cfl_time_step
from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.solver.solving import solve
from lsn_tf.solver.stopping import CALLBACK, COLLAPSED, LEAKED, STEADY, STEPS, TIME, Stopping
from lsn_tf.studies.peers import area_inside

SHAPE, SPACING = (40, 36), (0.7, 0.9)
CENTRE = (13.65, 15.75)  # the middle, mm
REST = 9.0  # mm


def discs(*radii):
    """Returns phi of a batch of discs, (batch, height, width, 1), and its spacing."""
    phi = np.stack([ball(SHAPE, SPACING, CENTRE, radius) for radius in radii])[..., None]
    return phi.astype(np.float32), np.tile(np.float32(SPACING), (len(radii), 1))


def attraction(*radii):
    """V: one millimetre from a circle of this radius it is 1 mm/s towards it, and zero there."""
    return {"speed": np.clip(-discs(*radii)[0], -1, 1)}


def constant(*speeds):
    return {"speed": np.float32(speeds).reshape(-1, 1, 1, 1)}


def radius_of(phi):
    return np.sqrt(area_inside(phi[..., 0], SPACING) / np.pi)


@pytest.mark.parametrize("start", [4.0, 12.0], ids=["from inside", "from outside"])
def test_a_front_comes_to_rest_where_its_speed_vanishes(start):
    phi, spacing = discs(start)
    options = {"stopping": Stopping(rms_mm=0.003), "reinitialization": Reinitialization(6)}
    solution = solve(phi, attraction(REST), spacing, **options)
    assert solution.reasons == (STEADY,)
    assert radius_of(solution.phi[0]) == pytest.approx(REST, abs=0.06)


def test_a_sphere_comes_to_rest_where_its_speed_vanishes():
    shape, spacing = (12, 16, 14), np.array([[1.4, 0.9, 1.1]], np.float32)
    middle = [(n - 1) / 2 * h for n, h in zip(shape, spacing[0], strict=True)]
    start, rest = (ball(shape, spacing[0], middle, radius)[None, ..., None].astype(np.float32) for radius in (2.5, 5.0))
    solution = solve(start, {"speed": np.clip(-rest, -1, 1)}, spacing, stopping=Stopping(rms_mm=1e-3))
    assert solution.reasons == (STEADY,)
    assert (inside(solution.phi) == inside(rest))[np.abs(rest) > 0.2].all()


@pytest.mark.parametrize("seconds", [2.0, 2.0001, 7.3])
def test_time_is_up_exactly_at_t_whatever_the_time_step_of_an_image(seconds):
    phi, spacing = discs(4.0, 4.0, 4.0)
    stopping = Stopping(seconds=seconds, check_every=4, frame_share=None)
    solution = solve(phi, constant(1.0, 0.37, 0.5), spacing, stopping=stopping)
    assert solution.reasons == (TIME,) * 3
    np.testing.assert_allclose(solution.seconds, seconds, rtol=1e-6)
    assert solution.steps[0] > solution.steps[1]
    if seconds < 3:
        radii = [radius_of(phi) for phi in solution.phi]
        np.testing.assert_allclose(radii, 4 + seconds * np.array([1, 0.37, 0.5]), atol=0.15)


@pytest.mark.parametrize(("limit", "every"), [(10, 5), (11, 5), (3, 20)])
def test_no_image_makes_more_steps_than_the_limit(limit, every):
    phi, spacing = discs(3.0, 5.0)
    solution = solve(phi, constant(1.0, 0.5), spacing, stopping=Stopping(max_steps=limit, check_every=every))
    assert solution.reasons == (STEPS, STEPS)
    np.testing.assert_array_equal(solution.steps, limit)


def test_a_front_that_vanishes_has_collapsed():
    phi, spacing = discs(3.0)
    solution = solve(phi, constant(-1.0), spacing)
    assert solution.reasons == (COLLAPSED,) and not inside(solution.phi).any()


def test_a_front_that_runs_into_the_frame_has_leaked_unless_that_is_allowed():
    phi, spacing = discs(8.0)
    solution = solve(phi, constant(1.0), spacing)
    assert solution.reasons == (LEAKED,) and not inside(solution.phi).all()
    flooded = solve(phi, constant(1.0), spacing, stopping=Stopping(seconds=30.0, frame_share=None))
    assert inside(flooded.phi).all()


@pytest.mark.parametrize(("side", "reason"), [(-1, LEAKED), (1, COLLAPSED)], ids=["all inside", "all outside"])
def test_an_image_without_a_front_stays_as_it_is(side, reason):
    phi, spacing = discs(4.0)
    alone = (side * (np.abs(phi) + 1)).astype(np.float32)
    solution = solve(np.full_like(phi, 3.0 * side), constant(1.0), spacing)
    assert solution.reasons == (reason,)
    np.testing.assert_array_equal(solution.phi, 3.0 * side)
    sloping = solve(alone, constant(side), spacing, reinitialization=Reinitialization(5))
    assert sloping.reasons == (reason,)
    np.testing.assert_array_equal(np.sign(sloping.phi), side)


def test_a_callback_sees_every_check_and_can_stop_all():
    phi, spacing = discs(3.0, 6.0)
    states = []

    def stop_at_the_third(state):
        states.append(state)
        return len(states) == 3

    stopping = Stopping(check_every=4, frame_share=None)
    solution = solve(phi, constant(1.0, 0.0), spacing, stopping=stopping, callback=stop_at_the_third)
    assert solution.reasons == (CALLBACK, STEADY)
    assert [list(state.steps) for state in states] == [[4, 4], [8, 4], [12, 4]]
    assert all(state.phi.shape == phi.shape and isinstance(state.phi, np.ndarray) for state in states)
    np.testing.assert_array_equal(states[-1].phi, solution.phi)
    np.testing.assert_array_equal(states[-1].seconds, solution.seconds)
    way = states[1].seconds[0] - states[0].seconds[0]
    assert states[1].motion.rms_mm[0] == pytest.approx(way, rel=0.1)
    assert states[1].motion.rms_mm[1] == pytest.approx(0, abs=1e-6)


def test_fields_that_follow_phi_are_computed_at_every_check():
    phi, spacing = discs(4.0)
    seen = []

    def shrinking(phi):
        seen.append(ops.convert_to_numpy(phi))
        return constant(1.0 if len(seen) == 1 else -1.0)

    states = []
    stopping = Stopping(max_steps=8, check_every=4)
    solution = solve(phi, shrinking, spacing, stopping=stopping, callback=lambda state: states.append(state.phi))
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0], phi)
    np.testing.assert_array_equal(seen[1], states[0])
    assert inside(seen[1]).sum() > inside(phi).sum() and inside(solution.phi).sum() < inside(seen[1]).sum()


@pytest.mark.parametrize("redistance", [None, Reinitialization(6)], ids=["plain", "reinitialized"])
def test_a_slice_alone_ends_as_the_same_slice_in_a_batch(redistance):
    """Although they rest, vanish, leak and run out of time after different numbers of steps."""
    phi, spacing = discs(4.0, 3.0, 8.0, 2.0)
    fields = attraction(7.0, REST, REST, REST)
    fields["speed"][1:] = constant(-1.0, 2.0, 0.05)["speed"]
    spacing[3] = 2 * spacing[3]
    stopping = Stopping(seconds=40.0, rms_mm=0.03, check_every=6)
    together = solve(phi, fields, spacing, stopping=stopping, reinitialization=redistance)
    assert together.reasons == (STEADY, COLLAPSED, LEAKED, TIME)
    assert len(set(together.steps)) >= 3
    for n in range(4):
        own = {"speed": fields["speed"][n : n + 1]}
        alone = solve(phi[n : n + 1], own, spacing[n : n + 1], stopping=stopping, reinitialization=redistance)
        assert (alone.reasons[0], alone.steps[0]) == (together.reasons[n], together.steps[n])
        assert alone.seconds[0] == pytest.approx(together.seconds[n], rel=1e-6)
        np.testing.assert_allclose(alone.phi[0], together.phi[n], atol=1e-5)
        np.testing.assert_allclose(alone.motion.rms_mm[0], together.motion.rms_mm[n], atol=1e-5)


@pytest.mark.parametrize("cfl", [0.4, 0.9])
def test_a_solver_is_its_step_repeated(cfl):
    phi, spacing = discs(4.0, 6.0)
    fields = {"speed": attraction(9.0, 7.0)["speed"], "curvature_weight": np.full((1, 1, 1, 1), 0.3, np.float32)}
    step = LevelSetStep()
    solution = solve(phi, fields, spacing, stopping=Stopping(max_steps=7, check_every=3), cfl=cfl)
    time_step = cfl_time_step(step_rate(step, phi, fields, spacing), cfl)
    plain = phi
    for _ in range(7):
        plain = step(plain, fields, spacing, time_step)
    np.testing.assert_allclose(solution.phi, ops.convert_to_numpy(plain), atol=1e-5)
    np.testing.assert_allclose(solution.seconds, 7 * ops.convert_to_numpy(time_step).ravel(), rtol=1e-5)


def step_rate(step, phi, fields, spacing):
    step.build(phi.shape)
    return step.courant_rate(fields, spacing)


@pytest.mark.parametrize("ndim", [2, 3])
def test_on_the_active_box_the_front_ends_where_it_ends_on_the_whole(ndim):
    shape, spacing = (96, 104, 4)[:ndim], np.full((1, ndim), 1.0, np.float32)
    centre = (48.3, 50.2, 1.5)[:ndim]
    phi = ball(shape, spacing[0], centre, 4.0)[None, ..., None].astype(np.float32)
    speed = 0.75 + 0.25 * np.sin(np.arange(shape[1], dtype=np.float32) / 9).reshape(1, -1, *(1,) * (ndim - 1))
    fields = {"speed": np.broadcast_to(speed, phi.shape), "curvature_weight": np.full((1,) * (ndim + 2), 0.5)}
    options = {
        "stopping": Stopping(seconds=10.0, check_every=6, frame_share=None),
        "reinitialization": Reinitialization(12),
    }
    whole, active = (solve(phi, fields, spacing, active=active, **options).phi for active in (False, True))
    near = np.abs(whole) < 1.5
    assert near.sum() > 100
    assert np.abs(active - whole)[near].max() < 0.02
    np.testing.assert_array_equal(inside(active)[~near], inside(whole)[~near])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phi": np.ones((40, 36, 1))}, r"phi must be .* Received shape \(40, 36, 1\)"),
        ({"phi": np.ones((1, 40, 36, 2))}, r"phi must be .* Received shape \(1, 40, 36, 2\)"),
        ({"spacing_mm": np.ones(2)}, r"spacing_mm must be \(batch, axes\) = \(1, 2\) .* Received shape \(2,\)"),
        ({"spacing_mm": np.ones((1, 3))}, r"Received shape \(1, 3\)"),
        ({"cfl": 1.0}, r"cfl must be in \(0, 1\).* Received cfl=1.0"),
        ({"cfl": 0.0}, r"cfl must be in \(0, 1\).* Received cfl=0.0"),
        ({"active": True}, "active=True wants a reinitialization"),
        ({"fields": {}}, "fields must hold"),
        ({"phi": np.full((1, *SHAPE, 1), np.nan)}, "phi must be finite"),
        ({"spacing_mm": np.array([[0.7, -0.9]])}, "spacing_mm must be positive"),
        ({"fields": {"speed": np.full((1, 1, 1, 1), np.inf)}}, "speed must be finite"),
        ({"fields": {"curvature_weight": np.full((1, 1, 1, 1), -0.1)}}, "not negative everywhere. Received -0.1"),
        ({"step": LevelSetStep(boundary="periodic"), "reinitialization": Reinitialization(2)}, "must go without"),
        ({"fields": {"sped": np.ones((1, 1, 1, 1))}}, "fields must hold .* Received .*sped"),
    ],
)
def test_what_cannot_be_solved_is_refused(changes, message):
    phi, spacing = discs(4.0)
    with pytest.raises(ValueError, match=message):
        solve(**{"phi": phi, "fields": constant(1.0), "spacing_mm": spacing} | changes)
