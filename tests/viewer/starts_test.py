"""What is marked on the page is the inside of the start: outlines by winding, points by distance, nothing outside."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lsn_tf.numerics.level_sets import inside
from lsn_tf.viewer.starts import Marks

SHAPE, SPACING = (5, 30, 40), (2.5, 0.7, 0.9)


@pytest.mark.parametrize("seed", range(20))
def test_an_outline_holds_the_centres_around_which_it_winds_an_odd_number_of_times(seed):
    rng = np.random.default_rng(seed)
    outline = tuple(map(tuple, rng.uniform((0, 0), (39, 29), (rng.integers(3, 10), 2)).tolist()))
    phi = Marks(outline=outline, number=2).in_slice(SHAPE, SPACING, 1.0)
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    angles = np.stack([np.arctan2(cy - y, cx - x) for cx, cy in outline])
    winding = np.angle(np.exp(1j * (np.roll(angles, -1, axis=0) - angles))).sum(axis=0) / (2 * np.pi)
    np.testing.assert_array_equal(inside(phi[0]), np.round(winding).astype(int) % 2 == 1)


def test_a_large_outline_is_what_pillow_fills_but_for_its_border():
    outline = ((5.2, 4.1), (33.4, 6.3), (30.2, 25.4), (8.1, 22.2))
    picture = Image.new("1", (40, 30))
    ImageDraw.Draw(picture).polygon(outline, fill=1)
    mask = inside(Marks(outline=outline, number=0).in_slice(SHAPE, SPACING, 1.0)[0])
    different = mask != np.asarray(picture)
    assert different.sum() < 60 and mask.sum() > 400


def test_a_point_is_a_disc_in_its_slice_and_a_ball_in_space():
    marks = Marks.read({"points": [[20.5, 11.25, 2]]}, SHAPE)
    z, y, x = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    distance = np.sqrt((2.5 * (z - 2)) ** 2 + (0.7 * (y - 11.25)) ** 2 + (0.9 * (x - 20.5)) ** 2)
    space = marks.in_space(SHAPE, SPACING, 6.0)
    np.testing.assert_allclose(space, distance - 6.0, atol=1e-9)
    np.testing.assert_allclose(marks.in_slice(SHAPE, SPACING, 6.0)[0], space[2], atol=1e-9)
    with pytest.raises(ValueError, match="must hold the centre of a pixel"):
        Marks(points=marks.points, number=3).in_slice(SHAPE, SPACING, 6.0)


def test_points_and_an_outline_are_united():
    outline = ((2.0, 2.0), (12.0, 2.0), (12.0, 12.0), (2.0, 12.0))
    both = Marks(points=((30.0, 20.0, 1.0),), outline=outline, number=1)
    parts = [Marks(points=both.points, number=1), Marks(outline=outline, number=1)]
    masks = [inside(part.in_slice(SHAPE, SPACING, 3.0)) for part in parts]
    np.testing.assert_array_equal(inside(both.in_slice(SHAPE, SPACING, 3.0)), masks[0] | masks[1])
    in_space = inside(parts[1].in_space(SHAPE, SPACING, 3.0))
    np.testing.assert_array_equal(in_space[1], masks[1][0])
    assert not in_space[[0, 2, 3, 4]].any()


@pytest.mark.parametrize(
    "request_, words",
    [
        ({"points": [[1, 2]]}, "rows of 3 numbers"),
        ({"points": "abc"}, "rows of 3 numbers"),
        ({"points": [[1, 2, None]]}, "rows of 3 numbers"),
        ({"points": [[1, 2, float("nan")]]}, "rows of 3 numbers"),
        ({"points": [[40, 2, 1]]}, "must lie in the scan"),
        ({"points": [[1, 2, -3]], "slice": 1}, "must lie in the scan"),
        ({"outline": [[1, 2], [3, 4]], "slice": 0}, "3 corners or more"),
        ({"outline": [[1, 2], [3, 4], [9, 9]], "slice": 5}, r"slice must be a whole number in \[0, 5\)"),
        ({"outline": [[1, 2], [3, 4], [9, 9]], "slice": 1.5}, "slice must be a whole number"),
        ({"outline": {"a": 1}, "slice": 1}, "rows of 2 numbers"),
    ],
)
def test_marks_that_make_no_sense_are_refused(request_, words):
    with pytest.raises(ValueError, match=words):
        Marks.read(request_, SHAPE)


def test_a_start_without_a_pixel_is_refused():
    sliver = Marks(outline=((2.1, 2.1), (2.4, 2.1), (2.4, 2.4)), number=0)
    with pytest.raises(ValueError, match="must hold the centre of a pixel"):
        sliver.in_slice(SHAPE, SPACING, 5.0)
