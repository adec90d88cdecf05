"""The step converges to exact solutions with its order and, under the CFL condition, is monotone for any fields."""

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from lsn_tf.layers.boundary import BOUNDARIES
from lsn_tf.layers.level_set_step import CURVATURES, DIFFERENCES, INTEGRATORS, LevelSetStep, cfl_time_step
from lsn_tf.layers.upwind import SCHEMES
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.exact_solutions import mean_curvature_radius, moving_circle
from lsn_tf.numerics.level_sets import ball

SCALES = [1.0, 0.5, 0.25]
SHAPE = (12, 13)
ROUNDING = 1e-4  # float32, after some hundred steps
DOUBLE = 1e-12  # the same in double precision
METHODS = {  # differences, integrator and the order of both together, with a time step in proportion to the pixels
    "first": ("first_order", "euler", 1),
    "second": ("eno2", "tvd_rk2", 2),
    "third": ("weno5", "tvd_rk3", 3),
}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)
every_method = pytest.mark.parametrize(("differences", "integrator", "order"), METHODS.values(), ids=METHODS)


def batched(array, dtype="float32"):
    return np.asarray(array, dtype)[None, ..., None]


def built(*arguments, ndim=2, **options):
    step = LevelSetStep(*arguments, **options)
    step.build((None,) * (ndim + 1) + (1,))
    return step


def time_step(step, fields, spacing, cfl=0.9):
    return cfl_time_step(step.courant_rate(fields, spacing), cfl)


@functools.cache
def iteration(step, ndim, names):
    """Returns the loop in time, traced once for grids of all sizes and uniform fields."""
    dtype, image = step.compute_dtype, (1,) + (None,) * ndim + (1,)
    channels = {"velocity": ndim}
    fields = {name: tf.TensorSpec((1,) * (ndim + 1) + (channels.get(name, 1),), dtype) for name in names}
    others = [tf.TensorSpec((1, ndim), dtype), tf.TensorSpec((1,) * (ndim + 2), dtype), tf.TensorSpec((), "int32")]

    @tf.function(input_signature=[tf.TensorSpec(image, dtype), fields, *others])
    def iterate(phi, fields, spacing, dt, count):
        for _ in tf.range(count):
            phi = step(phi, fields, spacing, dt)
        return phi

    return iterate


def evolve(step, phi, fields, pixel, time, cfl=0.9, count=None):
    """Returns phi(time), shaped like phi, by equal steps within the CFL condition, a power of two of them."""
    dtype = step.compute_dtype
    spacing, fields = np.array([pixel], dtype), {name: np.asarray(field, dtype) for name, field in fields.items()}
    if count is None:
        count = 2 ** int(np.ceil(np.log2(time / float(np.squeeze(time_step(step, fields, spacing, cfl))))))
    dt = np.full((1,) * (phi.ndim + 2), time / count, dtype)
    iterate = iteration(step, phi.ndim, tuple(fields))
    return iterate(tf.constant(batched(phi, dtype)), fields, spacing, dt, count).numpy()[0, ..., 0]


def uniform(*values, ndim=2):
    """Returns a field that has these components everywhere."""
    return np.reshape(values, (1,) * (ndim + 1) + (-1,))


def random_fields(rng, shape=SHAPE):
    """Returns fields of every term, the speed of both signs and as fast as 1 mm/s somewhere near every pixel."""
    speed, velocity = (rng.uniform(-1, 1, size=(1, *shape, n)).astype(np.float32) for n in (1, len(shape)))
    return {"speed": speed, "velocity": velocity, "curvature_weight": np.abs(speed[:, ::-1])}


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


def transported_sine_error(count, differences, integrator):
    """Returns the largest error after half a second of a wave on count pixels a period, along both axes."""
    pixel, velocity, time = (2.1 / count, 2.7 / count), (0.6, -0.8), 0.5
    y, x = (h * i for h, i in zip(pixel, np.indices((count, count)), strict=True))

    def wave(t):
        return np.sin(2 * np.pi / 2.1 * (y - velocity[0] * t)) * np.cos(2 * np.pi / 2.7 * (x - velocity[1] * t))

    step = built(differences=differences, integrator=integrator, boundary="periodic", dtype="float64")
    found = evolve(step, wave(0), {"velocity": uniform(*velocity)}, pixel, time, cfl=0.6)
    return np.abs(found - wave(time)).max()


