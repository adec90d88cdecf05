"""The network at initialisation is the classical solver, and the solver keeps the symmetries of its equation."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.layers import Refine
from lsn_tf.layers.stencil_conv import LEARNING
from lsn_tf.models import LevelSetNetwork
from lsn_tf.numerics.level_sets import ball, from_seed_points, inside

WINDOW = (-100.0, 400.0)
SMALL = {"scales": 2, "steps": 3, "balloon": 1.0}


def images(rng, batch=1, shape=(16, 20)):
    """Returns a batch of random HU and of spacings that are not square and differ from slice to slice."""
    image = (300 * rng.normal(size=(batch, *shape, 1))).astype(np.float32)
    return {"image": image, "spacing": rng.uniform(0.5, 2.0, (batch, 2)).astype(np.float32)}


def solve(model, inputs):
    return keras.ops.convert_to_numpy(model(inputs))


def small(**arguments):
    return LevelSetNetwork(WINDOW, **SMALL | {"width": 0} | arguments)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"tied": False}, {"transport": True}, {"tied": False, "transport": True, "learning": "free"}],
    ids=["tied", "untied", "transport", "all"],
)
def test_the_network_at_initialisation_is_the_classical_solver_bit_for_bit(arguments, rng):
    inputs = images(rng)
    classical, network = small(), small(width=8, **arguments)
    assert network.count_params() > classical.count_params()
    np.testing.assert_array_equal(solve(network, inputs), solve(classical, inputs))


def test_all_rungs_of_the_ladder_start_as_one_model_bit_for_bit(rng):
    inputs, models = images(rng), [small(learning=learning) for learning in LEARNING]
    assert models[0].count_params() < models[1].count_params() == models[2].count_params()
    frozen, consistent, free = (solve(model, inputs) for model in models)
    np.testing.assert_array_equal(frozen, consistent)
    np.testing.assert_array_equal(frozen, free)


@pytest.mark.parametrize("width", [0, 8], ids=["lse", "lsn"])
@pytest.mark.parametrize("scheme", ["godunov", "osher_sethian"])
def test_transposing_image_and_spacing_transposes_phi(width, scheme, rng):
    """With an initial contour on the diagonal; that of the presets is not, since the liver is not."""
    model, inputs = small(width=width, scheme=scheme), images(rng)
    model.get_layer("initial_contour").centre = (0.4, 0.4)
    turned = {"image": inputs["image"].transpose(0, 2, 1, 3), "spacing": inputs["spacing"][:, ::-1]}
    phi = solve(model, inputs)
    np.testing.assert_allclose(solve(model, turned).transpose(0, 2, 1, 3), phi, rtol=1e-3, atol=1e-3)


def test_swapping_the_spacing_alone_does_not(rng):
    model, inputs = small(), images(rng)
    swapped = inputs | {"spacing": inputs["spacing"][:, ::-1]}
    assert np.abs(solve(model, swapped) - solve(model, inputs)).max() > 0.1


@pytest.mark.parametrize("width", [0, 8], ids=["lse", "lsn"])
def test_a_slice_alone_is_the_same_slice_in_a_batch(width, rng):
    model, inputs = small(width=width), images(rng, batch=3)
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    together = solve(model, inputs)
    for n in range(3):
        alone = solve(model, {name: value[n : n + 1] for name, value in inputs.items()})
        np.testing.assert_allclose(alone[0], together[n], rtol=1e-5, atol=1e-5)


def test_lengths_in_mm_scale_with_the_pixel_size():
    """The equation without an image has no length of its own: pixels twice as large give twice the phi."""
    model, image = small(), np.zeros((1, 16, 20, 1), np.float32)
    phi, larger = (solve(model, {"image": image, "spacing": h * np.float32([[0.7, 0.9]])}) for h in (1, 2))
    np.testing.assert_allclose(larger, 2 * phi, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scales", [1, 2])
def test_without_edges_the_front_expands_by_the_time_steps_of_all_scales(scales):
    model, spacing = small(scales=scales, smoothing=0.0), np.float32([[1.0, 1.0]])
    phi = solve(model, {"image": np.zeros((1, 40, 40, 1), np.float32), "spacing": spacing})[0, ..., 0]
    centre = [0.45 * 40 - 0.5, 0.35 * 40 - 0.5]
    expansion = 3 * 0.45 * sum(2**level for level in range(scales))  # dt = 0.9 / (1 / dy + 1 / dx), |V| = 1
    exact = ball((40, 40), (1, 1), centre, 0.15 * 40 + expansion)
    assert np.abs(phi - exact)[np.abs(exact) < 2].max() < 0.5


def test_every_grid_makes_its_own_number_of_steps_the_coarsest_first(rng):
    inputs = images(rng)
    model = small(steps=(5, 2))
    assert [evolution.steps for evolution in model.evolutions] == [5, 2]
    np.testing.assert_array_equal(solve(small(steps=3), inputs), solve(small(steps=(3, 3)), inputs))
    with pytest.raises(ValueError, match="one for each of 2 scales. Received \\(1, 2, 3\\)"):
        small(steps=(1, 2, 3))


def test_only_the_finest_front_goes_on_and_only_in_use(rng):
    model, inputs = small(steps=(2, 3), further_steps=4), images(rng)
    assert [evolution.steps_in_use for evolution in model.evolutions] == [2, 7]
    np.testing.assert_array_equal(solve(model, inputs), solve(small(steps=(2, 7)), inputs))
    trained = keras.ops.convert_to_numpy(model(inputs, training=True))
    np.testing.assert_array_equal(trained, solve(small(steps=(2, 3)), inputs))


def test_a_network_may_see_coarser_grids_than_the_equation_has(rng):
    """The field of view of the coefficients grows with its depth, and the divisor of the image's size."""
    shallow, deep = (small(width=2, depth=depth) for depth in (None, 4))
    assert (shallow.divisor, deep.divisor) == (2, 8)
    assert [evolution.name for evolution in deep.evolutions] == [evolution.name for evolution in shallow.evolutions]
    image = np.zeros((1, 64, 64, 1), np.float32)
    inputs = {"image": image, "spacing": np.ones((1, 2), np.float32)}
    for model, seen in ((shallow, False), (deep, True)):
        for weight in model.trainable_weights:
            weight.assign(0.3 * np.random.default_rng(0).normal(size=weight.shape))
        fields = keras.Model(model.inputs, model.equations[-1]["fields"]["speed"])
        flat = np.asarray(fields(inputs))
        far = {**inputs, "image": image.copy()}
        far["image"][0, :, 44:] = 300.0
        assert np.any(np.asarray(fields(far))[0, :, 31] != flat[0, :, 31]) == seen


