"""The picture of the fronts: its contours are those of phi, its fields of phi those of the network, and it hides CT."""

import dataclasses
import sys

import numpy as np
import pytest

from lsn_tf.models import LevelSetNetwork
from lsn_tf.numerics.level_sets import ball
from lsn_tf.solver import to_solver
from lsn_tf.studies.fronts_figure import (
    REFERENCE,
    GridFronts,
    Row,
    averaged,
    draw_fronts,
    fronts_by_grid,
    time_shares,
    zero_contours,
)

WINDOW = (-100.0, 400.0)
CENTRE_MM, RADIUS_MM = np.array((4.1, 7.3)), 2.5


def disc(n, spacing):
    """Returns the distance to a disc on n times as many pixels, (12 n, 16 n), of pixels as much smaller."""
    own = np.asarray(spacing[0]) / n
    return ball((12 * n, 16 * n), own, CENTRE_MM - own / 2, RADIUS_MM), own


@pytest.fixture
def row(spacing, rng):
    """Returns a disc that grows on two grids, on a scan of noise."""
    grids = []
    for n in (1, 2):
        phi, own = disc(n, spacing)
        grids.append(GridFronts(np.stack([phi, phi - 0.5, phi - 1]), np.array([0.0, 1.0, 2.0]), own))
    image = rng.uniform(*WINDOW, size=(24, 32))
    return Row("best", image, grids[1].phis[0] < 0, grids[1].spacing_mm, grids, grids[1].phis[-1], 0.9)


def test_contours_lie_on_the_circle_with_second_order(spacing):
    errors = []
    for n in (2, 4, 8):
        (line,) = zero_contours(*disc(n, spacing))
        errors.append(np.abs(np.hypot(*(line - CENTRE_MM[::-1]).T) - RADIUS_MM).max())
    assert np.log2(errors[0] / errors[2]) / 2 == pytest.approx(2, abs=0.3)


def test_a_front_across_the_slice_ends_at_its_border(spacing):
    (dy, dx), x = spacing[0], np.arange(6) + 0.5
    (line,) = zero_contours(np.tile((x - 2.25) * dx, (5, 1)), spacing[0])
    np.testing.assert_allclose(line[:, 0], 2.25 * dx, rtol=1e-5)
    assert (line[:, 1].min(), line[:, 1].max()) == pytest.approx((0, 5 * dy))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_there_is_no_contour_where_phi_has_one_sign(sign, spacing):
    assert zero_contours(np.full((4, 5), sign), spacing[0]) == []


def test_of_a_slice_with_air_beside_it_the_fronts_lie_where_they_do_on_the_slice(row, tmp_path):
    inner = np.s_[2:-3, 4:-4]
    cut = {name: getattr(row, name)[inner] for name in ("image", "reference", "phi")}
    beside = dataclasses.replace(row, **cut)
    assert beside.margin == ((2, 3), (4, 4))
    (dy, dx), lines = row.spacing_mm, (row.fronts(grid) for grid in row.grids)
    for grid, fronts in zip(row.grids, lines, strict=True):
        for (line,), (moved,) in zip(fronts, beside.fronts(grid), strict=True):
            np.testing.assert_allclose(moved, line - (4 * dx, 2 * dy), atol=1e-5)
    pytest.importorskip("matplotlib")
    for with_image in (False, True):
        draw_fronts([beside], tmp_path / "fronts.png", WINDOW, with_image=with_image)


def test_an_image_is_windowed_before_it_is_averaged(rng):
    image = 1000 * rng.normal(size=(8, 12))
    seen = np.clip(image, *WINDOW)
    np.testing.assert_allclose(averaged(image, (8, 12), WINDOW), seen, rtol=1e-5)
    np.testing.assert_allclose(averaged(image, (2, 3), WINDOW), seen.reshape(2, 4, 3, 4).mean(axis=(1, 3)), rtol=1e-4)


