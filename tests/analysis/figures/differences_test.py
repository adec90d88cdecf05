"""Figures of differences show each place once, with a dot where a difference holds, and are left out where none is."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.figures.differences import draw_comparison, draw_differences, draw_divergence
from lsn_tf.analysis.figures.style import styled

SOBEL = next(entry.kernel for entry in named_kernels() if entry.name == "sobel_x")


@pytest.fixture(scope="module")
def findings(make_findings):
    rng = np.random.default_rng(0)
    noise = {"first": rng.normal(size=(60, 3, 3)), "second": rng.normal(size=(60, 3, 3))}
    edges = {"first": noise["first"], "second": SOBEL + 0.05 * rng.normal(size=(60, 3, 3))}
    return make_findings(edges, others=noise)


def names(axes):
    return [tick.get_text() for tick in axes.get_xticklabels()]


def test_both_networks_are_drawn_at_each_layer_stage_and_the_whole(findings):
    figure = draw_comparison(findings)
    above, below = figure.axes
    assert names(below) == ["first", "second", "encoder", "decoder", "all"]
    drawn = np.concatenate([line.get_xydata() for line in above.lines if line.get_marker() == "o"])
    energies = [row for row in findings.differences if row.measure == "mean_dc_energy"]
    expected = {round(value, 6) for row in energies for value in (row.value, row.other_value)}
    assert {round(y, 6) for _, y in drawn} == expected


def test_the_logarithmic_axis_has_plain_numbers(findings):
    with styled():
        figure = draw_comparison(findings)
        figure.draw_without_rendering()
    texts = [tick.get_text() for tick in figure.axes[1].get_yticklabels()]
    assert len(texts) > 0 and all(float(text) > 0 for text in texts)


def test_a_dot_is_where_a_difference_holds(findings):
    axes = draw_differences(findings).axes[0]
    measures = [tick.get_text() for tick in axes.get_yticklabels()]
    (dots,) = [line.get_xydata() for line in axes.lines if line.get_marker() == "o"]
    found = {(measures[int(y)], names(axes)[int(x)]) for x, y in dots}
    words = {"mean_dc_energy": "mean DC energy"}
    held = {(row.measure, row.layer) for row in findings.differences if row.q_value < 0.05 and row.interval}
    assert {row for row in found if not row[0].startswith("mean share")} == {
        (words.get(measure, measure), layer) for measure, layer in held if not measure.startswith("mean_fd")
    }
    assert len(found) == len(held) and ("first difference", "second") in found
    assert not [row for row in found if row[1] == "first"]


def test_the_divergence_of_layers_is_a_picture_with_their_names(findings, make_findings, rng):
    axes = draw_divergence(findings).axes[0]
    assert names(axes) == ["first", "second"]
    np.testing.assert_array_equal(axes.images[0].get_array(), findings.divergence[1])
    assert draw_divergence(make_findings({"alone": rng.normal(size=(20, 3, 3))})) is None


def test_without_another_network_nothing_is_drawn(make_findings, rng):
    alone = make_findings({"alone": rng.normal(size=(20, 3, 3))})
    assert draw_comparison(alone) is None and draw_differences(alone) is None


def test_networks_without_a_difference_are_drawn(make_findings, rng):
    noise = {"first": rng.normal(size=(30, 3, 3))}
    same = make_findings(noise, others=noise)
    assert len(draw_comparison(same).axes) == 2 and len(draw_differences(same).axes) == 2
