"""Boxes are drawn of the scans: medians, quartiles, and a point for each."""

import numpy as np
import pytest
from run_files import dice_of

from lsn_tf.reports.contents import make_contents
from lsn_tf.reports.dice_boxes import MOST_COLOURS, colour_of, draw_boxes, draw_folds
from lsn_tf.reports.reported_runs import read_folders

pytest.importorskip("matplotlib")


@pytest.fixture
def contents(make_run):
    runs = [make_run(model, fold) for model in ("lsn", "unet") for fold in (0, 2)]
    return make_contents(read_folders([run.path for run in runs]))


def test_the_line_of_a_box_is_the_median_and_every_scan_is_a_point(contents):
    axes = draw_boxes(contents).axes[0]
    scores = {
        model: sorted([*dice_of(model, 0, 0).values(), *dice_of(model, 2, 0).values()]) for model in ("lsn", "unet")
    }
    points = [sorted(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]
    assert points == list(scores.values())
    ends = [sorted(set(line.get_xdata())) for line in axes.lines]
    assert all([pytest.approx(np.median(dice))] in ends for dice in scores.values())
    boxes = [patch.get_path().get_extents() for patch in axes.patches]
    for box, dice in zip(boxes, scores.values(), strict=True):
        assert (box.x0, box.x1) == pytest.approx(tuple(np.quantile(dice, (0.25, 0.75))))


def test_folds_have_a_box_for_each_model_side_by_side(contents):
    boxes = [patch.get_path().get_extents() for patch in draw_folds(contents).axes[0].patches]
    middles = sorted((box.x0 + box.x1) / 2 for box in boxes)
    assert middles == pytest.approx([-0.2, 0.2, 0.8, 1.2])
    assert all(
        a.x1 < b.x0
        for a, b in zip(sorted(boxes, key=lambda b: b.x0), sorted(boxes, key=lambda b: b.x0)[1:], strict=False)
    )


def test_nothing_is_drawn_of_nothing(make_run):
    undone = make_contents(read_folders([make_run("lsn", finished=False).path]))
    assert draw_boxes(undone) is None and draw_folds(undone) is None
    one = [make_run("unet"), make_run("unet", 1, finished=False)]
    assert draw_folds(make_contents(read_folders([run.path for run in one]))) is None  # one fold with scores


def test_more_models_than_colours_are_drawn_all_together_only(make_run):
    runs = [make_run(f"lsn:width={n}", fold) for n in range(MOST_COLOURS + 1) for fold in (0, 1)]
    contents = make_contents(read_folders([run.path for run in runs]))
    assert draw_folds(contents) is None and len(draw_boxes(contents).axes[0].get_yticks()) == MOST_COLOURS + 1
    assert colour_of(contents, contents.models[0]) == colour_of(contents, contents.models[MOST_COLOURS])
