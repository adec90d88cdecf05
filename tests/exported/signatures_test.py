"""Volumes are their slices, an evolution is the solver's and keeps the order of contours, and nonsense is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.exported.signatures import signatures
from lsn_tf.models import AnySize, LevelSetNetwork, UNet
from lsn_tf.numerics.level_sets import ball, distance_to_pixels
from lsn_tf.solver.translation import Discretization, to_solver

WINDOW = (-100.0, 400.0)
SIDE, SPACING = 16, np.float32([0.7, 0.9])
MONOTONE = {"width": 2, "scales": 2, "steps": 2, "curvature": "diffusion", "edges": "none", "balloon": 2.0}


def network(**arguments) -> LevelSetNetwork:
    rng = np.random.default_rng(7)
    model = LevelSetNetwork(WINDOW, **MONOTONE | arguments)
    for weight in model.trainable_variables:
        change = weight + 0.1 * rng.normal(size=weight.shape)
        weight.assign(weight.constraint(change) if weight.constraint else change)
    return model


@pytest.fixture(scope="module")
def model() -> AnySize:
    return AnySize(network(), SIDE)


@pytest.fixture(scope="module")
def functions(model) -> dict:
    """The signatures by name, each traced when it is first called, on arrays."""

    def on_arrays(signature):
        traced = tf.function(signature.function, input_signature=signature.specs)

        def call(**arrays):
            tensors = [tf.constant(arrays[spec.name], spec.dtype) for spec in signature.specs]
            return {name: tensor.numpy() for name, tensor in traced(*tensors).items()}

        return call

    return {name: on_arrays(signature) for name, signature in signatures(model).items()}


def image(*shape, seed=0):
    return np.random.default_rng(seed).normal(50, 100, shape).astype(np.float32)


def start(height, width, radius=4.0):
    centre = 0.4 * np.array([height, width]) * SPACING
    return ball((height, width), SPACING, centre, radius).astype(np.float32)


def test_a_volume_is_its_slices_and_its_millilitres_are_its_mask(functions):
    scan = image(11, 20, 25)
    of_volume = functions["volume"](image=scan, spacing=[2.5, *SPACING])
    of_slices = functions["serving_default"](image=scan[..., None], spacing=np.tile(SPACING, (11, 1)))
    for name in ("phi", "probability", "mask"):
        np.testing.assert_allclose(of_volume[name], of_slices[name][..., 0], atol=1e-4)
    assert 0 < of_volume["mask"].sum() < of_volume["mask"].size
    np.testing.assert_allclose(of_volume["volume_ml"], of_volume["mask"].sum() * 2.5 * 0.7 * 0.9 / 1000, rtol=1e-6)


def test_a_volume_of_integers_is_that_of_the_same_numbers(functions):
    scan = image(3, 20, 25).astype(np.int16)
    np.testing.assert_array_equal(
        functions["volume_int16"](image=scan, spacing=[1, *SPACING])["phi"],
        functions["volume"](image=scan, spacing=[1, *SPACING])["phi"],
    )


def test_an_evolution_is_that_of_the_solver(model, functions):
    scan, phi_0 = image(SIDE, SIDE), start(SIDE, SIDE)
    inputs = {"image": scan[None, ..., None], "spacing": SPACING[None]}
    stage = to_solver(model.model, inputs).stages[-1]
    dt = float(stage.time_step[0])

    def after(phi, steps, share=1.0):
        part = dataclasses.replace(stage, steps=steps, time_step=np.float32(share) * stage.time_step)
        return Discretization(phi, (part,)).solve()

    first = phi_0[None, ..., None]
    halfway = after(after(first, 2), 1, share=0.5)
    found = functions["evolve"](image=scan, spacing=SPACING, phi_0=phi_0, times=[0.0, 2.5 * dt, 7 * dt])
    for phi, expected in zip(found["phi"], (first, halfway, after(first, 7)), strict=True):
        np.testing.assert_allclose(phi, expected[0, ..., 0], atol=1e-4)
    assert np.abs(found["phi"][2] - phi_0).max() > 0.5
    np.testing.assert_array_equal(found["mask"], found["phi"] < 0)
    np.testing.assert_allclose(found["seconds_of_the_model"], stage.steps * dt, rtol=1e-6)


def test_an_evolution_keeps_the_order_of_contours_on_any_grid(functions):
    scan, rng = image(20, 25), np.random.default_rng(3)
    outer = start(20, 25) + rng.normal(size=(20, 25))
    given = {"image": scan, "spacing": SPACING, "times": np.linspace(0, 5, 6)}
    before, after = (
        functions["evolve"](phi_0=phi_0, **given)["phi"] for phi_0 in (outer, outer + rng.uniform(0, 2, (20, 25)))
    )
    assert before.shape == (6, 20, 25)
    assert (before <= after + 1e-4).all() and np.abs(before[-1] - before[0]).max() > 1


def test_phi_at_a_time_does_not_depend_on_the_other_times(functions):
    given = {"image": image(20, 25), "spacing": SPACING, "phi_0": start(20, 25)}
    alone, among = (functions["evolve"](times=times, **given)["phi"][-1] for times in ([3.3], [0, 0.1, 1.7, 1.7, 3.3]))
    np.testing.assert_allclose(alone, among, atol=1e-5)


def test_a_mask_starts_as_its_signed_distance(functions):
    mask = start(20, 25) < 0
    given = {"image": image(20, 25), "spacing": SPACING, "times": [0, 2]}
    np.testing.assert_allclose(
        functions["evolve_mask"](mask=255 * mask.astype(np.uint8), **given)["phi"],
        functions["evolve"](phi_0=distance_to_pixels(mask, SPACING), **given)["phi"],
        atol=1e-4,
    )


SLICES = {"image": image(2, 20, 25, 1), "spacing": np.tile(SPACING, (2, 1))}
VOLUME = {"image": image(2, 20, 25), "spacing": [1, *SPACING]}
EVOLVE = {"image": image(20, 25), "spacing": SPACING, "phi_0": start(20, 25), "times": [1.0]}
MASK = {"image": image(20, 25), "spacing": SPACING, "mask": np.zeros((20, 25)), "times": [1.0]}


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        ("serving_default", SLICES | {"spacing": SPACING[None]}, "spacing must have a row for each slice"),
        ("serving_default", SLICES | {"spacing": np.zeros((2, 2))}, "spacing must be positive, mm"),
        ("serving_default", SLICES | {"image": image(0, 20, 25, 1), "spacing": np.ones((0, 2))}, "image must have pix"),
        ("serving_default", SLICES | {"image": np.full((2, 20, 25, 1), np.nan)}, "image must be finite"),
        ("volume", VOLUME | {"image": image(0, 20, 25)}, "image must have pixels"),
        ("volume", VOLUME | {"spacing": [-1, 1, 1]}, "spacing must be positive, mm"),
        ("volume", VOLUME | {"image": np.full((1, 5, 5), np.inf)}, "image must be finite"),
        ("evolve", EVOLVE | {"phi_0": start(25, 20)}, "phi_0 must have the shape of image"),
        ("evolve", EVOLVE | {"phi_0": np.full((20, 25), np.nan)}, "phi_0 must be finite"),
        ("evolve", EVOLVE | {"times": [2.0, 1.0]}, "times must be seconds in ascending order"),
        ("evolve", EVOLVE | {"times": [-1.0]}, "times must be seconds in ascending order"),
        ("evolve", EVOLVE | {"times": [1e9]}, "times must not exceed"),
        ("evolve", EVOLVE | {"times": []}, "times must hold 1 to 256 numbers"),
        ("evolve", EVOLVE | {"times": np.zeros(257)}, "times must hold 1 to 256 numbers"),
        ("evolve_mask", MASK, "mask must have pixels inside and outside"),
        ("evolve_mask", MASK | {"mask": np.ones((20, 25))}, "mask must have pixels inside and outside"),
    ],
)
def test_what_is_no_request_is_refused_in_words(functions, name, request_, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        functions[name](**request_)


@pytest.mark.parametrize(
    ("make", "missing"),
    [
        (lambda: UNet(WINDOW, (2, 2)), {"evolve", "evolve_mask"}),
        (lambda: network(tied=False), {"evolve", "evolve_mask"}),
        (lambda: network(initial_contour="given"), {"volume", "volume_int16"}),
        (lambda: network(width=0), set()),
    ],
    ids=["U-Net", "steps of their own", "given contour", "classical"],
)
def test_a_model_has_the_functions_that_make_sense_for_it(functions, make, missing):
    assert signatures(AnySize(make(), SIDE)).keys() == functions.keys() - missing
