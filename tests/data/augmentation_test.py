"""Augmentation: nothing happens where nothing is drawn, the mask follows the image, equal draws give equal slices."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from lsn_tf.compilation import compiled
from lsn_tf.data import augmentation
from lsn_tf.data.augmentation import AIR_HU, IDENTITY, augment

HEIGHT, WIDTH = 48, 64


def draws_with(slices: int = 1, **values: float | np.ndarray) -> np.ndarray:
    """Returns draws that change nothing but what is named."""
    draws = np.tile(np.array(list(IDENTITY.values()), np.float32), (slices, 1))
    for name, value in values.items():
        draws[:, list(IDENTITY).index(name)] = value
    return draws


def augmented(image: np.ndarray, mask: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.asarray(array) for array in augment(image, mask, draws))


@pytest.fixture
def image(rng) -> np.ndarray:
    return rng.integers(-1000, 1500, (8, HEIGHT, WIDTH, 1)).astype(np.float32)


@pytest.fixture
def disc() -> np.ndarray:
    """The mask of a disc, left of the middle of each of eight slices."""
    y, x = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), indexing="ij")
    disc = ((y - 22) ** 2 + (x - 20) ** 2 < 10**2).astype(np.float32)
    return np.repeat(disc[None, ..., None], 8, axis=0)


@pytest.mark.parametrize("function", [augment, compiled(augment)], ids=["eager", "compiled"])
def test_draws_that_change_nothing_leave_image_and_mask_exactly_as_they_are(image, disc, function):
    same_image, same_mask = function(image, disc, draws_with(8))
    np.testing.assert_array_equal(same_image, image)
    np.testing.assert_array_equal(same_mask, disc)


def test_whole_pixels_of_shift_move_image_and_mask_exactly(image, disc):
    down, right = 3, -2  # pixels from which each pixel takes its value
    shift = {
        "shift_y": 0.5 + down / HEIGHT / (2 * augmentation.MAX_SHIFT),
        "shift_x": 0.5 + right / WIDTH / (2 * augmentation.MAX_SHIFT),
    }
    moved_image, moved_mask = augmented(image, disc, draws_with(8, **shift))
    np.testing.assert_allclose(moved_image[:, :-3, 2:], image[:, 3:, :-2], atol=0.05)
    np.testing.assert_allclose(moved_mask[:, :-3, 2:], disc[:, 3:, :-2], atol=1e-4)
    np.testing.assert_allclose(moved_image[:, -3:], AIR_HU, atol=0.05)
    np.testing.assert_allclose(moved_mask[:, :, :2], 0, atol=1e-4)


def test_the_mask_moves_with_the_image(rng, disc):
    draws = augmentation.draw(rng, 8)
    draws[:, list(IDENTITY).index("negative")] = 1.0
    image, mask = augmented(2000.0 * disc, disc, draws)
    bright, inside = image > 1000, mask > 0.5
    assert 2 * (bright & inside).sum() / (bright.sum() + inside.sum()) > 0.98
    assert np.ptp([np.argwhere(m[..., 0]).mean(axis=0) for m in inside], axis=0).min() > 2


def bent(rng, slices: int = 8, **values: float) -> np.ndarray:
    """Returns draws that bend slices, and change nothing else but what is named."""
    waves = [name for name in IDENTITY if name.startswith(augmentation.WAVES)]
    return draws_with(slices, bend=1.0, **{name: rng.random(slices) for name in waves}, **values)


def sources(draws: np.ndarray, side: int) -> np.ndarray:
    """Returns from where each pixel takes its value, (axis, slice, y, x), by augmenting the coordinates themselves."""
    coordinates = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij")).astype(np.float32)
    images = [np.tile(axis[None, ..., None], (len(draws), 1, 1, 1)) for axis in coordinates]
    return np.stack([augmented(image, np.zeros_like(image), draws)[0][..., 0] for image in images])


def test_bending_moves_no_pixel_by_more_than_the_height_of_its_waves(rng):
    side, reach = 64, len(augmentation.WAVES) * augmentation.MAX_BEND * 64
    far = int(reach) + 1  # from where nothing comes from beyond the frame
    moved = sources(bent(rng), side)[:, :, far:-far, far:-far] - sources(draws_with(8), side)[:, :, far:-far, far:-far]
    assert np.abs(moved).max() <= reach + 1e-3
    assert (np.abs(moved).max(axis=(2, 3)) > 0.25 * reach).all()  # y and x of each slice


def test_a_wave_is_a_plane_wave_of_the_drawn_direction_length_and_phase():
    side, along_x, phase = 64, 0.0, 0.25  # a direction of 0 is along x
    wave = {"first_y_direction": along_x, "first_y_length": 1.0, "first_y_phase": phase, "second_y_phase": 0.5}
    still = {"second_y_direction": 0.25, "first_x_length": 1.0, "second_x_length": 1.0, "second_x_phase": 0.5}
    y, x = sources(draws_with(1, bend=1.0, **wave, **still, second_y_length=1.0), side)[:, 0]
    rows, columns = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    height = augmentation.MAX_BEND * side
    wanted = np.cos(2 * np.pi * columns / side) - np.sin(2 * np.pi * rows / side)  # the second one runs along y
    inner = slice(5, -5)
    np.testing.assert_allclose((y - rows)[inner, inner], height * wanted[inner, inner], atol=1e-3)
    np.testing.assert_allclose((x - columns)[inner, inner], 0.0, atol=1e-3)  # two waves that cancel


def test_no_slice_is_folded(rng):
    draws = draws_with(512, bend=1.0)
    for name in ("rotation", "zoom", *(name for name in IDENTITY if name.startswith(augmentation.WAVES))):
        draws[:, list(IDENTITY).index(name)] = rng.random(512)
    y, x = sources(draws, 48)[:, :, 14:-14, 14:-14]  # away from the air beyond the frame
    (y_y, y_x), (x_y, x_x) = np.gradient(y, axis=(1, 2)), np.gradient(x, axis=(1, 2))
    assert (y_y * x_x - y_x * x_y).min() > 0.05  # the Jacobian determinant


@pytest.mark.parametrize("distance", [0.0, 0.25, 0.9], ids=["moved by half", "moved further", "not moved"])
def test_a_negative_has_an_empty_mask_and_air_where_its_target_was(rng, image, disc, distance):
    negative = {"negative": 0.05, "direction": rng.random(8), "distance": distance, "rotation": rng.random(8)}
    changed, mask = augmented(image, disc, draws_with(8, **negative))
    assert not mask.any()
    assert ((changed > AIR_HU + 1).mean(axis=(1, 2, 3)) < (image > AIR_HU + 1).mean(axis=(1, 2, 3)) - 0.1).all()


def test_a_negative_that_is_not_moved_keeps_what_lies_before_its_target(image, disc):
    """Direction 0 is along x: everything from the disc's left edge on is air."""
    edge = np.argwhere(disc[0, ..., 0])[:, 1].min()
    changed, _ = augmented(image, disc, draws_with(8, negative=0.0, direction=0.0, distance=0.9))
    np.testing.assert_array_equal(changed[:, :, :edge], image[:, :, :edge])
    assert (changed[:, :, edge:] == AIR_HU).all()


