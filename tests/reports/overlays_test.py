"""Which scans are shown, that contours lie where masks end, and that a picture is cut to them."""

import base64
import io
import re

import numpy as np
import pytest

from lsn_tf.reports.overlays import (
    Overlay,
    chosen_scans,
    common_box,
    draw_overlay,
    predicted_contours,
    reference_contours,
)

DY, DX = 0.7, 0.9


@pytest.fixture
def overlay(rng):
    """A square of 6 x 8 pixels as reference; phi ends one pixel further down; the image is black or white."""
    reference = np.zeros((40, 60), bool)
    reference[10:16, 20:28] = True
    phi = np.where(np.roll(reference, 1, axis=0), -1.0, 1.0)
    image = (2400 * rng.integers(0, 2, (40, 60))).astype(np.int16)
    return Overlay("lsn", image, reference, phi, np.array([DY, DX]), 0.9, 0.8)


def test_contours_lie_where_the_masks_end(overlay):
    (reference,), (predicted,) = reference_contours(overlay), predicted_contours(overlay)
    assert (reference.min(axis=0), reference.max(axis=0)) == (
        pytest.approx([20 * DX, 10 * DY]),
        pytest.approx([28 * DX, 16 * DY]),
    )
    np.testing.assert_allclose(predicted.max(axis=0) - reference.max(axis=0), [0, DY], atol=1e-9)


def test_the_box_holds_all_contours_inside_the_slice(overlay):
    (top, left), (bottom, right) = common_box([overlay])
    assert top == 0 and left == pytest.approx(20 * DX - 15)
    assert bottom == pytest.approx(min(17 * DY + 15, 40 * DY)) and right == pytest.approx(28 * DX + 15)
    empty = Overlay("lsn", overlay.image, overlay.reference & False, abs(overlay.phi), overlay.spacing_mm, 1, 1)
    np.testing.assert_allclose(common_box([empty]), [[0, 0], [40 * DY, 60 * DX]])


def picture_in(svg):
    """Returns the grey picture of an SVG, and the matrix that places it."""
    pil = pytest.importorskip("PIL.Image")
    ((encoded, place),) = re.findall(r'href="data:image/png;base64,([^"]+)".* transform="matrix\(([^)]+)\)', svg)
    picture = pil.open(io.BytesIO(base64.b64decode(encoded))).convert("L")
    return np.asarray(picture), [float(number) for number in place.split()]


def test_the_picture_is_cut_windowed_and_has_both_contours(overlay):
    box = np.array([[7 * DY, 10 * DX], [21 * DY, 30 * DX]])
    svg = draw_overlay(overlay, box, (0, 2400)).decode()
    picture, place = picture_in(svg)
    wide, high = 3 * 72, 3 * 72 * (14 * DY) / (20 * DX)  # points
    assert place == pytest.approx([wide / 20, 0, 0, high / 14, 0, 0])  # upright, all of it
    np.testing.assert_array_equal(picture, 255 * (overlay.image[7:21, 10:30] > 0))
    assert svg.count("stroke: #22d3ee") == svg.count("stroke: #ff9f1c") == 1 and "<text" not in svg


def test_pixels_that_the_box_cuts_are_there(overlay):
    box = np.array([[7.25 * DY, 10.5 * DX], [20.75 * DY, 29.5 * DX]])
    picture, place = picture_in(draw_overlay(overlay, box, (0, 2400)).decode())
    np.testing.assert_array_equal(picture, 255 * (overlay.image[7:21, 10:30] > 0))
    assert place[4:] == pytest.approx([-0.5 * place[0], -0.25 * place[3]], rel=1e-3)


def test_best_median_and_worst_are_of_the_mean_over_models():
    lsn, unet = {1: 0.9, 2: 0.8, 3: 0.7, 4: 0.2}, {1: 0.7, 2: 0.9, 3: 0.7, 9: 1.0}
    assert chosen_scans({"lsn": lsn, "unet": unet}) == {2: ["best"], 1: ["median", "models most apart"], 3: ["worst"]}
    assert chosen_scans({"lsn": lsn}) == {1: ["best"], 3: ["median"], 4: ["worst"]}


def test_equal_scans_and_their_order_leave_no_choice():
    equal = dict.fromkeys((7, 2, 9, 4), 0.5)
    for scores in (equal, dict(reversed(equal.items()))):
        assert chosen_scans({"lsn": scores, "unet": scores}) == {
            2: ["best", "models most apart"],
            7: ["median"],
            9: ["worst"],
        }
    assert chosen_scans({"lsn": {5: 0.5}}) == {5: ["best", "median", "worst"]}


def test_models_without_a_common_scan_are_refused():
    with pytest.raises(ValueError, match="models that have scans in common"):
        chosen_scans({"lsn": {1: 0.5}, "unet": {2: 0.5}})