@pytest.mark.parametrize("block", ["convolutions", "finite_differences"])
def test_whatever_the_network_is_made_of_it_starts_as_the_classical_solver(block, rng):
    inputs = images(rng)
    np.testing.assert_array_equal(solve(small(width=4, block=block), inputs), solve(small(), inputs))
    with pytest.raises(ValueError, match="block must be one of"):
        small(width=4, block="attention")


def test_every_grid_of_the_network_has_its_own_width_the_finest_first(rng):
    model, inputs = small(width=(2, 3, 4, 5)), images(rng, shape=(32, 48))
    kernels = {name: model.get_layer(f"{name}_conv").kernel.shape[-1] for name in ("encoder_0", "decoder_2", "bottom")}
    assert kernels == {"encoder_0": 2, "decoder_2": 4, "bottom": 5}
    np.testing.assert_array_equal(solve(model, inputs), solve(small(), inputs))


def test_one_number_and_as_many_equal_widths_are_the_same_network():
    assert small(width=8).count_params() == small(width=(8, 8)).count_params()


def test_without_edges_the_coefficients_do_not_depend_on_the_image(rng):
    model = small(edges="none")
    fields = keras.Model(model.inputs, model.equations[-1]["fields"])(images(rng))
    np.testing.assert_array_equal(fields["speed"], np.ones((1, 16, 20, 1)))


