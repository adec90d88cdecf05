"""The published rule names what it knows, does not see scale, sign, turns and mirrors, and names noise all the same."""

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.published_rule import GRID, KNOWN, NONE, name_as_published, overall, published_names, spectra

NAMED = {entry.name: entry.kernel for entry in named_kernels()}
STACK = np.array([NAMED[name] for name in KNOWN])


def test_the_spectrum_of_the_laplacian_is_its_symbol():
    """|4 sin(a/2)**2 + 4 sin(b/2)**2| over its largest, 8."""
    a, b = np.meshgrid(*[2 * np.pi * np.arange(GRID) / GRID] * 2)
    symbol = np.sort(((np.sin(a / 2) ** 2 + np.sin(b / 2) ** 2) / 2).ravel())[::-1]
    np.testing.assert_allclose(spectra(NAMED["laplacian_5"][None])[0], symbol, atol=1e-6)


def test_spectra_are_singular_values_of_the_convolution(rng):
    """Of the matrix of a convolution with a kernel on a periodic grid, here built column by column."""
    kernel = rng.normal(size=(3, 3))
    columns = [
        sum(kernel[y, x] * np.roll(point, (y, x), (0, 1)) for y in range(3) for x in range(3)).ravel()
        for point in np.eye(GRID**2).reshape(-1, GRID, GRID)
    ]
    singular = np.sqrt(np.abs(np.linalg.eigvalsh(np.transpose(columns).T @ np.transpose(columns))[::-1]))
    np.testing.assert_allclose(spectra(kernel[None])[0], singular / singular[0], atol=1e-4)


@pytest.mark.parametrize("image", [lambda k: -3 * k, lambda k: np.rot90(k), lambda k: k.T, lambda k: k[::-1]])
def test_what_is_known_gets_its_own_name_as_all_its_images_do(image):
    assert published_names(np.array([image(kernel) for kernel in STACK])).tolist() == list(range(len(KNOWN)))


def test_the_first_differences_of_the_level_set_equation_have_no_name():
    """They vanish along whole lines of frequencies, and are near to none of the six; so is a kernel that is 0."""
    kernels = np.array([np.zeros((3, 3)), NAMED["central_x"], NAMED["backward_y"]])
    assert published_names(kernels).tolist() == [len(KNOWN)] * 3


def test_half_of_white_noise_is_laplacian_and_a_third_sharpen(rng):
    """As is known of the rule: 0.545 and 0.343 of i.i.d. normal kernels."""
    names = published_names(rng.normal(size=(2000, 3, 3)))
    shares = dict(zip((*KNOWN, NONE), np.bincount(names, minlength=len(KNOWN) + 1) / 2000, strict=True))
    assert shares["laplacian_5"] == pytest.approx(0.545, abs=0.04)
    assert shares["sharpen"] == pytest.approx(0.343, abs=0.04)


def test_of_many_large_layers_a_sample_is_named(rng):
    layers = {f"conv_{n}": rng.normal(size=(300, 3, 3)).astype(np.float32) for n in range(101)}
    tests = name_as_published(layers)
    assert {test.kernels for test in tests} == {200} and len(tests) == 101 * 7
    assert not [test for test in tests if test.q_value < 0.05]


def test_noise_makes_no_claim_and_a_layer_of_identities_does(rng):
    layers = {"noise": rng.normal(size=(300, 3, 3)), "points": NAMED["identity"] + 0.01 * rng.normal(size=(40, 3, 3))}
    tests = name_as_published(layers, {name: np.arange(len(kernels)) // 10 for name, kernels in layers.items()})
    assert [(test.layer, test.name) for test in tests if test.q_value < 0.05] == [("points", "identity")]
    assert sum(test.hits for test in tests if test.layer == "noise") == 300
    for test in tests:
        assert test.interval[0] <= test.share <= test.interval[1]
    shares = overall(tests, {"noise": 300, "points": 40})
    assert sum(share["share"] for share in shares.values()) == pytest.approx(1)
    assert sum(share["noise"] for share in shares.values()) == pytest.approx(1)
    of_points = next(test for test in tests if (test.layer, test.name) == ("points", "identity"))
    assert of_points.share == 1 and shares["identity"]["share"] >= 40 / 340
