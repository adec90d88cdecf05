"""The film shows phi = 0 where it is, to a part of a pixel, and as many frames as were given."""

import sys

import imageio.v3 as imageio
import numpy as np
import pytest

from lsn_tf.numerics.level_sets import ball
from lsn_tf.solver import animation
from lsn_tf.solver.animation import CAPTION_PX, COLOUR, GAP_PX, LONG_SIDE_PX, arrange, planes, write_animation

SPACING_MM = (0.7, 0.9)  # dy, dx
SHAPE = (64, 60)
CENTRE_MM = (20.0, 30.0)
RADII_MM = (5.0, 9.0, 13.0)
WINDOW_HU = (-100.0, 250.0)
SCALE = LONG_SIDE_PX / (60 * 0.9)  # pixels of the film for a mm; the width is the long side
HEIGHT_PX = 2 * round(64 * 0.7 * SCALE / 2)


def growing_disc():
    return np.stack([ball(SHAPE, SPACING_MM, CENTRE_MM, radius) for radius in RADII_MM])


def film(path, image=None, phis=None, spacing_mm=SPACING_MM, times=None, **changes):
    """Writes a film over black and reads it back, (frames, height, width, 3)."""
    phis = growing_disc() if phis is None else phis
    image = np.full(phis.shape[1:], -1000.0) if image is None else image
    times = 0.25 * np.arange(len(phis)) if times is None else times
    write_animation(path, image, phis, spacing_mm, times, WINDOW_HU, **changes)
    return imageio.imread(path)


def polar_mm():
    """Distance and angle of each pixel of the film above the caption, seen from the centre.

    The centre of the first voxel is half a voxel from the film's corner.
    """
    y, x = np.indices((HEIGHT_PX, LONG_SIDE_PX)) + 0.5
    dy = y * 64 * 0.7 / HEIGHT_PX - 0.35 - CENTRE_MM[0]
    dx = x / SCALE - 0.45 - CENTRE_MM[1]
    return np.hypot(dy, dx), np.arctan2(dy, dx)


def brightness(frame):
    """1 where a pixel has the contour's colour; the caption, which is white, left out."""
    return np.minimum(frame[:-CAPTION_PX, :, 0] / COLOUR[0], frame[:-CAPTION_PX, :, 1] / COLOUR[1])


@pytest.mark.parametrize("name", ["film.gif", "film.mp4"])
def test_every_phi_is_a_frame_of_the_given_shape_in_mm(tmp_path, name):
    assert film(tmp_path / name).shape == (len(RADII_MM), HEIGHT_PX + CAPTION_PX, LONG_SIDE_PX, 3)


def test_a_picture_finer_than_the_screen_keeps_its_pixels(tmp_path):
    phis = ball((600, 20), (1, 1), (300, 10), 8)[np.newaxis]
    assert film(tmp_path / "film.gif", phis=phis, spacing_mm=(1, 1)).shape[1:3] == (600 + CAPTION_PX, 20)


@pytest.mark.parametrize("name", ["film.gif", "film.mp4"])
@pytest.mark.parametrize("frame", [1, 2])
def test_the_line_lies_where_phi_is_zero(tmp_path, name, frame):
    """In all directions the centre of mass of the line is the disc's radius, to a fifth of a pixel of the film."""
    light = brightness(film(tmp_path / name)[frame])
    distance, angle = polar_mm()
    near = abs(distance - RADII_MM[frame]) < 3 / SCALE
    for start in np.linspace(-np.pi, np.pi, 24, endpoint=False):
        sector = near & (angle >= start) & (angle < start + np.pi / 12)
        assert light[sector].max() > 0.8
        assert np.average(distance[sector], weights=light[sector]) == pytest.approx(RADII_MM[frame], abs=0.2 / SCALE)
    far = ~near & (abs(distance - RADII_MM[0]) > 3 / SCALE)
    assert light[far].max() < 0.1


