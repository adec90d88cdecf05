"""A level set network and the equation that it solves are one: there and back again nothing changes."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
from keras import ops

from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.numerics.level_sets import ball
from lsn_tf.solver import marching, translation
from lsn_tf.solver.solving import solve
from lsn_tf.solver.stopping import Stopping
from lsn_tf.solver.translation import Discretization, Stage, from_solver, stencil_layers, to_solver

WINDOW = (-100.0, 400.0)
NETWORKS = {
    "classical": {"width": 0, "balloon": 1.0},
    "network": {},
    "osher_sethian": {"scheme": "osher_sethian", "transport": True},
    "monotone": {"curvature": "monotone"},
    "consistent": {"learning": "consistent"},
    "free, untied": {"learning": "free", "tied": False, "transport": True, "steps": 2},
    "untied": {"tied": False, "steps": 2},
    "one grid": {"scales": 1, "transport": True},
    "three grids": {"scales": 3, "steps": 1},
    "front that goes on": {"further_steps": 5},
    "given start": {"initial_contour": "given", "width": 0, "balloon": 1.0},
}


def inputs_of(model, rng, batch=2):
    """Returns images of smooth noise, in HU, of pixels that are not square and differ."""
    coarse = 150 * rng.normal(size=(batch, 4, 5, 1))
    inputs = {"image": np.kron(coarse, np.ones((1, 4, 4, 1))), "spacing": rng.uniform(0.7, 1.5, (batch, 2))}
    if "phi_0" in [tensor.name for tensor in model.inputs]:
        inputs["phi_0"] = np.stack([ball((16, 20), spacing, (6, 8), 4.0)[..., None] for spacing in inputs["spacing"]])
    return {name: np.float32(value) for name, value in inputs.items()}


def network(rng, **arguments):
    """Returns a model whose weights are no longer those of the beginning."""
    model = LevelSetNetwork(WINDOW, **{"width": 4, "scales": 2, "steps": 3, "balloon": 0.5} | arguments)
    for weight in model.trainable_variables:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
        if weight.constraint:
            weight.assign(weight.constraint(weight))
    return model


@pytest.fixture
def eager(monkeypatch):
    """Steps of solvers without XLA, which takes a second for each grid of each network."""
    monkeypatch.setattr(marching, "compiled", lambda function: function)
    monkeypatch.setattr(translation, "march_of", marching.March)


@pytest.mark.parametrize("arguments", NETWORKS.values(), ids=NETWORKS)
def test_a_network_is_the_solver_of_its_equation_and_the_solver_a_network(arguments, eager, rng):
    model = network(rng, **arguments)
    inputs = inputs_of(model, rng)
    expected = ops.convert_to_numpy(model(inputs))
    equation = to_solver(model, inputs)
    np.testing.assert_allclose(equation.solve(), expected, atol=1e-4)
    again = from_solver(equation)
    np.testing.assert_allclose(ops.convert_to_numpy(again({"phi_0": equation.phi})), expected, atol=1e-4)
    for stage, same in zip(equation.stages, to_solver(again, {"phi_0": equation.phi}).stages, strict=True):
        for name, field in [*stage.fields.items(), *stage.kernels.items()]:
            np.testing.assert_array_equal({**same.fields, **same.kernels}[name], field)


def test_a_compiled_solver_is_the_network_too(rng):
    model = network(rng, transport=True)
    inputs = inputs_of(model, rng)
    np.testing.assert_allclose(to_solver(model, inputs).solve(), ops.convert_to_numpy(model(inputs)), atol=1e-4)


def test_step_by_step_an_equation_comes_to_the_same_end(eager, rng):
    model = network(rng, transport=True)
    equation = to_solver(model, inputs_of(model, rng))
    (coarse, before), (fine, after) = equation.step_by_step()
    assert (coarse, fine) == equation.stages and len(before) == len(after) == 4
    np.testing.assert_array_equal(before[0], equation.phi)
    np.testing.assert_allclose(after[-1], equation.solve(), atol=1e-4)
    np.testing.assert_allclose(after[0], list(equation.singly())[1].phi, atol=1e-4)
    for phis in (before, after):
        assert all(np.abs(late - early).max() > 1e-3 for early, late in itertools.pairwise(phis))


def test_there_are_as_many_stages_as_sets_of_coefficients(rng):
    tied, untied = network(rng), network(rng, tied=False)
    stages = to_solver(tied, inputs_of(tied, rng)).stages
    assert [stage.steps for stage in stages] == [3, 3]
    assert [stage.fields["speed"].shape[1:-1] for stage in stages] == [(8, 10), (16, 20)]
    np.testing.assert_allclose(stages[0].spacing_mm, 2 * stages[1].spacing_mm)
    assert [stage.steps for stage in to_solver(untied, inputs_of(untied, rng)).stages] == [1] * 6


def test_only_stencils_that_have_learned_are_carried(rng):
    frozen, free = (network(rng, learning=learning) for learning in ("frozen", "free"))
    assert not to_solver(frozen, inputs_of(frozen, rng)).stages[0].kernels
    kernels = to_solver(free, inputs_of(free, rng)).stages[1].kernels
    assert set(kernels) == {"one_sided", "central"}
    np.testing.assert_array_equal(kernels["central"], free.evolutions[1].euler_steps[0].bending.derivatives.kernel)


def test_another_start_gives_the_solution_from_there(eager, rng):
    model = network(rng, initial_contour="given")
    inputs = inputs_of(model, rng)
    equation = to_solver(model, inputs)
    other = {**inputs, "phi_0": inputs["phi_0"][:, ::-1].copy()}
    start = to_solver(model, other).phi
    np.testing.assert_allclose(equation.solve(start), ops.convert_to_numpy(model(other)), atol=1e-4)
    assert np.abs(equation.solve(start) - equation.solve()).max() > 1


def test_a_model_that_solves_no_equation_is_refused():
    with pytest.raises(ValueError, match="model must be a LevelSetNetwork.* Received UNet"):
        to_solver(UNet(WINDOW, (4, 4)), {})


def by_hand(rng, ndim=2, dtype="float32", steps=3, time_step=0.1, **step):
    """Returns an equation with all terms, on one grid."""
    shape, batch = (7, 12, 10)[-ndim:], 2
    spacing = np.tile((1.4, 0.8, 1.1)[-ndim:], (batch, 1)).astype(dtype)
    phi = ball(shape, spacing[0], (np.array(shape) - 1) / 2 * spacing[0], 3.0) + 0.1 * rng.normal(size=shape)
    sizes = {"speed": 1, "velocity": ndim, "curvature_weight": 1}
    fields = {name: rng.uniform(-1, 1, (batch, *shape, size)).astype(dtype) for name, size in sizes.items()}
    fields["curvature_weight"] = 0.2 * np.abs(fields["curvature_weight"])
    start = np.stack([phi, 0.7 * phi])[..., None].astype(dtype)
    dt = (time_step * np.array([1.0, 0.5])).astype(dtype)
    return Discretization(start, (Stage(fields, spacing, dt, steps, {**step, "dtype": dtype}),))


def plain(equation):
    """Returns phi after the steps of an equation on one grid, one after the other."""
    (stage,), phi = equation.stages, equation.phi
    step, dt = stage.make_step(), stage.time_step.reshape(-1, *(1,) * (phi.ndim - 1))
    for _ in range(stage.steps):
        phi = step(phi, dict(stage.fields), stage.spacing_mm, dt)
    return ops.convert_to_numpy(phi)


BOUNDARIES, DIFFERENCES = ("replicate", "periodic", "extrapolate"), ("first_order", "eno2", "weno5")
INTEGRATORS = ("euler", "tvd_rk2", "tvd_rk3")
KINDS = (("godunov", "float32"), ("osher_sethian", "float64"), ("osher_sethian", "float32"), ("godunov", "float64"))
SQUARE = [  # a Latin square: every pair of boundary, differences and integrator comes, each with all kinds of the rest
    (2, *KINDS[(b - d) % 3 + (b == d == 0) * 3], BOUNDARIES[b], DIFFERENCES[d], INTEGRATORS[(b + d) % 3], "central")
    for b, d in itertools.product(range(3), repeat=2)
]


@pytest.mark.parametrize(
    ("ndim", "scheme", "dtype", "boundary", "differences", "integrator", "curvature"),
    [
        *SQUARE,
        (2, "osher_sethian", "float32", "replicate", "first_order", "euler", "monotone"),
        (3, "godunov", "float64", "replicate", "first_order", "euler", "central"),
        (3, "osher_sethian", "float32", "periodic", "eno2", "tvd_rk2", "central"),
    ],
)
def test_every_discretization_is_its_steps_and_its_network(
    ndim, scheme, dtype, boundary, differences, integrator, curvature, rng
):
    names = {"scheme": scheme, "boundary": boundary, "differences": differences}
    equation = by_hand(rng, ndim, dtype, integrator=integrator, curvature=curvature, **names)
    expected, tolerance = plain(equation), 1e-12 if dtype == "float64" else 2e-5
    assert expected.dtype == dtype and np.abs(expected - equation.phi).max() > 0.05
    solved = equation.solve()
    assert solved.dtype == dtype
    np.testing.assert_allclose(solved, expected, atol=tolerance)
    network = ops.convert_to_numpy(from_solver(equation)({"phi_0": equation.phi}))
    assert network.dtype == dtype
    np.testing.assert_allclose(network, expected, atol=tolerance)


@pytest.mark.parametrize("scheme", ["godunov", "osher_sethian"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_solver_and_network_agree_for_every_scheme_boundary_and_dtype(ndim, dtype, boundary, scheme, eager, rng):
    equation = by_hand(rng, ndim, dtype, steps=2, scheme=scheme, boundary=boundary)
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    network = from_solver(equation)
    phi = ops.convert_to_numpy(network({"phi_0": equation.phi}))
    np.testing.assert_allclose(equation.solve(), phi, atol=tolerance)
    np.testing.assert_allclose(to_solver(network, {"phi_0": equation.phi}).solve(), phi, atol=tolerance)
    np.testing.assert_allclose(plain(equation), phi, atol=tolerance)


def test_stencils_that_have_learned_are_solved_with(rng):
    equation = by_hand(rng, learning="free")
    step = equation.stages[0].make_step()
    kernels = {name: layer.kernel + 0.1 * rng.normal(size=layer.kernel.shape)
               for name, layer in stencil_layers(step).items()}  # fmt: skip
    kernels = {name: np.float32(kernel) for name, kernel in kernels.items()}
    learned = Discretization(equation.phi, (dataclasses.replace(equation.stages[0], kernels=kernels),))
    assert np.abs(learned.solve() - equation.solve()).max() > 0.01
    np.testing.assert_allclose(learned.solve(), plain(learned), atol=1e-5)
    np.testing.assert_allclose(from_solver(learned)({"phi_0": learned.phi}), plain(learned), atol=1e-5)


def test_coefficients_that_are_the_same_everywhere_need_no_map(rng):
    equation = by_hand(rng)
    fields = {"speed": np.full((1, 1, 1, 1), 0.7, np.float32)}
    constant = Discretization(equation.phi, (dataclasses.replace(equation.stages[0], fields=fields),))
    np.testing.assert_allclose(constant.solve(), plain(constant), atol=1e-5)
    np.testing.assert_allclose(from_solver(constant)({"phi_0": constant.phi}), plain(constant), atol=1e-5)


def test_a_discretization_is_what_solve_does_with_its_coefficients(rng):
    equation = by_hand(rng, steps=3)
    (stage,) = equation.stages
    stopping = Stopping(max_steps=3, check_every=3, seconds=1e9, frame_share=None, rms_mm=0.0, max_mm=0.0)
    solution = solve(equation.phi, stage.fields, stage.spacing_mm, stopping=stopping, cfl=0.5)
    same = dataclasses.replace(stage, time_step=np.float32(solution.seconds / 3))
    np.testing.assert_allclose(solution.phi, Discretization(equation.phi, (same,)).solve(), atol=1e-5)


@pytest.mark.parametrize("trainable", [False, True])
def test_coefficients_and_stencils_can_be_learned_if_wanted(trainable, rng):
    model = from_solver(by_hand(rng, learning="consistent"), trainable=trainable)
    names = {weight.name for weight in model.trainable_variables}
    assert names == ({"speed", "velocity", "curvature_weight", "kernel"} if trainable else set())


def test_gradients_flow_to_every_coefficient_and_are_finite(rng):
    import tensorflow as tf

    equation = by_hand(rng, learning="free")
    model = from_solver(equation, trainable=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model({"phi_0": equation.phi}) - equation.phi) ** 2)
    weights = model.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(loss, [w.value for w in weights]), strict=True):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, weight.path


def test_a_speed_map_is_learned_from_where_its_front_ends(rng):
    equation = by_hand(rng, time_step=0.3)
    target = equation.solve()
    (stage,) = equation.stages
    blind = dataclasses.replace(stage, fields={**stage.fields, "speed": np.zeros_like(stage.fields["speed"])})
    model = from_solver(Discretization(equation.phi, (blind,)), trainable=True)
    model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=False)
    losses = model.fit({"phi_0": equation.phi}, target, batch_size=2, epochs=25, shuffle=False, verbose=0).history[
        "loss"
    ]
    assert losses[-1] < 0.3 * losses[0]


def test_for_any_weights_1500_steps_of_a_network_with_monotone_curvature_keep_the_bounds_of_phi(rng):
    model = LevelSetNetwork((-100.0, 400.0), width=4, scales=1, steps=1500, curvature="monotone", transport=True)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    images = {"image": 200 * rng.normal(size=(2, 16, 20, 1)), "spacing": [[0.7, 0.9], [1.1, 0.8]]}
    network = to_solver(model, {name: np.asarray(value, np.float32) for name, value in images.items()})
    rough = 10 * rng.normal(size=network.phi.shape).astype(np.float32)
    phi = network.solve(rough)
    for before, after in zip(rough, phi, strict=True):
        assert before.min() <= after.min() and after.max() <= before.max()
    assert np.abs(phi - rough).max() > 1  # it has moved
