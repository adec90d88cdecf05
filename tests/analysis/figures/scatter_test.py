"""The figure of a plane puts a named kernel and its equal among the learned on one place."""

import numpy as np
import pytest

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.figures import scatter, style

pytest.importorskip("matplotlib")
SOBEL = next(entry.kernel for entry in named_kernels() if entry.name == "sobel_x")


def offsets(axes):
    return np.concatenate([collection.get_offsets() for collection in axes.collections[:-1]])


def test_a_learned_stencil_lies_on_the_marker_of_its_name(make_findings, rng):
    kernels = rng.normal(0.2, 1, (60, 3, 3))
    kernels[17] = 3 * SOBEL
    findings = make_findings({"conv": kernels})
    with style.styled():
        axes, key = scatter.draw_plane(findings, findings.layers[0]).axes
    diamonds = axes.collections[-1].get_offsets()
    distances = np.linalg.norm(offsets(axes)[:, None] - diamonds, axis=2)
    names = [text.get_text() for text in key.texts]
    assert len(offsets(axes)) == 60 and distances.min() < 1e-5
    order = np.argsort(-np.asarray(diamonds)[:, 1], kind="stable")
    assert names[list(order).index(int(np.unravel_index(distances.argmin(), distances.shape)[1]))] == "sobel_x"


def test_dead_kernels_are_not_drawn_and_one_alone_spans_no_plane(make_findings, rng):
    kernels = rng.normal(size=(20, 3, 3))
    kernels[:5] = 0
    findings = make_findings({"conv": kernels, "single": kernels[5:6]})
    with style.styled():
        axes, _ = scatter.draw_plane(findings, findings.layers[0]).axes
        assert scatter.draw_plane(findings, findings.layers[1]) is None
    assert len(offsets(axes)) == 15


def test_a_plane_says_how_many_kernels_it_shows(make_findings, rng):
    findings = make_findings({"conv": rng.normal(size=(120, 3, 3))}, most_shown=50)
    with style.styled():
        axes, _ = scatter.draw_plane(findings, findings.layers[0]).axes
    assert axes.get_title(loc="left") == "conv: 120 kernels, 50 shown" and len(offsets(axes)) == 50


def test_late_layers_are_the_last_of_the_decoder_with_enough_kernels(make_findings, rng):
    counts = {"first": 30, "one": 30, "two": 30, "three": 30, "few": 5}
    findings = make_findings({name: rng.normal(size=(count, 3, 3)) for name, count in counts.items()})
    assert [layer.name for layer in scatter.late_layers(findings)] == ["one", "two", "three"]
    only_first = make_findings({"first": rng.normal(size=(30, 3, 3))})
    assert [layer.name for layer in scatter.late_layers(only_first)] == ["first"]


def test_the_fan_shows_norm_and_dc_energy_of_each_kernel(make_findings, rng):
    kernels = rng.normal(size=(40, 3, 3))
    findings = make_findings({"conv": kernels})
    with style.styled():
        _, right = scatter.draw_fan(findings).axes
    noise, *clusters = right.collections[:4]
    shown = np.concatenate([collection.get_offsets() for collection in clusters])
    norms = np.linalg.norm(kernels, axis=(1, 2))
    expected = np.stack([norms, kernels.sum(axis=(1, 2)) ** 2 / (9 * norms**2)], axis=1)
    order = np.argsort(expected[:, 0])
    np.testing.assert_allclose(np.array(shown)[np.argsort(shown[:, 0])], expected[order], rtol=1e-5, atol=1e-7)
    assert len(noise.get_offsets()) == 40
