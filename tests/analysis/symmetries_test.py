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
    found, axes = [kernels], range(1, kernels.ndim)
    if symmetries.turns:
        found = [np.rot90(kernels, k, axes=(1, 2)) for k in range(4)]
        if kernels.ndim == 4:  # each of the six faces comes to the top, and is turned there
            tops = [np.rot90(kernels, k, axes=(1, 3)) for k in range(4)]
            tops += [np.rot90(kernels, k, axes=(2, 3)) for k in (1, 3)]
            found = [np.rot90(top, k, axes=(1, 2)) for top in tops for k in range(4)]
    if symmetries.mirrors:
        sets = [axis for count in range(kernels.ndim) for axis in itertools.combinations(axes, count)]
        found = [np.flip(image, axis) for image in found for axis in sets]
    return [sign * image for image in found for sign in ((1, -1) if symmetries.sign else (1,))]


@every_switch
@pytest.mark.parametrize("shape", [(3, 3), (5, 5), (3, 3, 3)], ids=str)
def test_every_image_has_the_same_canonical_form(symmetries, shape, rng):
    kernels = rng.normal(size=(200, *shape)).astype(np.float32)
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


@pytest.mark.parametrize(("turns", "mirrors", "count"), [(0, 0, 1), (1, 0, 24), (0, 1, 8), (1, 1, 48)])
def test_the_cube_has_48_symmetries_of_which_24_are_turns(turns, mirrors, count):
    symmetries = Symmetries(sign=False, turns=bool(turns), mirrors=bool(mirrors))
    permutations = symmetries.permutations((3, 3, 3))
    assert permutations.shape == (count, 27) and np.array_equal(permutations[0], np.arange(27))
    expected = {image.tobytes() for image in images(np.arange(27).reshape(1, 3, 3, 3), symmetries)}
    assert {row.tobytes() for row in permutations} == expected


def test_a_symmetry_that_is_off_tells_images_apart():
    sobel = next(entry.kernel for entry in named_kernels() if entry.name == "sobel_x")[None]
    apart = {
        "scale": (Symmetries(scale=False), 2 * sobel),
        "sign": (Symmetries(sign=False, turns=False, mirrors=False), -sobel),
        "turns": (Symmetries(turns=False), np.rot90(sobel, axes=(1, 2))),
    }
    for name, (symmetries, image) in apart.items():
        assert np.abs(canonical(image, symmetries) - canonical(sobel, symmetries)).max() > 0.1, name


@pytest.mark.parametrize("entry", [*named_kernels(), *named_kernels(3)], ids=lambda e: f"{e.name}-{e.kernel.ndim}")
def test_noise_moves_the_form_of_a_named_kernel_by_no_more_than_itself(entry, rng):
    kernel = entry.kernel / np.linalg.norm(entry.kernel)
    largest = {2: 0.1, 3: 0.06}[kernel.ndim]
    noise = rng.normal(size=(500, *kernel.shape)).reshape(500, -1)
    noise *= largest / np.linalg.norm(noise, axis=1, keepdims=True)
    moved = canonical(kernel + noise.reshape(500, *kernel.shape), ISOMETRIES) - canonical(kernel[None], ISOMETRIES)
    assert np.linalg.norm(moved.reshape(500, -1), axis=1).max() < largest + 1e-5


@pytest.mark.parametrize("ndim", [2, 3])
def test_no_noise_that_is_smaller_moves_the_form_to_another_chamber(ndim):
    """The distance of a named kernel to the walls between its canonical form and any other image, in closed form."""
    images_of = Symmetries(scale=False).permutations((3,) * ndim)
    template = reference((3,) * ndim).ravel()[np.argsort(images_of, axis=1)] / np.linalg.norm(reference((3,) * ndim))
    template = np.concatenate([template, -template])
    for entry in named_kernels(ndim):
        row = entry.kernel.ravel() / np.linalg.norm(entry.kernel)
        forms, scores = np.concatenate([row[images_of], -row[images_of]]), template @ row
        own = forms @ forms[scores.argmax()] > 1 - 1e-9
        apart = np.linalg.norm(template[own][:, None] - template[~own], axis=2)
        walls = (scores[own][:, None] - scores[~own]) / apart
        assert walls.max(axis=0).min() > {2: 0.1, 3: 0.06}[ndim], entry.name


def test_means_of_canonical_forms_are_canonical(rng):
    forms = canonical(rng.normal(size=(300, 3, 3)))
    means = (forms[:150] + forms[150:]) / 2
    np.testing.assert_allclose(canonical(means, ISOMETRIES), means, rtol=1e-6)


def test_a_kernel_of_zeros_stays(rng):
    assert not canonical(np.zeros((2, 3, 3))).any()


@pytest.mark.parametrize(("size", "count"), [(3, 16), (5, 16), (7, 16), ((3, 3, 3), 96)])
def test_the_reference_has_no_symmetry(size, count):
    found = np.array(images(reference(size)[None], ISOMETRIES))[:, 0]
    distances = [np.abs(a - b).max() for a, b in itertools.combinations(np.unique(found, axis=0), 2)]
    assert len(np.unique(found, axis=0)) == count and min(distances) > 0.1
