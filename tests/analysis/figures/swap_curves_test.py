"""The figure is drawn as PNG and as SVG, with every replacement, layer and control that was measured, and no other."""

import pytest

from lsn_tf.analysis.figures.swap_curves import write_swap

pytest.importorskip("matplotlib")


def row(dice, replacement="", control="", share=0.0, order="all", unit="network", name="", epochs=0):
    kernels = round(100 * share)
    ends = {"dice": dice, "dice_low": dice - 0.05, "dice_high": dice + 0.05}
    place = {"unit": unit, "name": name, "order": order, "share": share, "kernels": kernels, "epochs": epochs}
    return {**place, "replacement": replacement, "control": control, **ends, "draws": 1}


def found(layers=("encoder_0_conv_1", "bottom_conv_1")):
    what = [("nearest", ""), ("centre", ""), ("permuted", "null"), ("nearest", "turned")]
    curves = [
        row(0.9 - share / (2 + n), *candidate, share, order)
        for n, candidate in enumerate(what)
        for share, order in ((0.5, "best first"), (0.5, "random"), (1.0, "all"))
    ]
    tuned = [row(0.8, "nearest", "", 1.0, epochs=2), row(0.9, epochs=2)]
    return [
        row(0.95),
        *curves,
        *tuned,
        *[row(0.7, *candidate, 1.0, unit="layer", name=name) for candidate in what[:3] for name in layers],
    ]


def test_the_svg_says_what_was_measured(tmp_path):
    assert write_swap(found(), tmp_path / "swap.svg", "a title")
    text = (tmp_path / "swap.svg").read_text()
    said = ("a title", "nearest named kernel", "cluster centre", "share replaced", "null: permuted", "encoder_0_conv_1")
    assert [words for words in said if words not in text] == []
    assert "finite differences" not in text
    write_swap(found(layers=()), tmp_path / "swap.svg", "a title")
    assert "encoder_0_conv_1" not in (tmp_path / "swap.svg").read_text()


def test_the_png_is_the_same_for_the_same_rows(tmp_path):
    for name in ("one.png", "two.png"):
        write_swap(found(), tmp_path / name, "a title")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "one.png").read_bytes()[1:4] == b"PNG"