def test_the_initial_contour_stays_as_a_faint_broken_line(tmp_path):
    light = brightness(film(tmp_path / "film.gif")[-1])[abs(polar_mm()[0] - RADII_MM[0]) < 0.5 / SCALE]
    assert 0.3 < light.max() < 0.65
    assert (light < 0.05).mean() > 0.1


def test_the_window_makes_black_and_white(tmp_path):
    image = np.repeat([[-100.0] * 30 + [250.0] * 30], 64, axis=0)
    far = film(tmp_path / "film.gif", image, np.ones((1, *SHAPE)))[0, :-CAPTION_PX]
    assert (far[:, :200] == 0).all() and (far[:, -200:] >= 250).all()


def test_a_phi_without_contour_draws_no_line(tmp_path):
    assert (film(tmp_path / "film.gif", phis=growing_disc() + 20)[:, :-CAPTION_PX] == 0).all()


@pytest.mark.parametrize("changes", [{"times": [3.25]}, {"steps": [70]}])
def test_the_caption_tells_times_and_steps(tmp_path, changes):
    phis = growing_disc()[:1]
    one, other = (film(tmp_path / "film.gif", phis=phis, **which)[0] for which in ({}, changes))
    np.testing.assert_array_equal(one[:-CAPTION_PX], other[:-CAPTION_PX])
    assert (one[-CAPTION_PX:] != other[-CAPTION_PX:]).any()


def test_a_gif_is_as_good_as_its_palette(tmp_path):
    """What does not move is the same in all frames."""
    image = np.random.default_rng(0).uniform(*WINDOW_HU, SHAPE)
    frames = film(tmp_path / "film.gif", image).astype(int)
    pixels = frames[:, :-CAPTION_PX][:, polar_mm()[0] > RADII_MM[-1] + 1]
    assert (pixels == pixels[:1]).all()
    assert np.ptp(pixels, axis=-1).max() == 0 and len(np.unique(pixels)) >= 50  # greys


def brick():
    """A region of 3 slices, 4 rows and 5 columns in a volume of 6 x 9 x 8; one voxel elsewhere in the first frame."""
    phis = np.ones((2, 6, 9, 8))
    phis[0, 0, 0, 0] = -1
    phis[1, 1:4, 2:6, 3:8] = -1
    phis[1, 2, 2:6, 2] = phis[1, 1:4, 4, 2] = phis[1, 1:4, 1, 5] = -1  # so that one plane of each kind is the largest
    return phis


def test_of_a_volume_the_planes_with_the_largest_final_area_are_shown():
    phis = brick()
    image = np.random.default_rng(0).normal(size=phis.shape[1:])
    axial, coronal, sagittal = planes(image, phis, (2.5, 0.7, 0.9))
    areas = [(phis[-1] < 0).sum(axis=others) for others in ((1, 2), (0, 2), (0, 1))]
    assert [(area == area.max()).sum() for area in areas] == [1, 1, 1]
    z, y, x = (area.argmax() for area in areas)
    for plane, cut in [
        (axial, lambda volume: volume[z]),
        (coronal, lambda volume: volume[::-1, y]),
        (sagittal, lambda volume: volume[::-1, :, x]),
    ]:
        np.testing.assert_array_equal(plane.image, cut(image))
        np.testing.assert_array_equal(plane.phis, np.stack([cut(phi) for phi in phis]))
    assert [plane.spacing_mm for plane in (axial, coronal, sagittal)] == [(0.7, 0.9), (2.5, 0.9), (2.5, 0.7)]


def test_the_initial_region_decides_where_the_final_one_is_empty():
    phis = brick()[::-1].copy()
    phis[1] = 1
    again = planes(np.zeros(phis.shape[1:]), brick(), (1, 1, 1))
    for plane, same in zip(planes(np.zeros(phis.shape[1:]), phis, (1, 1, 1)), again, strict=True):
        np.testing.assert_array_equal(plane.phis[0], same.phis[1])


def test_one_slice_alone_is_shown_as_a_picture(tmp_path):
    alone = film(tmp_path / "film.gif")
    volume = film(tmp_path / "volume.gif", phis=growing_disc()[:, np.newaxis], spacing_mm=(5.0, *SPACING_MM))
    np.testing.assert_array_equal(volume, alone)