def test_the_classical_solver_finds_a_bright_disc():
    spacing, centre, radius = (1.0, 1.25), (14.0, 14.0), 9.0
    disc = ball((32, 32), spacing, centre, radius)
    image = np.where(disc < 0, 200.0, -50.0)[None, ..., None].astype(np.float32)
    model = small(scales=1, steps=60, balloon=1.0, attraction=2.0)
    found = inside(solve(model, {"image": image, "spacing": np.float32([spacing])}))[0, ..., 0]
    overlap = 2 * (found & inside(disc)).sum() / (found.sum() + inside(disc).sum())
    assert overlap > 0.9


def test_all_arguments_are_in_the_configuration():
    arguments = {
        "window": (0.0, 1.0),
        "width": 2,
        "depth": 3,
        "block": "convolutions",
        "scales": 1,
        "steps": (2,),
        "further_steps": 0,
        "time_step": 0.25,
        "cfl": 0.5,
        "tied": False,
    }
    arguments |= {
        "transport": True,
        "learning": "free",
        "scheme": "osher_sethian",
        "edges": "learned",
        "balloon": 2.0,
        "curvature": "monotone",
    }
    arguments |= {"initial_contour": "given", "attraction": 3.0, "smoothing": 0.25, "name": "its_name"}
    assert set(arguments) == set(inspect.signature(LevelSetNetwork).parameters)
    assert LevelSetNetwork(**arguments).get_config() == arguments


def test_the_user_s_contour_takes_the_place_of_the_disc(rng):
    """Two circles around seeds far apart grow where they are; the same disc as a user's contour changes nothing."""
    inputs = images(rng, shape=(32, 32)) | {"spacing": np.ones((1, 2), np.float32)}
    disc = keras.ops.convert_to_numpy(small(scales=1).get_layer("initial_contour")(inputs["image"], inputs["spacing"]))
    given = small(scales=1, initial_contour="given")
    np.testing.assert_array_equal(solve(given, {**inputs, "phi_0": disc}), solve(small(scales=1), inputs))
    seeds = from_seed_points((32, 32), (1.0, 1.0), [(6, 6), (25, 25)], radius_mm=3.0)[None, ..., None]
    flat = {**inputs, "image": np.zeros((1, 32, 32, 1), np.float32), "phi_0": seeds.astype(np.float32)}
    grown = inside(solve(small(scales=1, initial_contour="given", steps=5), flat))[0, ..., 0]
    assert grown[6, 6] and grown[25, 25] and not grown[16, 16]
    assert grown.sum() > inside(seeds).sum()


@pytest.mark.parametrize("seed", [(150.0, 120.0), (201.0, 187.0), (199.0, 203.0)])
def test_a_user_s_click_outlives_the_coarsest_grid(seed):
    """A disc of 8 mm on pixels of 3 mm, and on 8 x 8 pixels of 50 mm, whose average would be outside."""
    spacing, shape = np.full((1, 2), 400 / 128, np.float32), (1, 128, 128, 1)
    click = from_seed_points(shape[1:3], spacing[0], [seed], radius_mm=8.0)[None, ..., None].astype(np.float32)
    inputs = {"image": np.zeros(shape, np.float32), "spacing": spacing, "phi_0": click}
    model = LevelSetNetwork(WINDOW, width=0, scales=5, steps=1, initial_contour="seed_point", edges="none", balloon=1.0)
    start = inside(solve(keras.Model(model.inputs, model.equations[0]["phi"]), inputs))[0, ..., 0]
    clicked = inside(click)[0, ..., 0].reshape(8, 16, 8, 16).any(axis=(1, 3))
    np.testing.assert_array_equal(start, clicked)
    grown = inside(solve(model, inputs))[0, ..., 0]
    assert grown[tuple(int(mm / spacing[0, 0]) for mm in seed)] and grown.sum() > inside(click).sum()


@pytest.mark.parametrize("kind", ["disc", "given", "seed_point"])
def test_a_model_says_which_contour_it_is_given(kind):
    assert small(initial_contour=kind).given_contour == (None if kind == "disc" else kind)


