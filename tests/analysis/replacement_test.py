"""Replacements keep norms, leave alone what is already what they make of it, and controls change what they should."""

import numpy as np
import pytest
from scipy import stats

from lsn_tf.analysis.dictionary import NamedKernel, named_kernels
from lsn_tf.analysis.identification import finite_difference_shares, moments
from lsn_tf.analysis.replacement import (
    cluster_centre,
    cosines,
    finite_difference,
    make_replacement,
    nearest_named,
    null_kernels,
    replacement_names,
    turned,
)
from lsn_tf.analysis.symmetries import EVERY_SYMMETRY, Symmetries, canonical
from lsn_tf.analysis.templates import make_templates, nearest

TEMPLATES = make_templates()
RAW = Symmetries(sign=False, turns=False, mirrors=False)


def lengths(kernels):
    return np.linalg.norm(kernels.reshape(len(kernels), -1), axis=1)


def random_kernels(rng, count=500, size=3):
    return (rng.normal(size=(count, size, size)) * rng.uniform(0.1, 3, (count, 1, 1))).astype(np.float32)


def images_of_named(rng, count=400):
    """Returns named kernels, turned, mirrored, of either sign and any norm."""
    entries = [named_kernels()[i].kernel for i in rng.integers(len(named_kernels()), size=count)]
    turns, flips, factors = rng.integers(4, size=count), rng.integers(2, size=count), rng.normal(size=count)
    images = [np.rot90(kernel, turn)[:: 1 - 2 * flip] for kernel, turn, flip in zip(entries, turns, flips, strict=True)]
    return (np.array(images) * factors[:, None, None]).astype(np.float32)


def replacements():
    labels = np.arange(500) % 2
    centres = np.stack([canonical(k.kernel[None]).ravel() for k in named_kernels()[3:5]])

    def centre(kernels):
        return cluster_centre(kernels, labels, centres, EVERY_SYMMETRY)

    return {name: make_replacement(name, TEMPLATES, centre) for name in replacement_names()}


@pytest.mark.parametrize("name", replacement_names())
def test_norms_are_kept_and_what_was_replaced_stays(name, rng):
    kernels = random_kernels(rng)
    replace = replacements()[name]
    once = replace(kernels)
    np.testing.assert_allclose(lengths(once), lengths(kernels), rtol=1e-5)
    np.testing.assert_allclose(replace(once), once, atol=1e-5)


def test_images_of_named_kernels_are_their_own_nearest_with_sign(rng):
    kernels = images_of_named(rng)
    np.testing.assert_allclose(nearest_named(kernels, TEMPLATES), kernels, atol=1e-5)
    np.testing.assert_array_equal(nearest_named(-kernels, TEMPLATES), -nearest_named(kernels, TEMPLATES))


@pytest.mark.parametrize("symmetries", [EVERY_SYMMETRY, RAW])
def test_the_nearest_named_kernel_is_the_one_of_the_table(symmetries, rng):
    kernels, templates = random_kernels(rng), make_templates(symmetries=symmetries)
    index, similarity = nearest(kernels, templates)
    replaced = nearest_named(kernels, templates)
    np.testing.assert_allclose(cosines(kernels, replaced), similarity, atol=1e-5)
    np.testing.assert_array_equal(nearest(replaced, templates)[0], index)


def test_without_sign_a_kernel_is_never_replaced_by_a_negated_name(rng):
    replaced = nearest_named(images_of_named(rng), make_templates(symmetries=RAW))
    rows = make_templates(symmetries=RAW).rows
    products = replaced.reshape(len(replaced), -1) @ rows.T
    np.testing.assert_allclose(products.max(axis=1), lengths(replaced), rtol=1e-5)


