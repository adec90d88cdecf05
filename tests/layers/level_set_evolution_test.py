"""The loop is its steps, stays bounded for as long as one likes, and treats every slice by itself."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from lsn_tf.layers.constraints import Consistent
from lsn_tf.layers.level_set_evolution import LevelSetEvolution
from lsn_tf.layers.level_set_step import LevelSetStep, cfl_time_step
from lsn_tf.layers.upwind import SCHEMES
from lsn_tf.numerics.stencils import get_stencil

SHAPE = (16, 15)
ROUNDING = 1e-3  # single precision, after 1500 steps


def random_case(rng, batch=1, channels=1):
    """Returns phi, fields and spacing of a batch; speeds, and so time steps, differ from slice to slice."""

    def normal(n):
        fastness = np.arange(1, batch + 1).reshape(-1, 1, 1, 1)
        return (fastness * rng.normal(size=(batch, *SHAPE, n))).astype(np.float32)

    fields = {"speed": normal(channels), "velocity": normal(2 * channels), "curvature_weight": abs(normal(channels))}
    return 5 * normal(1), fields, rng.uniform(0.5, 1.0, (batch, 2)).astype(np.float32)


def numpy_of(tensor):
    return ops.convert_to_numpy(tensor)


def test_the_evolution_is_the_iteration_of_its_step(rng):
    phi, fields, spacing = random_case(rng)
    step, longest = LevelSetStep(), 0.5 * spacing.min()
    step.build(phi.shape)
    dt = cfl_time_step(step.courant_rate(fields, spacing), 0.9, longest)
    evolved = LevelSetEvolution(steps=5)(phi, fields, spacing)
    for _ in range(5):
        phi = step(phi, fields, spacing, dt)
    np.testing.assert_allclose(numpy_of(evolved), numpy_of(phi), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("learning", ["frozen", "consistent", "free"])
def test_steps_of_their_own_start_as_the_shared_step(learning, rng):
    phi, fields, spacing = random_case(rng, batch=2)
    own = {name: np.tile(field, (1, 1, 1, 3)) for name, field in fields.items()}
    tied = LevelSetEvolution(3, step={"learning": learning})(phi, fields, spacing)
    untied = LevelSetEvolution(3, step={"learning": learning}, tied=False)(phi, own, spacing)
    np.testing.assert_array_equal(numpy_of(untied), numpy_of(tied))


def test_steps_of_their_own_take_their_own_fields_the_first_step_first(rng):
    phi, fields, spacing = random_case(rng, channels=2)
    halves = [{name: np.split(field, 2, axis=-1)[n] for name, field in fields.items()} for n in (0, 1)]
    expected = phi
    for half in halves:
        expected = LevelSetEvolution(1)(expected, half, spacing)
    np.testing.assert_array_equal(numpy_of(LevelSetEvolution(2, tied=False)(phi, fields, spacing)), numpy_of(expected))


def test_in_use_the_front_goes_on_and_in_training_it_does_not(rng):
    phi, fields, spacing = random_case(rng)
    evolution = LevelSetEvolution(3, further_steps=4)
    for training, steps in ((True, 3), (False, 7), (None, 7)):
        expected = LevelSetEvolution(steps)(phi, fields, spacing)
        np.testing.assert_array_equal(numpy_of(evolution(phi, fields, spacing, training=training)), numpy_of(expected))


def test_steps_with_fields_of_their_own_cannot_go_on():
    with pytest.raises(ValueError, match="0 where steps are not tied, each with fields of its own. Received further"):
        LevelSetEvolution(2, tied=False, further_steps=1)


def extremes(step, phi, fields, spacing, count=1500):
    """Returns the lowest and the highest value of phi in that many steps."""

    @tf.function(jit_compile=True)
    def run(phi):
        dt, low, high = cfl_time_step(step.courant_rate(fields, spacing), 0.99), tf.reduce_min(phi), tf.reduce_max(phi)
        for _ in tf.range(count):
            phi = step(phi, fields, spacing, dt)
            low, high = tf.minimum(low, tf.reduce_min(phi)), tf.maximum(high, tf.reduce_max(phi))
        return low, high

    return [float(value) for value in run(tf.constant(phi))]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("boundary", ["replicate", "periodic"])
@pytest.mark.parametrize("curvature", ["monotone", "diffusion"])
def test_phi_does_not_exceed_its_range_in_10000_steps_of_all_terms_with_random_coefficients(
    curvature, scheme, boundary, rng
):
    phi, fields, spacing = random_case(rng)
    step = LevelSetStep(scheme, curvature=curvature, boundary=boundary)
    step.build(phi.shape)
    low, high = extremes(step, phi, fields, spacing, count=10_000)
    assert phi.min() <= low and high <= phi.max()  # to the last bit of single precision


def learned(kernel_of):
    """Returns a step whose one-sided differences have learned these kernels, (3, 3) for backward and name."""
    step = LevelSetStep(learning="free")
    step.build((1, *SHAPE, 1))
    kernels = [kernel_of(name) for name in step.one_sided.stencils]
    step.one_sided.kernel.assign(np.stack(kernels, axis=-1)[:, :, None, :])
    return step


def test_learned_stencils_keep_phi_bounded_as_long_as_each_is_a_sum_of_one_sided_differences(rng):
    """The time step follows their gains, so they may be as large as they like and look anywhere."""

    def one_sided(name):
        kernel = -rng.exponential(1.0, (3, 3))
        kernel[1, 1] -= kernel.sum()
        return kernel if name.startswith("backward") else -kernel

    phi, fields, spacing = random_case(rng)
    del fields["curvature_weight"]
    low, high = extremes(learned(one_sided), phi, fields, spacing)
    assert phi.min() - ROUNDING <= low and high <= phi.max() + ROUNDING


def test_stencils_that_are_consistent_and_no_more_do_not_keep_phi_bounded(rng):
    """Central differences are consistent with one-sided ones, and forward Euler steps with them are unstable."""
    central = {"y": get_stencil("central_y").coefficients, "x": get_stencil("central_x").coefficients}
    step = learned(lambda name: central[name[-1]])
    constraint = Consistent(step.one_sided.stencils)
    np.testing.assert_allclose(constraint(step.one_sided.kernel), step.one_sided.kernel, atol=1e-6)
    phi, fields, spacing = random_case(rng)
    del fields["curvature_weight"]
    low, high = extremes(step, phi, fields, spacing, count=100)
    assert not (2 * phi.min() < low and high < 2 * phi.max())


def test_curvature_keeps_phi_bounded_too(rng):
    phi, fields, spacing = random_case(rng)
    evolution, largest = tf.function(LevelSetEvolution(10, time_step=100.0)), np.abs(phi).max()
    for _ in range(30):
        phi = evolution(phi, fields, spacing)
    assert np.abs(phi).max() <= largest


def test_a_slice_alone_is_the_same_slice_in_a_batch(rng):
    phi, fields, spacing = random_case(rng, batch=3)
    evolution = LevelSetEvolution(4, time_step=100.0)
    together = numpy_of(evolution(phi, fields, spacing))
    for n in range(3):
        alone = evolution(phi[n : n + 1], {k: v[n : n + 1] for k, v in fields.items()}, spacing[n : n + 1])
        np.testing.assert_array_equal(numpy_of(alone)[0], together[n])


def test_a_slow_front_moves_time_step_pixels_a_step_and_a_fast_one_the_cfl_number():
    plane = np.tile(np.arange(12, dtype=np.float32) * 0.5, (12, 1))[None, ..., None]
    spacing = np.full((1, 2), 0.5, np.float32)
    evolution = LevelSetEvolution(2, cfl=0.8, time_step=0.25)
    for speed, pixels in [(1.0, 2 * 0.25), (10.0, 2 * 0.8 / np.sqrt(2))]:  # |V| dt sqrt(1 / dy**2 + 1 / dx**2) = 0.8
        moved = numpy_of(evolution(plane, {"speed": np.full((1, 12, 12, 1), speed, np.float32)}, spacing))
        np.testing.assert_allclose((plane - moved)[0, 4:-4, 4:-4], 0.5 * pixels, rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6)], ids=["plane", "space"])
def test_the_evolution_passes_the_method_on_to_its_step_and_takes_the_time_step_from_the_smallest_pixel(shape, rng):
    phi, spacing = rng.normal(size=(1, *shape, 1)), np.array([(2.5, 0.7, 0.9)[-len(shape) :]])
    fields = {"speed": rng.uniform(0.1, 0.2, phi.shape), "velocity": np.zeros((1, *shape, len(shape)))}
    method = {"differences": "weno5", "integrator": "tvd_rk3", "boundary": "periodic"}
    step = LevelSetStep(**method, dtype="float64")
    dt = np.full((1,) * (len(shape) + 2), 0.25 * 0.7)
    found = LevelSetEvolution(2, time_step=0.25, step=method, dtype="float64")(phi, fields, spacing)
    expected = step(step(phi, fields, spacing, dt), fields, spacing, dt)
    np.testing.assert_allclose(numpy_of(found), numpy_of(expected), rtol=1e-12)


def test_an_image_that_does_not_move_is_unchanged(rng):
    phi, fields, spacing = random_case(rng)
    still = {name: 0 * field for name, field in fields.items()}
    np.testing.assert_array_equal(numpy_of(LevelSetEvolution(3)(phi, still, spacing)), phi)


@pytest.mark.parametrize("tied", [True, False])
def test_gradients_reach_every_field_through_all_steps(tied, rng):
    phi, fields, spacing = random_case(rng, channels=1 if tied else 3)
    fields = {name: tf.Variable(field) for name, field in fields.items()}
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(LevelSetEvolution(3, tied=tied)(phi, fields, spacing) ** 2)
    for gradient in tape.gradient(total, list(fields.values())):
        assert np.isfinite(gradient).all()
        assert (np.abs(gradient).max(axis=(0, 1, 2)) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "steps must be at least 1. Received steps=0"),
        ({"steps": 1, "cfl": 1.0}, r"cfl must be in \(0, 1\).*Received cfl=1.0"),
    ],
)
def test_steps_and_cfl_number_outside_their_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LevelSetEvolution(**arguments)
