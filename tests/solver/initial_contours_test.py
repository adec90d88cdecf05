"""What a user marks becomes one level set function, in a volume or in its slices."""

import numpy as np
import pytest

from lsn_tf.numerics.level_sets import ball, box, inside
from lsn_tf.solver.initial_contours import InitialContours, automatic_contours

SHAPE, SPACING = (6, 20, 24), (2.5, 0.7, 0.9)
SEED, BALL, BOX = (5.0, 4.0, 5.0), ((10.0, 9.0, 15.0), 3.0), ((2.0, 8.0, 3.0), (7.5, 12.0, 8.0))
MASK = np.zeros(SHAPE, bool)
MASK[3, 2:6, 15:20] = True
EVERYTHING = InitialContours(seeds=[SEED], balls=[BALL], boxes=[BOX], mask=MASK)


def regions():
    return [
        inside(ball(SHAPE, SPACING, SEED, 2.6)),
        inside(ball(SHAPE, SPACING, *BALL)),
        inside(box(SHAPE, SPACING, *BOX)),
        MASK,
    ]


def test_the_start_is_the_union_of_all_that_is_marked():
    phi = EVERYTHING.in_volume(SHAPE, SPACING, 2.6)
    np.testing.assert_array_equal(inside(phi), np.any(regions(), axis=0))
    assert all(region.any() for region in regions())


@pytest.mark.parametrize("which", range(4), ids=["seed", "ball", "box", "mask"])
def test_each_kind_alone_starts_from_itself(which):
    name, value = [("seeds", [SEED]), ("balls", [BALL]), ("boxes", [BOX]), ("mask", MASK)][which]
    phi = InitialContours(**{name: value}).in_volume(SHAPE, SPACING, 2.6)
    np.testing.assert_array_equal(inside(phi), regions()[which])


def test_phi_of_a_union_is_a_distance_to_it():
    phi = EVERYTHING.in_volume(SHAPE, SPACING, 2.6)
    slopes = np.gradient(phi, *SPACING)
    assert np.sqrt(sum(slope**2 for slope in slopes)).max() < 1.2


def test_only_slices_in_which_something_is_marked_start():
    marked = EVERYTHING.in_slices(SHAPE, SPACING, 2.6)
    assert sorted(marked) == [1, 2, 3, 4]  # the box reaches from 1 to 3, the ball's centre is in 4, the seed's in 2
    np.testing.assert_array_equal(inside(marked[1]), inside(box(SHAPE[1:], SPACING[1:], BOX[0][1:], BOX[1][1:])))
    np.testing.assert_array_equal(inside(marked[4]), inside(ball(SHAPE[1:], SPACING[1:], BALL[0][1:], BALL[1])))
    of_box = inside(marked[1])
    np.testing.assert_array_equal(inside(marked[2]), of_box | inside(ball(SHAPE[1:], SPACING[1:], SEED[1:], 2.6)))
    np.testing.assert_array_equal(inside(marked[3]), of_box | MASK[3])


@pytest.mark.parametrize("z", [-1.25, 13.75])
def test_a_seed_on_the_outer_face_of_the_scan_lies_in_the_outermost_slice(z):
    marked = InitialContours(seeds=[(z, 5.0, 5.0)]).in_slices(SHAPE, SPACING, 3.0)
    assert list(marked) == [0 if z < 0 else 5]


def test_the_number_of_marks_decides_whether_there_are_any():
    assert not InitialContours() and InitialContours(mask=MASK) and InitialContours(seeds=[np.zeros(3)])


@pytest.mark.parametrize("where", ["in_volume", "in_slices"])
@pytest.mark.parametrize(
    ("contours", "message"),
    [(InitialContours(), "expected a seed point"), (InitialContours(mask=np.zeros(SHAPE, bool)), "Received an empty")],
)
def test_nothing_to_start_from_is_refused(contours, message, where):
    with pytest.raises(ValueError, match=message):
        getattr(contours, where)(SHAPE, SPACING, 5.0)


@pytest.mark.parametrize("where", ["in_volume", "in_slices"])
@pytest.mark.parametrize("ball", [((5.0, 4.55, 4.95), 0.3), ((5.0, 4.2, 4.5), -1.0)])
def test_a_start_between_the_pixels_is_refused(ball, where):
    with pytest.raises(ValueError, match="must hold the centre of a pixel.*too small for pixels"):
        getattr(InitialContours(balls=[ball]), where)(SHAPE, SPACING, 5.0)


def body(liver_slices):
    """A body of muscle with a bright square at the patient's right in some slices, HU."""
    image = np.full((4, 80, 80), -1000.0)
    image[:, 8:72, 8:72] = 40
    for k in liver_slices:
        image[k, 20:44, 14:34] = 110
    return image


def test_an_automatic_start_lies_where_it_looks_like_a_liver():
    image, spacing = body((1, 2)), (5.0, 3.0, 3.0)
    (seed,) = automatic_contours(image, spacing, in_slices=False).seeds
    assert image[tuple(np.rint(np.divide(seed, spacing)).astype(int))] == 110
    seeds = automatic_contours(image, spacing, in_slices=True).seeds
    assert [seed[0] for seed in seeds] == [5.0, 10.0]
    assert all(image[tuple(np.rint(np.divide(seed, spacing)).astype(int))] == 110 for seed in seeds)


@pytest.mark.parametrize("in_slices", [False, True])
def test_an_image_without_liver_has_no_automatic_start(in_slices):
    with pytest.raises(ValueError, match="Give a seed point by hand"):
        automatic_contours(body(()), (5.0, 3.0, 3.0), in_slices)
