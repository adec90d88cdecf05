"""The figure of paired differences shows the numbers of the table."""

import numpy as np
import pytest
from run_files import dice_of

from lsn_tf.reports.contents import make_contents
from lsn_tf.reports.paired_figure import draw_pairs, scan_differences
from lsn_tf.reports.reported_runs import read_folders

pytest.importorskip("matplotlib")


def test_mean_intervals_and_scans_are_drawn_where_they_are(make_run):
    runs = [make_run(model, fold) for model in ("lsn", "unet") for fold in (0, 1)]
    contents = make_contents(read_folders([run.path for run in runs]))
    (row,) = contents.paired
    volumes = {v: (fold, v) for fold in (0, 1) for v in dice_of("lsn", fold, 0)}
    expected = [dice_of("lsn", fold, 0)[v] - dice_of("unet", fold, 0)[v] for fold, v in volumes.values()]
    np.testing.assert_allclose(scan_differences(contents, row), expected)
    means, scans = draw_pairs(contents).axes
    segments = [tuple(segment[:, 0]) for lines in means.collections for segment in lines.get_segments()]
    assert segments == [pytest.approx(row["block_interval"]), pytest.approx(row["interval"])]
    assert [line.get_xdata()[0] for line in means.lines if line.get_marker() == "o"] == [
        pytest.approx(np.mean(expected))
    ]
    (points,) = [line.get_xdata() for line in scans.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points, expected)


def test_without_pairs_nothing_is_drawn(make_run):
    assert draw_pairs(make_contents(read_folders([make_run("lsn").path]))) is None
