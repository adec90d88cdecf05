"""The adjoint is the transposed derivative of the steps, by tests that know nothing of its formulas."""

import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.layers import LevelSetEvolution, LevelSetStep
from lsn_tf.layers.adjoint import has_adjoint, pull_to_phi
from lsn_tf.layers.boundary import pad
from lsn_tf.layers.curvature import Curvature
from lsn_tf.layers.upwind import SCHEMES

TERMS = [("speed",), ("velocity",), ("curvature_weight",), ("speed", "velocity", "curvature_weight")]
CURVATURES = ("diffusion", "central")
every_curvature = pytest.mark.parametrize("curvature", CURVATURES)
every_shape = pytest.mark.parametrize("shape", [(6, 7), (3, 4, 5)], ids=["plane", "space"])


def random_case(rng, shape, terms=TERMS[-1]):
    """Returns phi, fields, spacing and a cotangent of a batch of two."""
    field = {"speed": lambda: rng.normal(size=(2, *shape, 1)), "curvature_weight": lambda: rng.random((2, *shape, 1))}
    field["velocity"] = lambda: rng.normal(size=(2, *shape, len(shape)))
    fields = {name: tf.constant(field[name]()) for name in terms}
    phi, cotangent = (tf.constant(rng.normal(size=(2, *shape, 1))) for _ in range(2))
    return phi, fields, tf.constant(rng.uniform(0.7, 2.5, (2, len(shape)))), cotangent


def built(shape, curvature="diffusion", **arguments):
    step = LevelSetStep(curvature=curvature, dtype="float64", **arguments)
    step.build((2, *shape, 1))
    return step


def pullback(step, phi, fields, spacing, time_step, cotangent):
    """Returns the derivatives of sum(cotangent * step(...)) by phi and by the fields."""
    return LevelSetEvolution(1).backward(step, phi[None], fields, spacing, time_step, cotangent)


def dt(shape):
    return tf.fill((2, *(1 for _ in shape), 1), tf.constant(0.05, tf.float64))


@every_curvature
@every_shape
@pytest.mark.parametrize("terms", TERMS, ids=["propagation", "transport", "curvature", "all"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_adjoint_of_an_evolution_is_what_automatic_differentiation_gives(scheme, terms, shape, curvature, rng):
    phi, fields, spacing, cotangent = random_case(rng, shape, terms)
    evolution = LevelSetEvolution(4, step={"scheme": scheme, "curvature": curvature}, dtype="float64")
    evolution.build(phi.shape)
    (step,) = evolution.euler_steps
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([phi, fields])
        evolved = stepped = evolution(phi, fields, spacing)
        stepped, time_step = phi, evolution.stable_time_step(step, fields, spacing)
        for _ in range(4):
            stepped = step(stepped, fields, spacing, time_step)
    np.testing.assert_allclose(evolved, stepped, rtol=1e-12, atol=1e-12)
    for source in (phi, *fields.values()):
        found, expected = (tape.gradient(target, source, cotangent) for target in (evolved, stepped))
        assert np.abs(expected).max() > 1e-2
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_steps_with_fields_of_their_own_are_pulled_back_one_by_one(rng):
    phi, fields, spacing, cotangent = random_case(rng, (6, 7))
    own = {
        name: tf.concat([field, 2 * field, -field if name == "speed" else field], -1) for name, field in fields.items()
    }
    evolution = LevelSetEvolution(3, tied=False, step={"curvature": "diffusion"}, dtype="float64")
    evolution.build(phi.shape)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([phi, own])
        evolved, stepped = evolution(phi, own, spacing), phi
        for n, step in enumerate(evolution.euler_steps):
            of_step = {name: tf.split(field, 3, -1)[n] for name, field in own.items()}
            stepped = step(stepped, of_step, spacing, evolution.stable_time_step(step, of_step, spacing))
    for source in (phi, *own.values()):
        found, expected = (tape.gradient(target, source, cotangent) for target in (evolved, stepped))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@every_curvature
@pytest.mark.parametrize("flatness", [0.0, 1e-4, 1e-2])
def test_where_phi_is_nearly_flat_the_adjoint_is_that_of_automatic_differentiation(flatness, curvature, rng):
    """Where |grad phi|**2 is as small as what is added to it."""
    phi, fields, spacing, cotangent = random_case(rng, (6, 7))
    phi, step = flatness * phi, built((6, 7), curvature)
    with tf.GradientTape() as tape:
        tape.watch(phi)
        stepped = step(phi, fields, spacing, dt((6, 7)))
    of_phi, _ = pullback(step, phi, fields, spacing, dt((6, 7)), cotangent)
    np.testing.assert_allclose(of_phi, tape.gradient(stepped, phi, cotangent), rtol=1e-9, atol=1e-9)


@every_curvature
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (1, 3, 1)], ids=str)
def test_a_single_pixel_along_an_axis_has_no_neighbour_there(shape, curvature, rng):
    phi, fields, spacing, cotangent = random_case(rng, shape)
    step = built(shape, curvature)
    with tf.GradientTape() as tape:
        tape.watch([phi, fields])
        stepped = step(phi, fields, spacing, dt(shape))
    of_phi, of_fields = tape.gradient(stepped, [phi, fields], cotangent)
    found, found_fields = pullback(step, phi, fields, spacing, dt(shape), cotangent)
    np.testing.assert_allclose(found, of_phi, rtol=1e-12, atol=1e-12)
    for name, expected in of_fields.items():
        np.testing.assert_allclose(found_fields[name], expected, rtol=1e-12, atol=1e-12)