def test_a_slice_without_a_target_has_nothing_to_lose(image, disc):
    changed, mask = augmented(image, 0 * disc, draws_with(8, negative=0.0, distance=0.9))
    np.testing.assert_array_equal(changed, image)
    assert not mask.any()


def test_a_border_is_air_without_target_and_inside_it_nothing_changes(image):
    full = np.ones_like(image)
    border = {"border": 0.0, "top": 0.5, "right": 1.0}
    changed, mask = augmented(image, full, draws_with(8, **border))
    top, right = round(HEIGHT * augmentation.MAX_BORDER / 2), round(WIDTH * augmentation.MAX_BORDER)
    inside = np.zeros((1, HEIGHT, WIDTH, 1), bool)
    inside[:, top:, :-right] = True
    np.testing.assert_array_equal(changed, np.where(inside, image, AIR_HU))
    np.testing.assert_array_equal(mask, np.broadcast_to(inside, mask.shape))


def test_noise_has_the_drawn_deviation_and_differs_from_slice_to_slice(rng):
    flat = np.zeros((4, 128, 128, 1), np.float32)
    noisy, _ = augmented(flat, flat, draws_with(4, noise=[0.2, 0.4, 0.6, 1.0], noise_start=rng.random(4)))
    np.testing.assert_allclose(noisy.std(axis=(1, 2, 3)), [3, 6, 9, 15], rtol=0.03)
    np.testing.assert_allclose(noisy.mean(axis=(1, 2, 3)), 0, atol=0.5)
    assert abs(np.corrcoef(noisy.reshape(4, -1)) - np.eye(4)).max() < 0.03


