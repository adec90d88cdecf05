"""The step converges to exact solutions with its order and, under the CFL condition, is monotone for any fields."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from lsn_tf.layers.level_set_step import LevelSetStep, cfl_time_step
from lsn_tf.layers.upwind import SCHEMES
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.exact_solutions import mean_curvature_radius, moving_circle

SCALES = [1.0, 0.5, 0.25]
SHAPE = (12, 13)
ROUNDING = 1e-4  # float32, after some hundred steps
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)
every_spacing = pytest.mark.parametrize("pixel", [(0.7, 0.9), (0.5, 5.0)], ids=str)


def batched(array):
    return np.asarray(array, np.float32)[None, ..., None]


def built(*arguments):
    step = LevelSetStep(*arguments)
    step.build((None, None, None, 1))
    return step


def time_step(step, fields, spacing, cfl=0.9):
    return cfl_time_step(step.courant_rate(fields, spacing), cfl)


def evolve(step, phi, fields, pixel, time, cfl=0.9):
    """Returns phi(time), shaped like phi, by equal steps within the CFL condition, a power of two of them."""
    phi, spacing = batched(phi), np.array([pixel], np.float32)
    count = 2 ** int(np.ceil(np.log2(time / float(np.squeeze(time_step(step, fields, spacing, cfl))))))
    advance = tf.function(step)
    for _ in range(count):
        phi = advance(phi, fields, spacing, np.full((1, 1, 1, 1), time / count, np.float32))
    return ops.convert_to_numpy(phi)[0, ..., 0]


def random_fields(rng, shape=SHAPE):
    """Returns fields of every term, the speed of both signs and as fast as 1 mm/s somewhere near every pixel."""
    speed, velocity = (rng.uniform(-1, 1, size=(1, *shape, n)).astype(np.float32) for n in (1, 2))
    return {"speed": speed, "velocity": velocity, "curvature_weight": np.abs(speed[:, ::-1])}


def monotone_fields(rng):
    """Returns fields of the terms that are monotone; only one of them, then the other, then both."""
    fields = random_fields(rng)
    steady = {"speed": np.sign(fields["speed"])}
    return steady, {"velocity": fields["velocity"]}, {"speed": fields["speed"], "velocity": fields["velocity"]}


def rough(rng):
    """Returns a phi whose every pixel is nearly an extremum, the worst case for stability."""
    checkerboard = 1.0 - 2.0 * (np.indices(SHAPE).sum(axis=0) % 2)
    return checkerboard * rng.uniform(0.99, 1.0, SHAPE)


def orbits(step, phis, fields, pixel, count=40, cfl=0.99):
    """Returns the states of some level set functions after 0, 1, ... count steps as long as the CFL number allows."""
    spacing = np.array([pixel], np.float32)
    dt, states = time_step(step, fields, spacing, cfl), [np.stack(phis)[..., None].astype(np.float32)]
    for _ in range(count):
        states.append(ops.convert_to_numpy(step(states[-1], fields, spacing, dt)))
    return np.stack(states, axis=1)


def circle_error(step, scale, fields, radius, **motion):
    """Returns the largest error within 1 mm of the front after 2 s."""
    pixel = (0.7 * scale, 0.9 * scale)
    shape = [2 * round(7.5 / h) + 1 for h in pixel]
    exact = moving_circle(shape, pixel, radius, time=2.0, **motion)
    found = evolve(step, moving_circle(shape, pixel, radius), fields, pixel, 2.0)
    return np.abs(found - exact)[np.abs(exact) < 1].max()


@every_scheme
@pytest.mark.parametrize(("speed", "radius"), [(1.0, 3.0), (-1.0, 5.0)], ids=["expanding", "shrinking"])
def test_a_circle_that_expands_or_shrinks_is_first_order_accurate(scheme, speed, radius):
    step, fields = built(scheme), {"speed": np.full((1, 1, 1, 1), speed, np.float32)}
    errors = [circle_error(step, scale, fields, radius, speed=speed) for scale in SCALES]
    assert observed_order(errors, SCALES) == pytest.approx(1, abs=0.2)


def test_a_circle_that_is_transported_is_first_order_accurate():
    fields = {"velocity": np.array([0.6, -0.8], np.float32).reshape(1, 1, 1, 2)}
    errors = [circle_error(built(), scale, fields, 3.0, velocity=(0.6, -0.8)) for scale in SCALES]
    assert observed_order(errors, SCALES) == pytest.approx(1, abs=0.2)


def radii_of_front(phi, pixel):
    """Returns the distance, mm, of the front from the middle of the grid along +y and +x."""
    middle_y, middle_x = (n // 2 for n in phi.shape)
    rays = zip((phi[middle_y:, middle_x], phi[middle_y, middle_x:]), pixel, strict=True)
    return [h * np.interp(0.0, ray, np.arange(len(ray))) for ray, h in rays]


def test_a_circle_collapses_under_mean_curvature_as_the_exact_one_does():
    """Every level set is a circle, so phi(t) = sqrt(|x|**2 + 2 epsilon t) - r0."""
    radius, epsilon, time = 6.0, 0.5, 8.0
    fields, errors = {"curvature_weight": np.full((1, 1, 1, 1), epsilon, np.float32)}, []
    for scale in (scales := [1.0, 0.7, 0.5]):
        pixel = (0.7 * scale, 0.9 * scale)
        shape = [2 * round(9 / h) + 1 for h in pixel]
        found = evolve(built(), moving_circle(shape, pixel, radius), fields, pixel, time)
        exact = np.hypot(moving_circle(shape, pixel, 0.0), np.sqrt(2 * epsilon * time)) - radius
        errors.append(np.abs(found - exact)[np.abs(exact) < 0.5].max())
    assert observed_order(errors, scales) == pytest.approx(2, abs=0.2)
    assert radii_of_front(found, pixel) == pytest.approx([mean_curvature_radius(radius, epsilon, time)] * 2, abs=0.01)


@every_scheme
@pytest.mark.parametrize("speed", [1.0, -1.0], ids=["expanding", "shrinking"])
@pytest.mark.parametrize("axis", [0, 1], ids=["y", "x"])
def test_planes_along_an_axis_move_by_exactly_speed_times_time(scheme, speed, axis):
    pixel, fields = (0.5, 0.25), {"speed": np.full((1, 1, 1, 1), speed, np.float32)}  # powers of two: no rounding
    plane = pixel[axis] * np.moveaxis(np.arange(12) + np.zeros((12, 12)), 1, axis)
    moved = evolve(built(scheme), plane, fields, pixel, time=0.5, cfl=0.8)  # four steps of 1/8 s
    inner = np.s_[4:-4, 4:-4]
    np.testing.assert_array_equal(moved[inner], (plane - 0.5 * speed)[inner])


@every_scheme
def test_a_constant_phi_is_a_steady_state_exactly(scheme, rng, spacing):
    fields, step = random_fields(rng), built(scheme)
    phi = np.full((1, *SHAPE, 1), 3.3, np.float32)
    np.testing.assert_array_equal(step(phi, fields, spacing, time_step(step, fields, spacing)), phi)


@every_scheme
@every_spacing
def test_phi_stays_between_its_minimum_and_its_maximum(scheme, pixel, rng):
    for fields in monotone_fields(rng):
        (states,) = orbits(built(scheme), [rough(rng)], fields, pixel)
        start = states[0]
        assert states.min() >= start.min() - ROUNDING
        assert states.max() <= start.max() + ROUNDING


@every_scheme
@every_spacing
def test_order_is_preserved(scheme, pixel, rng):
    lower = rough(rng)
    upper = lower + rng.exponential(0.1, SHAPE) * (rng.random(SHAPE) < 0.5)
    for fields in monotone_fields(rng):
        below, above = orbits(built(scheme), [lower, upper], fields, pixel)
        assert (below <= above + ROUNDING).all()


@every_scheme
@every_spacing
def test_two_level_set_functions_never_move_apart(scheme, pixel, rng):
    for fields in monotone_fields(rng):
        one, other = orbits(built(scheme), [rough(rng), rng.normal(size=SHAPE)], fields, pixel)
        distance = np.abs(one - other).max(axis=(1, 2, 3))
        assert (np.diff(distance) <= ROUNDING).all()


def rate(step, phi, fields, spacing):
    return ops.convert_to_numpy(step.rate(phi, fields, spacing))


def transposed(fields):
    turned = {name: field.transpose(0, 2, 1, 3) for name, field in fields.items()}
    return turned | {"velocity": turned["velocity"][..., ::-1]}


def reflected(fields, axis):
    mirrored = {name: np.flip(field, axis) for name, field in fields.items()}
    return mirrored | {"velocity": mirrored["velocity"] * np.where(np.arange(1, 3) == axis, -1, 1).astype(np.float32)}


@every_scheme
def test_transposing_the_input_transposes_the_output(scheme, rng, spacing):
    step, phi, fields = built(scheme), batched(rng.normal(size=SHAPE)), random_fields(rng)
    turned = rate(step, phi.transpose(0, 2, 1, 3), transposed(fields), spacing[:, ::-1])
    np.testing.assert_allclose(turned.transpose(0, 2, 1, 3), rate(step, phi, fields, spacing), rtol=1e-3, atol=ROUNDING)


@every_scheme
@pytest.mark.parametrize("axis", [1, 2], ids=["y", "x"])
def test_reflecting_the_input_reflects_the_output(scheme, axis, rng, spacing):
    step, phi, fields = built(scheme), batched(rng.normal(size=SHAPE)), random_fields(rng)
    mirrored = rate(step, np.flip(phi, axis), reflected(fields, axis), spacing)
    np.testing.assert_allclose(np.flip(mirrored, axis), rate(step, phi, fields, spacing), rtol=1e-3, atol=ROUNDING)


@every_scheme
def test_a_front_that_shrinks_is_one_that_expands_in_minus_phi(scheme, rng, spacing):
    step, phi, fields = built(scheme), batched(rng.normal(size=SHAPE)), random_fields(rng)
    opposite = rate(step, -phi, fields | {"speed": -fields["speed"]}, spacing)
    np.testing.assert_allclose(-opposite, rate(step, phi, fields, spacing), rtol=1e-5, atol=1e-5)


@every_scheme
def test_a_network_whose_speed_is_zero_can_still_learn(scheme, spacing):
    phi = batched(moving_circle(SHAPE, spacing[0], 3.0))
    speed = tf.Variable(tf.zeros((1, *SHAPE, 1)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(built(scheme)(phi, {"speed": speed}, spacing, time_step=0.1))
    gradient = tape.gradient(total, speed).numpy()
    assert (gradient[0, 1:-1, 1:-1] < -0.05).all()  # -dt |grad phi|: more speed, more inside


@every_scheme
def test_where_phi_is_flat_all_gradients_are_finite(scheme, rng, spacing):
    phi, fields = tf.Variable(tf.ones((1, *SHAPE, 1))), {k: tf.Variable(v) for k, v in random_fields(rng).items()}
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(built(scheme)(phi, fields, spacing, time_step=0.1) ** 2)
    for gradient in tape.gradient(total, [phi, *fields.values()]):
        assert np.isfinite(gradient).all()


def test_the_courant_rate_is_the_sum_of_what_each_term_takes_from_the_pixel_itself(rng, spacing):
    fields = random_fields(rng)
    speed, (a_y, a_x) = np.abs(fields["speed"]), np.abs(np.moveaxis(fields["velocity"], -1, 0))[..., None]
    epsilon = fields["curvature_weight"]
    terms = {
        "speed": speed * np.hypot(1 / 0.7, 1 / 0.9),
        "velocity": a_y / 0.7 + a_x / 0.9,
        "curvature_weight": 2 * epsilon / 0.7**2 + 2 * epsilon / 0.9**2,
    }
    for name, term in terms.items():
        np.testing.assert_allclose(built().courant_rate({name: fields[name]}, spacing), term, rtol=1e-5)
    np.testing.assert_allclose(built().courant_rate(fields, spacing), sum(terms.values()), rtol=1e-5)


def test_the_courant_rate_of_osher_and_sethian_counts_both_sides_of_each_axis(rng, spacing):
    speed = random_fields(rng)["speed"]
    found = built("osher_sethian").courant_rate({"speed": speed}, spacing)
    np.testing.assert_allclose(found, np.abs(speed) * np.sqrt(2 / 0.7**2 + 2 / 0.9**2), rtol=1e-5)


def test_stencils_that_have_grown_along_y_raise_the_courant_rate_along_y(rng, spacing):
    step, fields = built("godunov", "free"), random_fields(rng)
    for stencils, name in [(step.differences, "forward_y"), (step.curvature.derivatives, "second_yy")]:
        grown = np.where(np.array(stencils.stencils) == name, 3.0, 1.0)
        stencils.kernel.assign(grown * stencils.kernel)
    speed, a_y, a_x = np.abs(fields["speed"]), *np.abs(np.split(fields["velocity"], 2, axis=-1))
    bending = fields["curvature_weight"] * (3 * 2 / 0.7**2 + 2 / 0.9**2)
    expected = speed * np.hypot(3 / 0.7, 1 / 0.9) + 3 * a_y / 0.7 + a_x / 0.9 + bending
    np.testing.assert_allclose(step.courant_rate(fields, spacing), expected, rtol=1e-5)


def test_each_image_has_its_own_time_step_and_none_is_longer_than_the_longest():
    courant_rate = np.array([0.5, 2.0, 0.0], np.float32)[:, None, None, None] * np.ones((3, 2, 2, 1), np.float32)
    courant_rate[1, 1, 1] = 4.0  # the fastest pixel counts
    np.testing.assert_allclose(np.ravel(cfl_time_step(courant_rate, 0.8, 1.0)), [1.0, 0.2, 1.0])
