"""Curves are those of history.csv; runs that have not finished are drawn as far as they are."""

import pytest

from lsn_tf.reports.contents import make_contents
from lsn_tf.reports.learning_curves import draw_curves
from lsn_tf.reports.reported_runs import read_folders

pytest.importorskip("matplotlib")


def curves(make_run, *runs):
    return draw_curves(make_contents(read_folders([run.path for run in runs])))


def test_a_line_for_each_run_and_a_cross_where_one_stands(make_run):
    figure = curves(make_run, make_run("lsn"), make_run("lsn", 1, finished=False), make_run("unet"))
    lsn_loss, lsn_dice, unet_loss, unet_dice = figure.axes
    done, undone, cross = lsn_loss.lines
    assert list(done.get_xdata()) == [1, 2, 3] and list(done.get_ydata()) == [0.5, 0.25, 0.125]
    assert cross.get_marker() == "x" and (cross.get_xdata()[0], cross.get_ydata()[0]) == (3, 0.125)
    assert list(undone.get_ydata()) == list(done.get_ydata()) and undone.get_color() != done.get_color()
    assert list(lsn_dice.lines[0].get_ydata()) == pytest.approx([0.6, 0.7, 0.8]) and len(unet_loss.lines) == 1
    assert unet_dice.get_xlabel() == "epoch"


def test_a_loss_that_falls_far_has_a_logarithmic_axis_with_numbers_to_read(make_run):
    run = make_run("lsn")
    run.history.write_text("epoch,loss\n1,1.0\n2,0.01\n")
    figure = curves(make_run, run)
    figure.canvas.draw()
    assert figure.axes[0].get_yscale() == "log"
    assert {"0.01", "0.1", "1"} <= {text.get_text() for text in figure.axes[0].get_yticklabels()}
    run.history.write_text("epoch,loss\n1,1.0\n2,-0.01\n")
    assert curves(make_run, run).axes[0].get_yscale() == "linear"


def test_without_a_history_nothing_is_drawn(make_run):
    assert curves(make_run, make_run("lsn", history=False)) is None
