"""A seed point lies inside: in the middle of a mask, and in the liver of an image."""

import numpy as np
import pytest

from lsn_tf.data.phantoms import make_scans
from lsn_tf.numerics.level_sets import ball, box, inside
from lsn_tf.numerics.seeds import automatic_seed, inscribed_centre

SPACING = (0.7, 0.9)


def pixel_of(point_mm, spacing_mm):
    return tuple(round(x / h) for x, h in zip(point_mm, spacing_mm, strict=True))


@pytest.mark.parametrize("spacing", [(0.7, 0.9), (2.5, 0.7, 0.9)], ids=["2-D", "3-D"])
def test_the_centre_of_a_ball_is_its_centre(spacing):
    shape, centre = (15, 40, 30)[-len(spacing) :], [20 * 0.7, 11 * 0.9]
    centre = [7 * 2.5, *centre] if len(spacing) == 3 else centre
    assert inscribed_centre(inside(ball(shape, spacing, centre, 8.0)), spacing) == pytest.approx(centre)


def test_depth_is_measured_in_mm():
    mask = inside(box((40, 40), (0.5, 2.0), (2, 2), (10, 30)))  # 8 mm high
    mask |= inside(box((40, 40), (0.5, 2.0), (12, 40), (18, 60)))  # 6 mm high
    y, x = inscribed_centre(mask, (0.5, 2.0))
    assert y == pytest.approx(6.0) and 6 <= x <= 26


def test_a_mask_ends_at_the_frame():
    assert inscribed_centre(np.ones((9, 9), bool), (1.0, 1.0)) == (4.0, 4.0)


def test_one_slice_is_the_volume_of_one_slice():
    mask = inside(ball((20, 22), SPACING, (7.0, 9.0), 5.0))
    assert inscribed_centre(mask[None], (1.0, *SPACING)) == (0.0, *inscribed_centre(mask, SPACING))


def test_a_single_pixel_is_its_own_centre():
    mask = np.zeros((5, 6), bool)
    mask[3, 0] = True
    assert inscribed_centre(mask, SPACING) == pytest.approx((3 * 0.7, 0.0))


def test_an_empty_mask_has_no_centre():
    with pytest.raises(ValueError, match="Received an empty mask"):
        inscribed_centre(np.zeros((5, 6), bool), SPACING)


@pytest.mark.parametrize("volume", [False, True], ids=["slice", "volume"])
def test_the_seed_lies_in_the_liver_of_most_phantoms(volume):
    found = []
    for scan in make_scans(range(0, 130, 13), size=96, slices=4):
        spacing, image, liver = scan.spacing_mm, scan.image, scan.label > 0
        if not volume:
            spacing, image, liver = spacing[1:], image[2], liver[2]
        found.append(liver[pixel_of(automatic_seed(image, spacing), spacing)])
    assert np.mean(found) >= 0.7


@pytest.fixture
def torso():
    """Returns a slice in HU: muscle, a bright liver at the left, a spleen as bright at the right, and a table."""
    shape, spacing = (120, 160), (1.4, 1.8)
    image = np.full(shape, -1000.0)
    image[inside(box(shape, spacing, (20, 30), (140, 260)))] = 40.0
    image[inside(ball(shape, spacing, (70, 80), 30.0))] = 110.0
    image[inside(ball(shape, spacing, (75, 200), 40.0))] = 110.0
    image[inside(box(shape, spacing, (152, 0), (164, 288)))] = 110.0
    return image, spacing


def test_the_seed_is_the_middle_of_the_liver_and_not_of_the_spleen(torso):
    assert automatic_seed(*torso) == pytest.approx((70, 80), abs=4)


def test_fat_and_air_are_the_same_to_it(torso):
    image, spacing = torso
    assert automatic_seed(np.clip(image, 0, 255), spacing) == automatic_seed(image, spacing)


def test_the_pixel_size_does_not_matter(torso):
    image, spacing = torso
    fine = np.repeat(np.repeat(image, 2, axis=0), 3, axis=1)
    assert automatic_seed(fine, (0.7, 0.6)) == pytest.approx(automatic_seed(image, spacing), abs=4)


@pytest.mark.parametrize("hounsfield", [-1000.0, 40.0, 1000.0], ids=["air", "water", "bone"])
def test_an_image_without_anything_as_bright_as_the_liver_is_refused(hounsfield):
    with pytest.raises(ValueError, match="60 to 160 HU.*by hand"):
        automatic_seed(np.full((30, 30), hounsfield), SPACING)
