"""The nearest named kernel is the one of the smallest angle under the symmetries, and every named kernel is its own."""

import itertools

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import NamedKernel, named_kernels
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.templates import family_similarities, make_templates, nearest

STACK = np.stack([entry.kernel for entry in named_kernels()])
SWITCHES = [Symmetries(*on) for on in itertools.product([False, True], repeat=4)]
NONE = Symmetries(scale=False, sign=False, turns=False, mirrors=False)


def slow_similarity(kernel, named, symmetries):
    """The definition, image by image."""
    turned = [np.rot90(named, k) for k in range(4 if symmetries.turns else 1)]
    if symmetries.mirrors:
        turned = [image[::a, ::b] for image in turned for a, b in itertools.product((1, -1), repeat=2)]
    products = [sign * np.sum(kernel * image) for image in turned for sign in ((1, -1) if symmetries.sign else (1,))]
    own, other = np.linalg.norm(kernel), np.linalg.norm(named)
    return max(products) / (own * other) if symmetries.scale else 2 * max(products) / (own**2 + other**2)


@pytest.mark.parametrize("symmetries", SWITCHES, ids=str)
def test_similarities_are_those_of_the_definition(symmetries, rng):
    kernels = rng.normal(size=(7, 3, 3))
    entries = named_kernels()
    index, similarity = nearest(kernels, templates := make_templates(entries, symmetries))
    expected = np.array([[slow_similarity(k, e.kernel, symmetries) for e in entries] for k in kernels])
    np.testing.assert_allclose(similarity, expected.max(axis=1), rtol=1e-5)
    assert [templates.names[i] for i in index] == [entries[j].name for j in expected.round(6).argmax(axis=1)]
    by_family = [expected[:, [e.family == family for e in entries]].max(axis=1) for family in templates.families]
    np.testing.assert_allclose(family_similarities(kernels, templates).T, by_family, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("symmetries", SWITCHES, ids=str)
def test_every_named_kernel_is_most_similar_to_itself(symmetries):
    templates = make_templates(symmetries=symmetries)
    index, similarity = nearest(STACK, templates)
    np.testing.assert_allclose(similarity, 1, rtol=1e-6)
    if symmetries == NONE:
        assert [templates.names[i] for i in index] == [entry.name for entry in named_kernels()]


@pytest.mark.parametrize("symmetries", SWITCHES, ids=str)
def test_every_kernel_in_space_is_most_similar_to_itself_and_so_are_its_images(symmetries, rng):
    entries = named_kernels(3)
    stack = np.stack([entry.kernel for entry in entries])
    templates = make_templates(symmetries=symmetries, size=(3, 3, 3))
    index, similarity = nearest(stack, templates)
    np.testing.assert_allclose(similarity, 1, rtol=1e-6)
    if symmetries == NONE:
        assert [templates.names[i] for i in index] == [entry.name for entry in entries]
    image = -stack[:, ::-1].transpose(0, 2, 3, 1)
    if symmetries.sign and symmetries.turns and symmetries.mirrors:
        np.testing.assert_array_equal(nearest(image, templates)[0], index)


def test_kernels_of_another_dimension_are_left_out():
    both = (*named_kernels(), *named_kernels(3))
    for size, own in ((3, named_kernels()), ((3, 3, 3), named_kernels(3))):
        assert make_templates(both, NONE, size).names == tuple(entry.name for entry in own)


def test_under_all_symmetries_sobel_has_one_name_for_each_kind():
    templates = make_templates()
    assert {name for name in templates.names if "sobel" in name} == {"sobel_x", "sobel_diagonal"}
    assert "backward_y" in templates.names and "forward_x" not in templates.names


def test_orbits_hold_each_image_once_also_under_sign():
    templates = make_templates()
    cosines = np.abs(templates.rows @ templates.rows.T) - np.eye(len(templates.rows))
    assert cosines.max() < 1 - 1e-4


def test_scale_decides_whether_twice_a_kernel_is_the_kernel():
    entries = named_kernels()[:1]
    with_scale, without = (make_templates(entries, Symmetries(scale=scale)) for scale in (True, False))
    assert nearest(2 * STACK[:1], with_scale)[1][0] == pytest.approx(1)
    assert nearest(2 * STACK[:1], without)[1][0] == pytest.approx(0.8)  # 2 * 2 / (4 + 1)


def test_a_kernel_of_zeros_is_similar_to_none():
    for symmetries in SWITCHES:
        assert nearest(np.zeros((1, 3, 3)), make_templates(symmetries=symmetries))[1][0] == 0


def test_a_stencil_is_found_within_a_wider_kernel(rng):
    wide = np.pad(STACK[5:8], ((0, 0), (1, 1), (1, 1)))
    templates = make_templates(size=5)
    index, similarity = nearest(wide, templates)
    np.testing.assert_allclose(similarity, 1, rtol=1e-6)
    assert templates.names[index[2]] == "sobel_x"


def test_kernels_of_another_size_than_the_templates_are_an_error():
    for find in (nearest, family_similarities):
        with pytest.raises(ValueError, match=r"must be 3 x 3.*\(1, 5, 5\)"):
            find(np.ones((1, 5, 5)), make_templates())


def test_a_dictionary_without_fitting_kernels_or_with_one_name_twice_is_an_error():
    wide = NamedKernel("wide", "own", np.ones((5, 5)))
    with pytest.raises(ValueError, match="at most 3 x 3"):
        make_templates([wide])
    with pytest.raises(ValueError, match=r"twice: \['wide'\]"):
        make_templates([wide, wide], size=5)
    with pytest.raises(ValueError, match="must not be 0"):
        make_templates([NamedKernel("none", "own", np.zeros((3, 3)))])