@pytest.mark.parametrize("tied", [True, False])
def test_the_fronts_of_a_network_begin_at_its_phi_0_and_end_at_its_phi(tied, spacing, rng):
    model = LevelSetNetwork(WINDOW, width=2, scales=2, steps=(3, 2), tied=tied, balloon=1.0, curvature="diffusion")
    inputs = {"image": np.float32(150 * rng.normal(size=(1, 16, 20, 1))), "spacing": spacing}
    equation = to_solver(model, inputs)
    coarse, fine = fronts_by_grid(equation)
    assert (coarse.phis.shape, fine.phis.shape) == ((4, 8, 10), (3, 16, 20))
    np.testing.assert_array_equal(coarse.phis[0], equation.phi[0, ..., 0])
    np.testing.assert_allclose(fine.phis[-1], np.asarray(model(inputs))[0, ..., 0], atol=1e-4)
    np.testing.assert_allclose(fine.spacing_mm, spacing[0])
    np.testing.assert_allclose(coarse.spacing_mm, 2 * spacing[0])
    for grid, stages in ((coarse, equation.stages[: 1 if tied else 3]), (fine, equation.stages[1 if tied else 3 :])):
        assert grid.seconds[-1] == pytest.approx(sum(stage.steps * stage.time_step[0] for stage in stages))
        assert (np.diff(grid.seconds) > 0).all() and (np.abs(np.diff(grid.phis, axis=0)).max(axis=(1, 2)) > 0).all()


def test_time_goes_from_0_to_1_on_every_grid_even_where_it_stands_still(row):
    np.testing.assert_allclose(time_shares(row.grids[0]), [0, 0.5, 1])
    still = dataclasses.replace(row.grids[0], seconds=np.zeros(3))
    np.testing.assert_allclose(time_shares(still), [0, 0.5, 1])


def test_without_the_image_the_picture_knows_nothing_of_the_scan_but_its_fronts(row, tmp_path):
    pytest.importorskip("matplotlib")
    other = dataclasses.replace(row, image=-row.image, reference=np.roll(row.reference, 3))
    for with_image in (False, True):
        for name, one in (("one", row), ("other", other)):
            draw_fronts([one], tmp_path / f"{name}.png", WINDOW, with_image=with_image)
        same = (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
        assert same is not with_image


def test_the_reference_is_drawn_and_the_ground_is_white_without_the_image(row, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    shares = {}
    for with_image in (False, True):
        draw_fronts([row, row], tmp_path / "fronts.png", WINDOW, "title", with_image)
        pixels = np.round(255 * image.imread(tmp_path / "fronts.png")[..., :3]).astype(int)
        cyan = np.array([int(REFERENCE[n : n + 2], 16) for n in (1, 3, 5)])
        shares[with_image] = [(pixels == colour).all(axis=2).mean() for colour in (cyan, 255)]
    assert shares[True][0] > 1e-4 and shares[False][0] == 0
    assert shares[False][1] - shares[True][1] > 0.2


def test_a_front_that_has_vanished_is_drawn_as_none(row, tmp_path):
    pytest.importorskip("matplotlib")
    gone = [dataclasses.replace(grid, phis=np.ones_like(grid.phis)) for grid in row.grids]
    empty = dataclasses.replace(row, reference=np.zeros_like(row.reference), grids=gone, phi=np.ones_like(row.phi))
    for rows in ([empty], [empty, row]):
        draw_fronts(rows, tmp_path / "fronts.png", WINDOW)
        assert (tmp_path / "fronts.png").stat().st_size > 10000


def test_rows_of_other_grids_and_no_rows_are_refused(row, tmp_path):
    for rows in ([], [row, dataclasses.replace(row, grids=row.grids[:1])]):
        with pytest.raises(ValueError, match="rows must be one at least, all with equally many grids. Received"):
            draw_fronts(rows, tmp_path / "fronts.png", WINDOW)


def test_without_matplotlib_it_says_what_to_install(row, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="expected matplotlib.*pip install"):
        draw_fronts([row], tmp_path / "fronts.png", WINDOW)
    assert list(tmp_path.iterdir()) == []