@pytest.mark.parametrize("order", range(5))
def test_a_projection_is_a_finite_difference_of_its_order_and_the_nearest_one(order, rng):
    kernels = random_kernels(rng)
    projected = finite_difference(kernels, order)
    if order:
        np.testing.assert_allclose(finite_difference_shares(projected)[:, order - 1], 1, atol=1e-5)
        share = finite_difference_shares(kernels)[:, order - 1]
        np.testing.assert_allclose(cosines(kernels, projected), np.sqrt(share), atol=1e-5)
    else:
        np.testing.assert_allclose(projected, kernels, rtol=1e-4, atol=1e-5)
    below = {0: 0, 1: 1, 2: 3}.get(order, 6)
    np.testing.assert_allclose(moments(projected)[:, :below], 0, atol=1e-4)


def test_nothing_is_made_of_what_a_projection_does_not_leave():
    constant = np.full((1, 3, 3), 0.7, np.float32)
    assert not finite_difference(constant, 1).any()
    assert not nearest_named(np.zeros((2, 3, 3), np.float32), TEMPLATES).any()


def test_there_are_no_differences_of_order_five_in_three_by_three(rng):
    with pytest.raises(ValueError, match=r"order must be in \[0, 4\] for kernels of 3 x 3. Received 5"):
        finite_difference(random_kernels(rng), 5)
    assert replacement_names(5)[-1] == "order_8"


def test_a_kernel_is_replaced_by_the_centre_of_its_own_cluster_and_one_without_stays(rng):
    kernels = random_kernels(rng)
    labels = rng.integers(-1, 3, 500)
    centres = canonical(random_kernels(rng, 3)).reshape(3, 9)
    replaced = cluster_centre(kernels, labels, centres, EVERY_SYMMETRY)
    for label, centre in enumerate(centres):
        members = labels == label
        np.testing.assert_allclose(
            canonical(replaced[members]).reshape(-1, 9), np.tile(centre, (members.sum(), 1)), atol=1e-4
        )
        own = make_templates([NamedKernel("centre", "centre", centre.reshape(3, 3))])
        np.testing.assert_allclose(
            cosines(kernels[members], replaced[members]), nearest(kernels[members], own)[1], atol=1e-5
        )
    np.testing.assert_array_equal(replaced[labels == -1], kernels[labels == -1])


def test_a_turned_projection_leaves_as_much_on_average_but_other_kernels(rng):
    kernels, frame = random_kernels(rng, 4000), stats.ortho_group.rvs(9, random_state=rng)
    replace = make_replacement("order_2", TEMPLATES, np.copy)
    matched = turned(replace, frame)(kernels)
    np.testing.assert_allclose(lengths(matched), lengths(kernels), rtol=1e-4)
    left, matched_left = (np.mean(cosines(kernels, other) ** 2) for other in (replace(kernels), matched))
    assert abs(left - 6 / 9) < 0.02 and abs(matched_left - 6 / 9) < 0.02  # 6 of 9 dimensions, of white noise
    assert finite_difference_shares(matched)[:, 1].mean() < 0.9 < finite_difference_shares(replace(kernels))[:, 1].min()
    np.testing.assert_allclose(turned(replace, np.eye(9))(kernels), replace(kernels), atol=1e-5)


def test_nulls_keep_norms_and_permuted_ones_their_weights(rng):
    kernels = random_kernels(rng)
    permuted, gaussian = (null_kernels(null, kernels, rng) for null in ("permuted", "gaussian"))
    np.testing.assert_allclose(lengths(gaussian), lengths(kernels), rtol=1e-5)
    rows, others = (np.sort(a.reshape(500, 9), axis=1) for a in (kernels, permuted))
    np.testing.assert_array_equal(rows, others)
    assert abs(cosines(kernels, gaussian).mean()) < 0.05 and not np.array_equal(permuted, kernels)


def test_other_names_are_refused(rng):
    with pytest.raises(ValueError, match="replacements must be of nearest, centre, order_0, .* Received 'order_5'"):
        make_replacement("order_5", TEMPLATES, np.copy)
    with pytest.raises(ValueError, match=r"null must be one of \('permuted', 'gaussian'\). Received 'uniform'"):
        null_kernels("uniform", random_kernels(rng), rng)