@pytest.mark.parametrize("name", ["film.gif", "film.mp4"])
def test_a_volume_gives_one_film_of_three_planes(tmp_path, name):
    shape, spacing_mm = (20, 40, 60), (2.5, 0.7, 0.9)  # 50 mm x 28 mm x 54 mm
    phis = np.stack([ball(shape, spacing_mm, (25, 14, 27), radius) for radius in (4, 11)])
    frames = film(tmp_path / name, phis=phis, spacing_mm=spacing_mm)
    boxes = arrange([np.array([28, 54]), np.array([50, 54]), np.array([50, 28])], LONG_SIDE_PX)
    assert frames.shape == (2, boxes[1, 2] + CAPTION_PX, boxes[2, 1] + boxes[2, 3], 3)
    for top, left, high, wide in boxes:  # a great circle in each
        light = brightness(frames[1])[top : top + high, left : left + wide] > 0.7
        sides = np.ptp(np.argwhere(light), axis=0)
        np.testing.assert_allclose(sides, 2 * 11 * LONG_SIDE_PX / 54, atol=6)


@pytest.mark.parametrize("sizes_mm", [[(40, 50)], [(40, 50), (30, 50), (30, 40)], [(40, 50), (15, 50), (15, 40)]])
def test_planes_share_a_scale_and_do_not_overlap(sizes_mm):
    boxes = arrange([np.array(size) for size in sizes_mm], 512)
    assert (boxes[:, 2:] % 2 == 0).all()
    np.testing.assert_allclose(boxes[:, 2:], np.array(sizes_mm) * 512 / 50, atol=1)
    for n, one in enumerate(boxes):
        for other in boxes[:n]:
            apart = np.maximum(one[:2] - (other + np.roll(other, -2))[:2], other[:2] - (one + np.roll(one, -2))[:2])
            assert apart.max() >= GAP_PX


def test_thin_planes_are_stacked_beside_the_axial_one():
    thin = arrange([np.array(size) for size in [(40, 50), (15, 50), (15, 40)]], 512)
    high = arrange([np.array(size) for size in [(40, 50), (30, 50), (30, 40)]], 512)
    assert thin[1, 1] == thin[2, 1] and (thin[:, 0] + thin[:, 2]).max() == thin[0, 2]
    assert (high[:, 0] == 0).all()


@pytest.mark.parametrize("name", ["film.avi", "film", "film.png", "gif"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f"must end in .gif or .mp4. Received .*{name}"):
        film(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"phis": np.ones((2, *SHAPE[::-1]))},
        {"phis": np.ones((0, *SHAPE))},
        {"phis": np.ones(SHAPE)},
        {"times": [0.0]},
        {"steps": [1, 2]},
        {"spacing_mm": (1, 1, 1)},
    ],
)
def test_shapes_that_do_not_fit_are_refused(tmp_path, changes):
    with pytest.raises(ValueError, match=r"(phis must be|spacing_mm must have) .* Received"):
        film(tmp_path / "film.gif", np.zeros(SHAPE), **changes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["film.gif", "film.mp4"])
def test_a_failing_write_leaves_everything_as_it_was(tmp_path, monkeypatch, name):
    def fail(*_):
        yield np.zeros((64, 64, 3), np.uint8)
        raise RuntimeError("no more")

    monkeypatch.setattr(animation, "_draw", fail)
    with pytest.raises(RuntimeError, match="no more"):
        film(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no more"):
        film(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_bytes() == b"old"


@pytest.mark.parametrize("module", ["matplotlib.figure", "imageio.v2", "imageio_ffmpeg"])
def test_a_missing_package_is_named_with_its_cure(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install 'lsn_tf\[solver\]'"):
        film(tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []


def test_pyplot_and_its_state_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    film(tmp_path / "film.gif")
    assert (tmp_path / "film.gif").stat().st_size > 0