@every_method
def test_a_wave_that_is_transported_has_the_order_of_the_method(differences, integrator, order):
    counts = [16, 32, 64]
    errors = [transported_sine_error(n, differences, integrator) for n in counts]
    observed = observed_order(errors, [1 / n for n in counts])
    assert order - 0.2 < observed < order + (1.2 if order == 3 else 0.2)  # in part the fifth order of WENO


@every_method
@pytest.mark.parametrize("speed", [1.0, -1.0], ids=["expanding", "shrinking"])
def test_a_circle_far_from_its_centre_has_the_order_of_the_method_in_the_mean(speed, differences, integrator, order):
    """In the maximum norm ENO loses up to half an order, where its choice of a stencil changes."""
    step = built(differences=differences, integrator=integrator, boundary="extrapolate", dtype="float64")
    errors = []
    for scale in SCALES:
        pixel = (0.7 * scale, 0.9 * scale)
        shape = [2 * round(8 / h) + 1 for h in pixel]
        found = evolve(step, moving_circle(shape, pixel, 4.0), {"speed": uniform(speed)}, pixel, 1.0, cfl=0.6)
        exact = moving_circle(shape, pixel, 4.0, time=1.0, speed=speed)
        errors.append(np.abs(found - exact)[np.abs(exact) < 1].mean())
    assert observed_order(errors, SCALES) > order - 0.2


@pytest.mark.parametrize(("integrator", "order"), [("euler", 1), ("tvd_rk2", 2), ("tvd_rk3", 3)])
def test_each_integrator_has_its_order_in_time(integrator, order):
    """exp(i k . x) is an eigenvector of upwind differences, so their exact solution in time is known."""
    pixel, numbers, velocity, time = np.array([0.13, 0.17]), np.array([3.0, 2.3]), np.array([0.6, 0.8]), 0.5
    numbers = 2 * np.pi * np.round(numbers * 16 * pixel / (2 * np.pi)) / (16 * pixel)  # periodic on 16 pixels
    wave = np.exp(1j * np.tensordot(numbers * pixel, np.indices((16, 16)), axes=1))
    eigenvalue = np.sum(velocity * (1 - np.exp(-1j * numbers * pixel)) / pixel)
    step, counts = built(integrator=integrator, boundary="periodic", dtype="float64"), [8, 16, 32]
    errors = [
        np.abs(
            evolve(step, wave.real, {"velocity": uniform(*velocity)}, pixel, time, count=count)
            - (wave * np.exp(-eigenvalue * time)).real
        ).max()
        for count in counts
    ]
    assert observed_order(errors, [1 / n for n in counts]) == pytest.approx(order, abs=0.2)


