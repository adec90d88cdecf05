"""Names from files are drawn as they are, equal figures are equal files, and a band of chance is where chance is."""

import xml.etree.ElementTree
from types import SimpleNamespace

import numpy as np
import pytest

from lsn_tf.analysis.figures import style

HOSTILE = "a$b$ \\frac{<script>alert(1)</script>&\x00\x1b\n" + "x" * 100


@pytest.fixture(autouse=True)
def styled():
    pytest.importorskip("matplotlib")
    with style.styled():
        yield


def test_a_label_is_one_short_line_that_can_be_drawn():
    assert style.label("conv_1") == "conv_1"
    text = style.label(HOSTILE, 21)
    assert len(text) == 21 and text.isprintable() and text.startswith("a$b$") and text.endswith("xxx")


@pytest.mark.parametrize("form", ["png", "svg"])
def test_hostile_names_are_drawn_and_equal_figures_are_equal_files(form):
    files = []
    for _ in range(2):
        figure = style.new_figure(2, 1)
        figure.subplots().set_title(style.label(HOSTILE, 200))
        files.append(style.saved(figure, form))
    assert files[0] == files[1]
    if form == "svg":
        tags = {element.tag.rpartition("}")[2] for element in xml.etree.ElementTree.fromstring(files[0]).iter()}
        assert "path" in tags and "script" not in tags


def test_clusters_look_different_up_to_the_most_that_can_be_asked_for():
    looks = {tuple(style.cluster_style(number).values()) for number in range(64)}
    assert len(looks) == 64


def test_each_kernel_of_a_mosaic_is_shown_whole_and_by_its_own_scale(rng):
    kernels = rng.normal(size=(7, 3, 3)) * np.logspace(-3, 3, 7)[:, None, None]
    axes = style.new_figure(4, 4).subplots()
    tops = style.mosaic(axes, kernels, 3, gap=0.5)
    (image,) = axes.images
    picture = image.get_array().filled(np.nan)
    pixels = 6  # a kernel's width, three weights of two pixels
    for kernel, (x, y) in zip(kernels, tops, strict=True):
        left, top = round((x - 0.5) * pixels), round(y * pixels)
        shown = picture[top : top + pixels, left : left + pixels][::2, ::2]
        np.testing.assert_allclose(shown, kernel / np.abs(kernel).max())
    assert np.isnan(picture).mean() > 0.4


def test_a_stage_is_named_once_over_its_longest_part_where_there_is_room():
    stages = ["encoder"] * 8 + ["bottom"] + ["decoder"] * 4 + [""] + ["decoder"] * 6 + [""]
    layers = [SimpleNamespace(name=f"conv_{n}", stage=stage) for n, stage in enumerate(stages)]
    axes = style.new_figure(4, 2).subplots()
    style.depth_axis(axes, layers)
    assert [(text.get_text(), text.xy[0]) for text in axes.texts] == [("encoder", 3.5), ("decoder", 16.5)]
    assert [line.get_xdata()[0] for line in axes.lines] == [7.5, 8.5, 12.5, 13.5, 19.5]


def test_the_names_of_many_layers_are_thinned_out():
    layers = [SimpleNamespace(name=f"conv_{n}", stage="") for n in range(3 * style.LABELS)]
    axes = style.new_figure(4, 2).subplots()
    style.depth_axis(axes, layers)
    assert [text.get_text() for text in axes.get_xticklabels()] == [f"conv_{n}" for n in range(0, len(layers), 3)]
