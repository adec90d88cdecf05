"""A model for images of any size answers on the image's grid, and its own grid passes unchanged."""

import keras
import numpy as np
import pytest

from lsn_tf.models import AnySize, LevelSetNetwork, UNet

WINDOW = (-100.0, 400.0)
SPACING = np.float32([[0.7, 0.9]])


@pytest.fixture(scope="module")
def solver():
    return LevelSetNetwork(WINDOW, width=0, scales=3, steps=2, balloon=1.0)


def inputs(rng, height, width, spacing=SPACING):
    return {"image": (300 * rng.normal(size=(1, height, width, 1))).astype(np.float32), "spacing": spacing}


def test_an_image_on_the_model_s_own_grid_passes_unchanged(solver, rng):
    own = inputs(rng, 16, 16)
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(own)) for m in (AnySize(solver, 16), solver)))


def test_what_lies_beyond_the_window_counts_as_its_end(solver, rng):
    """So what is a hundred times as dark as air beside the body changes nothing, on any grid."""
    given = inputs(rng, 64, 48)
    clipped = {**given, "image": np.clip(given["image"], *WINDOW)}
    assert (clipped["image"] != given["image"]).mean() > 0.3
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(AnySize(solver, 16)(x)) for x in (given, clipped)))


@pytest.mark.parametrize("size", [(33, 50), (50, 33), (16, 16), (7, 9), (64, 20)], ids=str)
def test_phi_is_on_the_grid_of_the_image_and_finite(solver, size, rng):
    phi = keras.ops.convert_to_numpy(AnySize(solver, 16)(inputs(rng, *size)))
    assert phi.shape == (1, *size, 1) and np.isfinite(phi).all()


@pytest.mark.parametrize("size", [(512, 512), (512, 256), (90, 160), (400, 10), (7, 9)], ids=str)
def test_every_image_is_brought_to_the_square_grid_with_pixels_of_one_scale(solver, size, rng):
    on_grid = AnySize(solver, 16).grid_inputs(inputs(rng, *size))
    assert on_grid["image"].shape == (1, 16, 16, 1)
    np.testing.assert_allclose(on_grid["spacing"], SPACING * max(size) / 16, rtol=1e-6)


@pytest.mark.parametrize("size", [(33, 50), (50, 33), (64, 20), (9, 16)], ids=str)
def test_beside_the_shorter_side_lies_air(solver, size, rng):
    """An image is segmented as the square is that has it in the middle of air, bit for bit."""
    given, model = inputs(rng, *size), AnySize(solver, 16)
    above, left = ((max(size) - length) // 2 for length in size)
    square = np.full((1, max(size), max(size), 1), -1000, np.float32)
    middle = np.s_[:, above : above + size[0], left : left + size[1]]
    square[middle] = given["image"]
    phi, phi_of_square = (keras.ops.convert_to_numpy(model({**given, "image": x})) for x in (given["image"], square))
    np.testing.assert_array_equal(phi, phi_of_square[middle])


@pytest.mark.parametrize("factor", [2, 3])
def test_the_spacing_follows_so_that_phi_remains_in_mm(solver, factor):
    """On a flat image the same field of view gives the same phi, in mm, from a finer grid."""
    coarse, fine = (np.zeros((1, 16 * n, 16 * n, 1), np.float32) for n in (1, factor))
    phi = AnySize(solver, 16)({"image": coarse, "spacing": SPACING})
    finer = keras.ops.convert_to_numpy(AnySize(solver, 16)({"image": fine, "spacing": SPACING / factor}))
    averaged = finer.reshape(1, 16, factor, 16, factor, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(averaged, phi, atol=0.45)  # half a pixel


def test_a_given_contour_is_brought_to_the_grid_and_back(rng):
    """A front that stays where it is: phi is what was given, but for what the coarser grid cannot hold."""
    still = LevelSetNetwork(WINDOW, width=0, scales=1, steps=1, initial_contour="given", smoothing=0.0)
    given = inputs(rng, 32, 48)
    y, x = np.meshgrid(np.arange(32), np.arange(48), indexing="ij")
    phi_0 = (0.3 * y - 0.2 * x).astype(np.float32)[None, ..., None]
    phi = keras.ops.convert_to_numpy(AnySize(still, 24)({**given, "phi_0": phi_0}))
    np.testing.assert_allclose(phi[:, 1:-1, 1:-1], phi_0[:, 1:-1, 1:-1], atol=1e-4)


def test_transposing_the_image_transposes_the_grid(solver, rng):
    model, image = AnySize(solver, 16), inputs(rng, 33, 50)
    turned = {"image": image["image"].transpose(0, 2, 1, 3), "spacing": SPACING[:, ::-1]}
    solver.get_layer("initial_contour").centre = (0.4, 0.4)
    phi, phi_turned = (keras.ops.convert_to_numpy(model(i)) for i in (image, turned))
    np.testing.assert_allclose(phi_turned.transpose(0, 2, 1, 3), phi, rtol=1e-3, atol=1e-3)


def test_predict_takes_sizes_that_change_from_call_to_call(rng):
    model = AnySize(UNet(WINDOW, filters=(2, 2)), 8)
    for size in [(8, 8), (13, 9)]:
        assert model.predict(inputs(rng, *size), verbose=0).shape == (1, *size, 1)


@pytest.mark.parametrize("sizes", [((20, 24), (30, 24), (25, 24)), ((24, 20), (24, 30), (24, 25))], ids=str)
def test_predict_takes_sizes_that_change_along_one_axis_alone(sizes, rng):
    model = AnySize(UNet(WINDOW, filters=(2, 2, 2)), 16)
    for size in sizes:
        assert model.predict(inputs(rng, *size), verbose=0).shape == (1, *size, 1)


@pytest.mark.parametrize("image_size", [0, -16, 18])
def test_a_grid_that_the_model_cannot_halve_is_refused(solver, image_size):
    with pytest.raises(ValueError, match=f"positive multiple of 4 for lsn. Received {image_size}"):
        AnySize(solver, image_size)
