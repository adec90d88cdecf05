"""Canonical forms are one for each orbit, are in the orbit, and do not jump where kernels have names."""

import itertools

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.symmetries import Symmetries, canonical, reference

ISOMETRIES = Symmetries(scale=False)
SWITCHES = [Symmetries(*on) for on in itertools.product([False, True], repeat=4)]
every_switch = pytest.mark.parametrize("symmetries", SWITCHES, ids=str)


def images(kernels, symmetries):
    """All images of kernels under the symmetries without scale, made from NumPy's own turns and mirrors."""
    found = [kernels]
    if symmetries.turns:
        found = [np.rot90(kernels, k, axes=(1, 2)) for k in range(4)]
    if symmetries.mirrors:
        found = [image[:, ::a, ::b] for image in found for a, b in itertools.product((1, -1), repeat=2)]
    return [sign * image for image in found for sign in ((1, -1) if symmetries.sign else (1,))]


@every_switch
@pytest.mark.parametrize("size", [3, 5])
def test_every_image_has_the_same_canonical_form(symmetries, size, rng):
    kernels = rng.normal(size=(200, size, size)).astype(np.float32)
    forms = canonical(kernels, symmetries)
    for image in images(kernels, symmetries):
        np.testing.assert_array_equal(canonical(image, symmetries), forms)  # to the last bit
        if symmetries.scale:
            np.testing.assert_allclose(canonical(3.7 * image, symmetries), forms, rtol=2e-6)


@every_switch
def test_the_canonical_form_is_an_image_of_the_kernel(symmetries, rng):
    kernels = rng.normal(size=(50, 3, 3)).astype(np.float32)
    if symmetries.scale:
        kernels /= np.linalg.norm(kernels, axis=(1, 2), keepdims=True)
    distances = [
        np.abs(image - canonical(kernels, symmetries)).max(axis=(1, 2)) for image in images(kernels, symmetries)
    ]
    assert np.min(distances, axis=0).max() < 1e-6


@every_switch
def test_a_canonical_form_is_its_own(symmetries, rng):
    forms = canonical(rng.normal(size=(200, 3, 3)), symmetries)
    np.testing.assert_allclose(canonical(forms, symmetries), forms, rtol=1e-6)


@pytest.mark.parametrize(("turns", "mirrors", "count"), [(0, 0, 1), (1, 0, 4), (0, 1, 4), (1, 1, 8)])
def test_the_square_has_eight_symmetries_of_which_four_are_turns(turns, mirrors, count):
    permutations = Symmetries(turns=bool(turns), mirrors=bool(mirrors)).permutations()
    assert permutations.shape == (count, 9) and np.array_equal(permutations[0], np.arange(9))
    assert len(np.unique(permutations, axis=0)) == count


def test_a_symmetry_that_is_off_tells_images_apart():
    sobel = next(entry.kernel for entry in named_kernels() if entry.name == "sobel_x")[None]
    apart = {
        "scale": (Symmetries(scale=False), 2 * sobel),
        "sign": (Symmetries(sign=False, turns=False, mirrors=False), -sobel),
        "turns": (Symmetries(turns=False), np.rot90(sobel, axes=(1, 2))),
    }
    for name, (symmetries, image) in apart.items():
        assert np.abs(canonical(image, symmetries) - canonical(sobel, symmetries)).max() > 0.1, name


@pytest.mark.parametrize("entry", named_kernels(), ids=lambda entry: entry.name)
def test_noise_moves_the_form_of_a_named_kernel_by_no_more_than_itself(entry, rng):
    kernel = entry.kernel / np.linalg.norm(entry.kernel)
    noise = rng.normal(size=(500, 3, 3))
    noise *= 0.1 / np.linalg.norm(noise, axis=(1, 2), keepdims=True)
    moved = canonical(kernel + noise, ISOMETRIES) - canonical(kernel[None], ISOMETRIES)
    assert np.linalg.norm(moved, axis=(1, 2)).max() < 0.1 + 1e-5


def test_means_of_canonical_forms_are_canonical(rng):
    forms = canonical(rng.normal(size=(300, 3, 3)))
    means = (forms[:150] + forms[150:]) / 2
    np.testing.assert_allclose(canonical(means, ISOMETRIES), means, rtol=1e-6)


def test_a_kernel_of_zeros_stays(rng):
    assert not canonical(np.zeros((2, 3, 3))).any()


@pytest.mark.parametrize("size", [3, 5, 7])
def test_the_reference_has_no_symmetry(size):
    found = np.array(images(reference(size)[None], ISOMETRIES))[:, 0]
    distances = [np.abs(a - b).max() for a, b in itertools.combinations(np.unique(found, axis=0), 2)]
    assert len(np.unique(found, axis=0)) == 16 and min(distances) > 0.1
