"""Along the depth, what holds is filled and lies above its band; noise is open."""

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.figures import depth, style

pytest.importorskip("matplotlib")
SOBEL = next(entry.kernel for entry in named_kernels() if entry.name == "sobel_x")


@pytest.fixture(scope="module")
def findings(make_findings):
    rng = np.random.default_rng(0)
    edges = SOBEL + 0.02 * rng.normal(size=(80, 3, 3))
    return make_findings({"noise": rng.normal(size=(80, 3, 3)), "edges": edges, "dead": np.zeros((4, 3, 3))})


def dots(axes):
    """Returns the places and values of open dots, then of filled ones."""
    opened, filled = (line for line in axes.lines if line.get_marker() == "o")
    return opened.get_xydata().tolist(), filled.get_xydata().tolist()


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def test_a_family_that_holds_is_filled_at_its_share_and_noise_is_open(findings):
    with style.styled():
        axes = panel(depth.draw_families(findings), "first difference")
    opened, filled = dots(axes)
    assert filled == [[1, 100.0]] and [place for place, _ in opened] == [0, 2]
    assert axes.get_ylim()[1] >= 100
    assert [text.get_text() for text in axes.texts] == ["encoder", "decoder"]


def test_every_family_and_order_has_a_panel(findings):
    with style.styled():
        titles = {axes.get_title(loc="left") for axes in depth.draw_families(findings).axes}
        orders = [axes.get_title(loc="left") for axes in depth.draw_shares(findings).axes]
    assert titles - {""} == {claim.family for claim in findings.claims}
    assert orders == [f"order {order} and above" for order in (1, 2, 3, 4)]


def test_dc_energy_of_differences_is_0_and_of_noise_within_its_band(findings):
    with style.styled():
        (axes,) = depth.draw_dc_energy(findings).axes
    ((place, noise),), ((edges_place, edges),) = dots(axes)
    assert (place, edges_place) == (0, 1) and edges < 0.01 and abs(noise - 1 / 9) < 0.05
    bands = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in axes.patches]
    assert len(bands) == 2 and all(low < 1 / 9 < high for low, high in bands)


def test_curves_of_variance_rise_to_100_per_cent(findings):
    with style.styled():
        curves, entropies, _ = depth.draw_variance(findings).axes
    for line in curves.lines:
        assert line.get_ydata()[-1] == pytest.approx(100) and (np.diff(line.get_ydata()) >= -1e-9).all()
    assert len(curves.lines) == 3  # two layers and white noise
    opened, filled = dots(entropies)
    assert [place for place, _ in opened + filled] == [0, 1]
