"""Every figure is drawn, under a name that is safe as that of a file, for any network."""

import re

import numpy as np
import pytest

from lsn_tf.analysis.figures.gallery import ROWS, layer_pictures, network_pictures
from lsn_tf.analysis.figures.style import styled

pytest.importorskip("matplotlib")
OF_A_NETWORK = ["family_shares", "dc_energy", "finite_difference_shares", "variance", "divergence"]
OF_A_NETWORK += ["fan_and_clump", "cluster_centres", "eigen_images"]


def drawn(pictures, findings):
    with styled():
        return [picture.name for picture in pictures(findings)]


def test_layers_with_any_name_have_files_of_their_own(make_findings, rng):
    names = ["../../etc/passwd", "a/b", "a:b", "λ <script>", "x" * 300, "x" * 300 + "y"]
    findings = make_findings({name: rng.normal(size=(20, 3, 3)) for name in names})
    assert drawn(network_pictures, findings) == OF_A_NETWORK
    files = drawn(layer_pictures, findings)
    assert len(set(files)) == len(names) and all(re.fullmatch(r"plane_\d{3}_[\w.-]{1,80}", f, re.A) for f in files)


def test_the_published_rule_another_network_and_replaced_kernels_have_figures(make_findings, rng, swap_results):
    kernels = {"noise": rng.normal(size=(60, 3, 3)), "edges": rng.normal(size=(30, 3, 3))}
    findings = make_findings(kernels, others=kernels, swap=swap_results, published=True)
    more = set(drawn(network_pictures, findings)) - set(OF_A_NETWORK)
    assert more == {"published_rule", "comparison", "differences", "swap"}


def test_what_a_dead_or_tiny_network_has_not_is_left_out(make_findings):
    assert drawn(network_pictures, make_findings({"dead": np.zeros((4, 3, 3))}))[:2] == OF_A_NETWORK[:2]
    single = make_findings({"single": np.ones((1, 3, 3))})
    assert drawn(network_pictures, single) == [*OF_A_NETWORK[:4], "cluster_centres"]
    assert drawn(layer_pictures, single) == []


def test_many_layers_have_several_figures_of_components(make_findings, rng):
    findings = make_findings({f"conv_{n}": rng.normal(size=(3, 3, 3)) for n in range(ROWS + 1)})
    assert drawn(network_pictures, findings)[-2:] == ["eigen_images_1", "eigen_images_2"]