@every_shape
@pytest.mark.parametrize("times_gradient", [False, True])
def test_curvature_is_pulled_back_with_and_without_the_gradient(times_gradient, shape, rng):
    phi, _, spacing, cotangent = random_case(rng, shape)
    layer = Curvature(times_gradient, dtype="float64")
    layer.build(phi.shape)
    with tf.GradientTape() as tape:
        tape.watch(phi)
        bending = layer(phi, spacing)
    found, of_one_sided, of_mixed = layer.pullback(pad(phi), spacing, cotangent)
    np.testing.assert_array_equal(found, bending)
    of_phi = tape.gradient(bending, phi, cotangent)
    np.testing.assert_allclose(pull_to_phi((of_one_sided, of_mixed), spacing), of_phi, rtol=1e-9, atol=1e-9)


@every_shape
def test_of_a_linear_equation_the_adjoint_moves_the_operator_from_one_side_of_the_scalar_product_to_the_other(
    shape, rng
):
    phi, fields, spacing, cotangent = random_case(rng, shape, ("velocity", "curvature_weight"))
    step = built(shape)
    there = float(tf.reduce_sum(cotangent * step(phi, fields, spacing, dt(shape))))
    back = float(tf.reduce_sum(pullback(step, phi, fields, spacing, dt(shape), cotangent)[0] * phi))
    assert there == pytest.approx(back, rel=1e-12)


@every_curvature
@every_shape
@pytest.mark.parametrize("scheme", SCHEMES)
def test_as_constants_are_carried_along_the_adjoint_keeps_the_sum(scheme, shape, curvature, rng):
    """step(phi + c) = step(phi) + c, so the derivative along a constant is that constant."""
    phi, fields, spacing, cotangent = random_case(rng, shape)
    of_phi, _ = pullback(built(shape, curvature, scheme=scheme), phi, fields, spacing, dt(shape), cotangent)
    axes = tuple(range(1, phi.ndim))
    np.testing.assert_allclose(tf.reduce_sum(of_phi, axes), tf.reduce_sum(cotangent, axes), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_as_order_is_kept_no_derivative_by_phi_is_negative(scheme, rng):
    """Within the CFL condition phi(T) grows with every pixel of phi, and by no more than the pixel does."""
    phi, fields, spacing, _ = random_case(rng, (6, 7))
    evolution = LevelSetEvolution(3, step={"scheme": scheme, "curvature": "diffusion"}, dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(phi)
        last = evolution(phi, fields, spacing)[0, 2, 3, 0]
    influence = tape.gradient(last, phi).numpy()
    assert influence.min() >= 0 and np.count_nonzero(influence) > 5
    assert influence.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"learning": "consistent"},
        {"differences": "eno2", "integrator": "tvd_rk2"},
        {"curvature": "monotone"},
        {"boundary": "periodic"},
    ],
)
def test_other_steps_are_differentiated_automatically(arguments):
    assert not has_adjoint(LevelSetStep(**{"curvature": "diffusion", **arguments}))
    assert all(has_adjoint(LevelSetStep(curvature=curvature)) for curvature in CURVATURES)
