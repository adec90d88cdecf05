"""The picture of a record: what is drawn where, and that it is done without where matplotlib is missing."""

import sys

import numpy as np
import pytest

from lsn_tf.studies.dice_figure import draw_dice, model_points, of_error, of_error_back, spread, text_of, zoomed_out

FOLDS = {"lsn": (0.8, 0.9), "unet": (0.9, None), "lse": (None, None)}


@pytest.fixture
def record():
    cells = [{model: {"dice": dice[fold]} for model, dice in FOLDS.items()} for fold in (0, 1)]
    rows = [{"folds": [fold], "models": cells[fold]} for fold in (0, 1)]
    average = {"folds": [0, 1], "models": {model: {"dice": 0.1} for model in FOLDS}}
    models = [{"model": "lsn", "parameters": 50000}, {"model": "unet", "parameters": 0}, {"model": "lse"}]
    return {
        "fold_table": [*rows, average],
        "model_table": models,
        "folds": [0, 1],
        "synthetic": True,
        "dataset": "phantom",
    }


def test_a_point_is_the_mean_over_the_folds_that_are_done(record):
    assert model_points(record) == {"lsn": (50000, pytest.approx(0.85), [0.8, 0.9]), "unet": (1, 0.9, [0.9])}


def test_a_mean_over_some_of_the_folds_says_so():
    assert text_of("lsn", (50000, 0.85, [0.8, 0.9]), folds=2) == "0.850  lsn"
    assert text_of("unet", (1, 0.9, [0.9]), folds=2) == "0.900  unet, 1 of 2 folds"


def test_the_picture_shows_both_families(record, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    assert draw_dice(record, tmp_path / "dice.png")
    pixels = np.round(255 * image.imread(tmp_path / "dice.png")[..., :3]).astype(int).reshape(-1, 3)
    for colour in ((0x00, 0x63, 0x9C), (0xC2, 0x41, 0x0C)):
        assert (pixels == colour).all(axis=1).sum() > 100


def test_labels_are_spread_no_further_than_they_must(rng):
    assert spread([0.2, 0.9, 0.5], 0.1) == [0.2, 0.9, 0.5]
    assert spread([0.5, 0.5, 0.52], 0.1) == pytest.approx([0.42, 0.32, 0.52])
    assert spread([0.0, 0.01], 0.1) == pytest.approx([0.0, 0.1])
    heights = rng.uniform(size=9)
    found = np.array(spread(heights, 0.1))
    assert np.diff(np.sort(found)).min() >= 0.1 - 1e-12 and (np.argsort(found) == np.argsort(heights)).all()


def test_on_the_axis_of_the_error_the_best_are_told_apart():
    dice = np.array([0.0, 0.5, 0.9, 0.99])
    np.testing.assert_allclose(of_error(dice), [0.0, np.log10(2), 1.0, 2.0], atol=1e-12)
    np.testing.assert_allclose(of_error_back(of_error(dice)), dice, atol=1e-12)
    assert np.isfinite(of_error(1.0))


def test_models_of_nearly_one_size_stand_together():
    low, high = zoomed_out(48_000.0, 50_000.0)
    assert (high / low, (low * high) ** 0.5) == pytest.approx((10.0, (48e3 * 50e3) ** 0.5))
    assert zoomed_out(5.0, 50_000.0) == (5.0, 50_000.0)


def test_without_matplotlib_or_scores_nothing_is_drawn(record, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    assert not draw_dice({**record, "model_table": record["model_table"][2:]}, tmp_path / "dice.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert not draw_dice(record, tmp_path / "dice.png")
    assert list(tmp_path.iterdir()) == []