def sphere_error(scale, speed, radius):
    """Returns the largest error within 0.8 mm of the front of a sphere after one second."""
    pixel = np.array([0.8, 0.7, 0.9]) * scale
    shape = [2 * round(4.5 / h) + 1 for h in pixel]
    centre = [h * (n // 2) for h, n in zip(pixel, shape, strict=True)]
    exact = ball(shape, pixel, centre, radius + speed)
    fields = {"speed": uniform(speed, ndim=3)}
    found = evolve(built(ndim=3), ball(shape, pixel, centre, radius), fields, pixel, 1.0)
    return np.abs(found - exact)[np.abs(exact) < 0.8].max()


@pytest.mark.parametrize(("speed", "radius"), [(1.0, 2.0), (-1.0, 3.2)], ids=["expanding", "shrinking"])
def test_a_sphere_that_expands_or_shrinks_is_first_order_accurate(speed, radius):
    scales = [0.5, 0.35, 0.25]
    errors = [sphere_error(scale, speed, radius) for scale in scales]
    assert observed_order(errors, scales) == pytest.approx(1, abs=0.2)


def test_a_sphere_collapses_under_mean_curvature_as_the_exact_one_does():
    """phi(t) = sqrt(|x|**2 + 4 epsilon t) - r0, so the radius is sqrt(r0**2 - 4 epsilon t)."""
    radius, epsilon, time, errors = 2.5, 0.5, 0.6, []
    for scale in SCALES:
        pixel, same = np.array([0.8, 0.7, 0.9]) * scale, (slice(None, None, round(1 / scale)),) * 3
        shape = [round(14 / scale) + 1] * 3  # so that every point of the coarse grid is one of the others
        centre = 7 * np.array([0.8, 0.7, 0.9])
        found = evolve(
            built(ndim=3),
            ball(shape, pixel, centre, radius),
            {"curvature_weight": uniform(epsilon, ndim=3)},
            pixel,
            time,
        )
        exact = np.hypot(ball(shape, pixel, centre, 0.0), np.sqrt(4 * epsilon * time)) - radius
        errors.append(np.abs(found - exact)[same][np.abs(exact[same]) < 0.5].mean())
    assert observed_order(errors, SCALES) == pytest.approx(2, abs=0.2)
    front = found[shape[0] // 2 :, shape[1] // 2, shape[2] // 2]
    assert pixel[0] * np.interp(0.0, front, np.arange(len(front))) == pytest.approx(
        mean_curvature_radius(radius, 2 * epsilon, time), abs=0.01
    )


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


def test_a_circle_collapses_under_the_monotone_curvature_too():
    radius, epsilon, time, pixel = 6.0, 0.5, 8.0, (0.35, 0.45)
    shape = [2 * round(9 / h) + 1 for h in pixel]
    step = built(curvature="monotone")
    found = evolve(step, moving_circle(shape, pixel, radius), {"curvature_weight": uniform(epsilon)}, pixel, time)
    assert radii_of_front(found, pixel) == pytest.approx([mean_curvature_radius(radius, epsilon, time)] * 2, abs=0.1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)], ids=["plane", "space"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("differences", DIFFERENCES)
def test_a_constant_phi_is_a_steady_state_exactly_whatever_the_method(differences, boundary, shape, dtype, rng):
    fields = {name: field.astype(dtype) for name, field in random_fields(rng, shape).items()}
    spacing, phi = np.array([(2.5, 0.7, 0.9)[-len(shape) :]], dtype), np.full((1, *shape, 1), 3.3, dtype)
    curvatures = CURVATURES if len(shape) == 2 else ["central"]
    for scheme, integrator, curvature in itertools.product(SCHEMES, INTEGRATORS, curvatures):
        step = LevelSetStep(scheme, "frozen", differences, integrator, curvature, boundary, dtype=dtype)
        step.build(phi.shape)
        found = ops.convert_to_numpy(step(phi, fields, spacing, time_step(step, fields, spacing)))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, phi, err_msg=str((scheme, integrator, curvature)))


MONOTONE = [("replicate", "euler"), ("periodic", "euler"), ("replicate", "tvd_rk2"), ("periodic", "tvd_rk3")]
every_monotone_method = pytest.mark.parametrize(("boundary", "integrator"), MONOTONE)


def rough(rng):
    """Returns a phi whose every pixel is nearly an extremum, the worst case for stability."""
    checkerboard = 1.0 - 2.0 * (np.indices(SHAPE).sum(axis=0) % 2)
    return checkerboard * rng.uniform(0.99, 1.0, SHAPE)


def monotone_case(rng):
    """Returns fields and spacing of a batch of ten: each term alone, all but curvature, all; on two kinds of pixel."""
    fields, spacing = random_fields(rng), np.repeat([(0.7, 0.9), (0.5, 5.0)], 5, axis=0)
    terms = {"speed": [1, 0, 0, 1, 1], "velocity": [0, 1, 0, 1, 1], "curvature_weight": [0, 0, 1, 0, 1]}
    which = {name: np.tile(on, 2).reshape(-1, 1, 1, 1) for name, on in terms.items()}
    return {name: which[name] * field.astype(np.float64) for name, field in fields.items()}, spacing


@functools.cache
def orbit(scheme, boundary, integrator, count=40, cfl=0.99):
    """Returns a function that gives the states after 0, 1, ... count steps as long as the CFL number allows."""
    step = built(scheme, curvature="monotone", boundary=boundary, integrator=integrator, dtype="float64")

    @tf.function
    def states(phi, fields, spacing):
        dt = time_step(step, fields, spacing, cfl)
        following = tf.scan(lambda phi, _: step(phi, fields, spacing, dt), tf.range(count), phi)
        return tf.concat([phi[None], following], axis=0)

    def of(phi, fields, spacing):
        return states(np.repeat(phi[None, ..., None], len(spacing), axis=0), fields, spacing).numpy()

    return of


@every_scheme
@every_monotone_method
def test_phi_stays_between_its_minimum_and_its_maximum(scheme, boundary, integrator, rng):
    for phi in (rough(rng), rng.normal(size=SHAPE)):
        states = orbit(scheme, boundary, integrator)(phi, *monotone_case(rng))
        assert np.abs(states[-1] - states[0]).max() > 0.1
        assert phi.min() - DOUBLE <= states.min() and states.max() <= phi.max() + DOUBLE


@every_scheme
@every_monotone_method
def test_order_is_preserved(scheme, boundary, integrator, rng):
    for lower in (rough(rng), rng.normal(size=SHAPE)):
        upper = lower + rng.exponential(0.1, SHAPE) * (rng.random(SHAPE) < 0.5)
        case = monotone_case(rng)
        below, above = (orbit(scheme, boundary, integrator)(phi, *case) for phi in (lower, upper))
        assert (below <= above + DOUBLE).all()


@every_scheme
@every_monotone_method
def test_two_level_set_functions_never_move_apart(scheme, boundary, integrator, rng):
    case = monotone_case(rng)
    one, other = (orbit(scheme, boundary, integrator)(phi, *case) for phi in (rough(rng), rng.normal(size=SHAPE)))
    distance = np.abs(one - other).max(axis=(2, 3, 4))
    assert (np.diff(distance, axis=0) <= DOUBLE).all()


@every_scheme
def test_beyond_the_courant_number_of_one_the_maximum_principle_fails(scheme, rng):
    states = orbit(scheme, "replicate", "euler", cfl=2.5)(rough(rng), *monotone_case(rng))
    largest = np.abs(states).max(axis=(0, 2, 3, 4))
    moving = [n for n in range(10) if n % 5 != 2]  # all but curvature alone, which is at rest on a checkerboard
    assert (largest[moving] > 1.01).all()


def saddle():
    """Returns a phi whose largest value, 0 in the middle, rises by central curvature: its mixed difference does not see
    that this is a maximum."""
    return np.array([[-1.0, -0.1, 0.0], [-0.1, 0.0, 0.0], [0.0, 0.0, -1.0]])


@pytest.mark.parametrize("curvature", CURVATURES)
def test_central_curvature_breaks_the_maximum_principle_and_monotone_curvature_keeps_it(curvature):
    phi, spacing, fields = batched(saddle(), "float64"), np.ones((1, 2)), {"curvature_weight": uniform(1.0)}
    step = built(curvature=curvature, dtype="float64")
    rises = ops.convert_to_numpy(step(phi, fields, spacing, time_step(step, fields, spacing, 0.5))).max()
    assert rises > 0.04 if curvature == "central" else rises <= 0


def test_planes_that_are_extrapolated_move_out_of_their_range_and_replicated_ones_do_not():
    plane, fields = np.arange(8.0) + np.zeros((8, 1)), {"speed": uniform(1.0)}
    moved = evolve(built(boundary="extrapolate"), plane, fields, (1.0, 1.0), 2.0)
    np.testing.assert_allclose(moved, plane - 2.0, atol=1e-5)
    assert evolve(built(), plane, fields, (1.0, 1.0), 2.0).min() == 0


def rate(step, phi, fields, spacing):
    fields = {name: np.asarray(field, step.compute_dtype) for name, field in fields.items()}
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


def rotated(fields):
    """Turns fields by 90 degrees: what pointed along x points along -y."""
    turned = {name: np.rot90(field, axes=(1, 2)) for name, field in fields.items()}
    along_y, along_x = np.split(turned["velocity"], 2, axis=-1)
    return turned | {"velocity": np.concatenate([-along_x, along_y], axis=-1)}


@pytest.mark.parametrize("curvature", CURVATURES)
@pytest.mark.parametrize("differences", DIFFERENCES)
def test_turning_the_input_by_90_degrees_turns_the_output(differences, curvature, rng):
    step = built(differences=differences, curvature=curvature, dtype="float64")
    phi, fields, spacing = batched(rng.normal(size=SHAPE), "float64"), random_fields(rng), np.array([(0.7, 0.9)])
    turned = rate(step, np.rot90(phi, axes=(1, 2)), rotated(fields), spacing[:, ::-1])
    np.testing.assert_allclose(turned, np.rot90(rate(step, phi, fields, spacing), axes=(1, 2)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("term", ["speed", "velocity", "curvature_weight"])
@pytest.mark.parametrize("differences", DIFFERENCES)
@every_scheme
def test_a_phi_that_does_not_change_along_an_axis_of_space_moves_as_in_the_plane(scheme, differences, term, rng):
    phi, fields, pixel = rng.normal(size=(6, 7)), random_fields(rng, (6, 7)), (0.7, 0.9)
    options = {"scheme": scheme, "differences": differences, "dtype": "float64"}
    flat = rate(built(**options), batched(phi, "float64"), {term: fields[term]}, np.array([pixel]))
    for axis in (1, 2, 3):
        field = fields[term]
        if term == "velocity":  # whatever flows along the new axis
            field = np.insert(field, axis - 1, rng.normal(size=(6, 7)), axis=-1)
        volume, field, expected = (
            np.repeat(np.expand_dims(a, axis), 3, axis) for a in (batched(phi, "float64"), field, flat)
        )
        found = rate(built(**options, ndim=3), volume, {term: field}, np.insert(pixel, axis - 1, 2.5)[None])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("differences", DIFFERENCES)
@every_scheme
def test_permuting_the_axes_of_space_permutes_the_output(scheme, differences, rng):
    phi, fields, pixel = rng.normal(size=(1, 5, 6, 7, 1)), random_fields(rng, (5, 6, 7)), np.array([2.5, 0.7, 0.9])
    step = built(scheme, differences=differences, ndim=3, dtype="float64")
    for axes in ([2, 0, 1], [1, 0, 2]):
        order = [0, *(1 + a for a in axes), 4]
        permuted = {name: field.transpose(order) for name, field in fields.items()}
        permuted["velocity"] = permuted["velocity"][..., axes]
        found = rate(step, phi.transpose(order), permuted, pixel[axes][None])
        np.testing.assert_allclose(found, rate(step, phi, fields, pixel[None]).transpose(order), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("differences", DIFFERENCES)
@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6)], ids=["plane", "space"])
def test_single_and_double_precision_agree_up_to_rounding_and_a_phi_padded_before_is_the_same(
    shape, differences, boundary, rng
):
    phi, fields, dt = rng.normal(size=(1, *shape, 1)), random_fields(rng, shape), np.full((1,) * (len(shape) + 2), 0.05)
    spacing, found = np.array([(2.5, 0.7, 0.9)[-len(shape) :]]), {}
    for dtype in ("float32", "float64"):
        step = built(differences=differences, boundary=boundary, integrator="tvd_rk2", ndim=len(shape), dtype=dtype)
        arguments = (
            {name: field.astype(dtype) for name, field in fields.items()},
            spacing.astype(dtype),
            dt.astype(dtype),
        )
        found[dtype] = ops.convert_to_numpy(step(phi, *arguments))
        padded = step.padded(ops.convert_to_tensor(phi, dtype))
        np.testing.assert_array_equal(ops.convert_to_numpy(step.of_padded(padded, *arguments)), found[dtype])
    np.testing.assert_allclose(found["float32"], found["float64"], atol=1e-5)
    assert np.abs(found["float32"] - found["float64"]).max() > 0


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
        "curvature_weight": 2 * epsilon / 0.7**2,  # the narrower pixels: no level set bends along both axes at once
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
    for stencils, name in [(step.one_sided, "forward_y"), (step.bending.derivatives, "second_yy")]:
        grown = np.where(np.array(stencils.stencils) == name, 3.0, 1.0)
        stencils.kernel.assign(grown * stencils.kernel)
    speed, a_y, a_x = np.abs(fields["speed"]), *np.abs(np.split(fields["velocity"], 2, axis=-1))
    bending = fields["curvature_weight"] * 3 * 2 / 0.7**2
    expected = speed * np.hypot(3 / 0.7, 1 / 0.9) + 3 * a_y / 0.7 + a_x / 0.9 + bending
    np.testing.assert_allclose(step.courant_rate(fields, spacing), expected, rtol=1e-5)


def test_each_image_has_its_own_time_step_and_none_is_longer_than_the_longest():
    courant_rate = np.array([0.5, 2.0, 0.0], np.float32)[:, None, None, None] * np.ones((3, 2, 2, 1), np.float32)
    courant_rate[1, 1, 1] = 4.0  # the fastest pixel counts
    np.testing.assert_allclose(np.ravel(cfl_time_step(courant_rate, 0.8, 1.0)), [1.0, 0.2, 1.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"differences": "weno3"}, "differences must be one of .*'weno5'.*Received 'weno3'"),
        ({"integrator": "rk4"}, "integrator must be one of .*'tvd_rk3'.*Received 'rk4'"),
        ({"curvature": "mean"}, "curvature must be one of .*'monotone'.*Received 'mean'"),
        ({"boundary": "mirror"}, "boundary must be one of .*Received 'mirror'"),
        ({"scheme": "roe"}, "scheme must be one of .*Received 'roe'"),
        ({"learning": "fixed"}, "learning must be one of .*Received 'fixed'"),
        ({"learning": "free", "differences": "weno5"}, "first-order differences only.*'free'.*differences='weno5'"),
    ],
)
def test_names_that_are_not_known_or_do_not_go_together_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        built(**arguments)