def test_blur_of_full_weight_is_the_mean_over_nine_pixels(image):
    blurred, _ = augmented(image, image, draws_with(8, blur=1.0))
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), axis=(1, 2)).mean(axis=(-2, -1))
    np.testing.assert_allclose(blurred[:, 1:-1, 1:-1], windows, atol=1e-2)
    halfway, _ = augmented(image, image, draws_with(8, blur=0.5))
    np.testing.assert_allclose(halfway, (image + blurred) / 2, atol=1e-2)


def test_blur_leaves_what_is_flat():
    flat = np.full((1, 8, 8, 1), 77.0, np.float32)
    np.testing.assert_allclose(augmented(flat, flat, draws_with(blur=1.0))[0], flat, rtol=1e-6)


def test_contrast_and_intensity_shift_reach_what_their_constants_say(image, disc):
    brighter, _ = augmented(image, disc, draws_with(8, contrast=1.0, intensity_shift=0.0))
    expected = image * (1 + augmentation.MAX_CONTRAST) - augmentation.MAX_INTENSITY_SHIFT_HU
    np.testing.assert_allclose(brighter, expected, rtol=1e-5, atol=1e-3)


def test_a_dark_target_is_darker_and_all_else_stays(image, disc):
    image = image + np.linspace(-300, 300, 8, dtype=np.float32)[:, None, None, None]
    changed, mask = augmented(image, disc, draws_with(8, dark=0.05, darkening=0.5))
    mean = (image * disc).sum((1, 2, 3), keepdims=True) / disc.sum((1, 2, 3), keepdims=True)
    assert mean.max() > augmentation.DARKEST_HU > mean.min()
    darkening = 0.5 * np.maximum(mean - augmentation.DARKEST_HU, 0)
    np.testing.assert_allclose(changed, image - darkening * disc, atol=1e-3)
    np.testing.assert_array_equal(mask, disc)


def test_negatives_borders_and_dark_targets_are_as_frequent_as_their_constants_say(rng):
    draws = augmentation.draw(rng, 40_000)
    shares = {
        "negative": augmentation.NEGATIVE_SHARE,
        "border": augmentation.BORDER_SHARE,
        "dark": augmentation.DARK_SHARE,
    }
    for name, share in shares.items():
        assert (draws[:, list(IDENTITY).index(name)] < share).mean() == pytest.approx(share, abs=0.01)


ANSWER = """
import sys, numpy as np
from lsn_tf.compilation import compiled
from lsn_tf.data.augmentation import augment
given = np.load(sys.argv[1])
image, mask = compiled(augment)(given["image"], given["mask"], given["draws"])
np.savez(sys.argv[2], image=np.asarray(image), mask=np.asarray(mask))
assert "tensorflow" not in sys.modules
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_equal_draws_give_equal_slices_on_jax(rng, image, disc, tmp_path):
    """Intensities as a share of 1000 HU, masks as they are."""
    draws = augmentation.draw(rng, 8)
    draws[:3, list(IDENTITY).index("negative")] = 0.0
    draws[2:5, list(IDENTITY).index("border")] = 0.0
    draws[4:7, list(IDENTITY).index("dark")] = 0.0
    np.savez(tmp_path / "given.npz", image=image, mask=disc, draws=draws)
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(sys.path)}
    files = [str(tmp_path / name) for name in ("given.npz", "answer.npz")]
    subprocess.run([sys.executable, "-c", ANSWER, *files], env=environment, check=True)
    here, there = compiled(augment)(image, disc, draws), np.load(files[1])
    np.testing.assert_allclose(here[0] / 1000, there["image"] / 1000, atol=1e-4)
    np.testing.assert_allclose(here[1], there["mask"], atol=1e-4)
    assert np.ptp(there["image"]) > 1000 and 0 < there["mask"].mean() < disc.mean()