def test_coarse_to_fine_starts_from_the_mean_of_the_user_s_contour(rng):
    model = small(initial_contour="given", balloon=0.0, attraction=0.0, smoothing=0.0)
    phi = rng.normal(size=(1, 16, 20, 1)).astype(np.float32)
    coarse = phi.reshape(1, 8, 2, 10, 2, 1).mean(axis=(2, 4))
    expected = keras.ops.convert_to_numpy(Refine()(coarse))
    np.testing.assert_allclose(solve(model, {**images(rng), "phi_0": phi}), expected, atol=1e-5)


def certified(**arguments):
    """Returns a network all of whose terms are monotone, which starts from a given phi."""
    return small(width=4, curvature="diffusion", transport=True, initial_contour="given", **arguments)


def set_random(model, rng, size):
    for weight in model.trainable_weights:
        weight.assign(size * rng.normal(size=weight.shape))


def set_adversarial(model, inputs, one, other, rng):
    """Climbs towards weights that drive two level set functions apart."""
    set_random(model, rng, 0.5)
    optimizer = keras.optimizers.Adam(0.1)
    for _ in range(15):
        with tf.GradientTape() as tape:
            apart = model({**inputs, "phi_0": one}) - model({**inputs, "phi_0": other})
            loss = -tf.reduce_mean(apart**8)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights, strict=True)
        )


@pytest.mark.parametrize("weights", ["small", "large", "adversarial"])
@pytest.mark.parametrize(
    "arguments", [{}, {"tied": False}, {"scheme": "osher_sethian"}], ids=["tied", "untied", "osher"]
)
def test_whatever_its_weights_a_certified_network_keeps_order_and_bounds_and_drives_nothing_apart(
    arguments, weights, rng
):
    model, inputs = certified(**arguments), images(rng, batch=3)
    lower = (5 * rng.normal(size=inputs["image"].shape)).astype(np.float32)
    upper = lower + rng.exponential(1.0, lower.shape).astype(np.float32) * (rng.random(lower.shape) < 0.5)
    if weights == "adversarial":
        set_adversarial(model, inputs, lower, upper, rng)
    else:
        set_random(model, rng, {"small": 0.1, "large": 100.0}[weights])
    below, above = (solve(model, {**inputs, "phi_0": phi}) for phi in (lower, upper))
    rounding = 1e-5 * np.abs(lower).max()
    assert np.abs(below - solve(certified(**arguments), {**inputs, "phi_0": lower})).max() > 0.1  # these weights matter
    assert (below <= above + rounding).all()
    assert np.abs(above - below).max() <= np.abs(upper - lower).max() + rounding
    assert lower.min() - rounding <= below.min() and below.max() <= lower.max() + rounding


def test_a_network_with_central_curvature_does_not_keep_order(rng):
    """So the test above can fail: a bump on a plane along the diagonal pulls its neighbours down."""
    model, inputs = small(scales=1, steps=1, initial_contour="given", balloon=0.0, smoothing=5.0), images(rng)
    inputs["spacing"] = np.ones((1, 2), np.float32)
    lower = np.indices((16, 20)).sum(axis=0).astype(np.float32)[None, ..., None]
    upper = lower + (rng.random(lower.shape) < 0.05)
    below, above = (solve(model, {**inputs, "phi_0": phi}) for phi in (lower, upper))
    assert (below - above).max() > 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"initial_contour": "circle"}, "initial_contour"),
        ({"edges": "sobel"}, "edges"),
        ({"tied": False}, "tied"),
        ({"width": (4,)}, "width"),
        ({"width": (4, 8, 8, 8), "depth": 3}, "width"),
    ],
)
def test_an_impossible_model_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)


def test_mixed_precision_leaves_the_untrained_network_the_classical_solver(rng):
    inputs = images(rng)
    expected = solve(small(), inputs)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        np.testing.assert_array_equal(solve(small(width=8), inputs), expected)
    finally:
        keras.config.set_dtype_policy("float32")
