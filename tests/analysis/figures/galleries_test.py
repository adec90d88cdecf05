"""Eigen-images stand by their shares of variance, cluster centres by their sizes and names."""

import dataclasses

import numpy as np
import pytest

from lsn_tf.analysis.figures import galleries, style
from lsn_tf.analysis.planes import plane_of

pytest.importorskip("matplotlib")


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_each_layer_has_nine_eigen_images_whose_shares_are_all(make_findings, rng):
    findings = make_findings({"one": rng.normal(size=(50, 3, 3)), "two": rng.normal(size=(30, 3, 3))})
    with style.styled():
        found = texts(galleries.draw_components(findings.layers))
    shares = [float(text.removesuffix(" %")) for text in found if text.endswith(" %")]
    assert found[-2:] == ["one", "two"] and sum(shares[:9]) == pytest.approx(100, abs=0.5) and len(shares) == 18
    explained = plane_of(findings.layers[1].kernels).axes.explained
    assert shares[9:] == pytest.approx(100 * explained, abs=0.051)


@pytest.mark.parametrize("k", [3, 20])
def test_each_cluster_is_named_with_its_size(k, make_findings, rng):
    findings = make_findings({"one": rng.normal(size=(50, 3, 3))})
    row = findings.cluster_rows[0]
    rows = [row | {"cluster": number, "kernels": 1000 + number, "form": "l1"} for number in range(k)]
    findings = dataclasses.replace(findings, cluster_rows=rows)
    with style.styled():
        found = texts(galleries.draw_centres(findings))
    assert [text for text in found if text.startswith(f"{k - 1}: {1000 + k - 1:,} (")]
    assert sum(text.startswith(style.label(row["nearest"], 22)) for text in found) == k


def test_a_dead_network_has_neither(make_findings):
    findings = make_findings({"dead": np.zeros((4, 3, 3))})
    assert galleries.draw_components(findings.layers) is None and galleries.draw_centres(findings) is None
