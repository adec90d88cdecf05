"""Area resampling conserves what it averages, exactly."""

import math

import numpy as np
import pytest

from lsn_tf.data.resampling import resize_image, resize_label, resized_spacing

SHAPES = [
    ((512, 512), (256, 256)),
    ((512, 512), (128, 128)),
    ((300, 300), (256, 256)),
    ((7, 10), (12, 4)),
    ((5, 3), (5, 9)),
]


def area_matrix(size_in, size_out):
    """The dense weights, by the definition: the share of each new cell that each old one covers."""
    new, old = np.linspace(0, 1, size_out + 1), np.linspace(0, 1, size_in + 1)
    overlap = np.minimum(new[1:, None], old[1:]) - np.maximum(new[:-1, None], old[:-1])
    return np.maximum(overlap, 0) * size_out


def random_image(shape, seed=0):
    return np.random.default_rng(seed).integers(-3024, 3072, shape, dtype=np.int16)


def random_label(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 3, shape, dtype=np.uint8)


@pytest.mark.parametrize("old, new", SHAPES)
def test_resize_is_the_area_weights_matrix_on_both_axes(old, new):
    image = random_image((2, *old)) / 7
    expected = area_matrix(old[0], new[0]) @ image @ area_matrix(old[1], new[1]).T
    np.testing.assert_allclose(resize_image(image, new), expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_whole_factors_give_the_exact_block_mean(factor):
    image = random_image((3, 12 * factor, 8 * factor))
    blocks = image.reshape(3, 12, factor, 8, factor).astype(int).sum((2, 4))
    np.testing.assert_array_equal(resize_image(image, (12, 8)), np.rint(blocks / factor**2))


@pytest.mark.parametrize("old, new", SHAPES)
def test_mean_is_conserved(old, new):
    image = random_image(old).astype(np.float64)
    assert math.isclose(resize_image(image, new).mean(), image.mean(), rel_tol=1e-9)


@pytest.mark.parametrize("value", [-(2**15), -1024, 0, 2**15 - 1])
@pytest.mark.parametrize("old, new", [*SHAPES, ((511, 509), (256, 256))])
def test_constants_stay_to_the_limits_of_int16(old, new, value):
    np.testing.assert_array_equal(resize_image(np.full(old, value, np.int16), new), np.full(new, value, np.int16))


@pytest.mark.parametrize("resize, random", [(resize_image, random_image), (resize_label, random_label)])
@pytest.mark.parametrize("old, new", SHAPES)
def test_transposing_or_mirroring_before_is_the_same_as_after(resize, random, old, new):
    array = random(old)
    resized = resize(array, new)
    np.testing.assert_array_equal(resize(array.T, new[::-1]), resized.T)
    np.testing.assert_array_equal(resize(array[::-1, ::-1], new), resized[::-1, ::-1])


@pytest.mark.parametrize("resize, random", [(resize_image, random_image), (resize_label, random_label)])
def test_a_slice_alone_is_the_slice_in_a_stack(resize, random):
    stack = random((3, 30, 20))
    np.testing.assert_array_equal(resize(stack, (7, 9))[1], resize(stack[1], (7, 9)))


@pytest.mark.parametrize("resize, random", [(resize_image, random_image), (resize_label, random_label)])
def test_equal_shapes_change_nothing_and_enlarging_repeats(resize, random):
    array = random((5, 6))
    np.testing.assert_array_equal(resize(array, (5, 6)), array)
    np.testing.assert_array_equal(resize(array, (10, 18)), array.repeat(2, 0).repeat(3, 1))


@pytest.mark.parametrize("old, new", SHAPES)
def test_label_is_the_class_with_the_largest_area(old, new):
    label = random_label(old, seed=1)
    rows, columns = area_matrix(old[0], new[0]), area_matrix(old[1], new[1])
    areas = np.round([rows @ (label == value) @ columns.T for value in range(3)], 9)
    np.testing.assert_array_equal(resize_label(label, new), 2 - np.argmax(areas[::-1], axis=0))


@pytest.mark.parametrize(
    "cell, winner",
    [([0, 0, 0, 1], 0), ([0, 0, 1, 1], 1), ([1, 1, 2, 2], 2), ([0, 0, 2, 2], 2), ([0, 0, 1, 2], 0), ([0, 1, 1, 2], 1)],
)
def test_ties_between_labels_go_to_the_higher_one(cell, winner):
    assert resize_label(np.array(cell, np.uint8).reshape(2, 2), (1, 1)) == winner


def test_a_liver_of_one_pixel_is_lost_when_halved_and_kept_when_enlarged():
    label = np.zeros((4, 4), np.uint8)
    label[1, 2] = 1
    assert not resize_label(label, (2, 2)).any()
    assert resize_label(label, (8, 8)).sum() == 4


def test_spacing_keeps_the_field_of_view_and_the_slice_distance():
    assert resized_spacing((2.5, 0.7, 0.9), (512, 300), (256, 256)) == (2.5, 1.4, 0.9 * 300 / 256)


def test_types_are_kept():
    assert resize_image(random_image((4, 4)), (2, 2)).dtype == np.int16
    assert resize_image(np.ones((4, 4), np.float32), (2, 2)).dtype == np.float32
    assert resize_label(random_label((4, 4)), (2, 2)).dtype == np.uint8


@pytest.mark.parametrize("resize", [resize_image, resize_label])
@pytest.mark.parametrize("shape", [(0, 4), (4, -1)])
def test_empty_grids_are_refused(resize, shape):
    with pytest.raises(ValueError, match="sizes of 1 or more"):
        resize(np.zeros((4, 4), np.int16), shape)
