"""Two networks differ where, and only where, something was changed; a network does not differ from itself."""

import dataclasses

import numpy as np
import pytest

from lsn_tf.analysis.comparison import DIVERGENCE, compare, layer_divergences
from lsn_tf.analysis.comparison_summary import comparison_lines, summarize_comparison
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.diversity import peak_scaled, shift
from lsn_tf.analysis.identification import dc_energy, dead
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.parts import measure_names
from lsn_tf.analysis.templates import make_templates

TEMPLATES = make_templates()
NAMED = {entry.name: entry.kernel for entry in named_kernels()}
STAGES = ("encoder", "encoder", "decoder")


def as_layer(name, kernel, stage=""):
    """Returns a layer of a Keras kernel, (3, 3, in, out)."""
    kernels = np.ascontiguousarray(kernel.reshape(3, 3, -1).transpose(2, 0, 1), np.float32)
    n = np.arange(len(kernels))
    outputs = kernel.shape[-1]
    return Layer(name, 0, "full", stage, 1, kernel.shape, kernels, n // outputs, n % outputs, ~dead(kernels))


def network(rng, prefix="", **changed):
    kernels = {f"conv{i}": rng.normal(size=(3, 3, 8, 24)) for i in range(3)} | changed
    return [as_layer(prefix + name, k, stage) for (name, k), stage in zip(kernels.items(), STAGES, strict=True)]


def at(differences, level, layer, measure):
    (found,) = [d for d in differences if (d.level, d.layer, d.measure) == (level, layer, measure)]
    return found


def test_a_network_does_not_differ_from_itself(rng):
    layers = network(rng)
    differences = compare(layers, layers, TEMPLATES)
    assert len(differences) == (1 + 2 + 3) * (len(measure_names(TEMPLATES)) + 1)
    assert {(d.difference, d.p_value, d.q_value) for d in differences} == {(0, 1, 1)}
    assert all(d.interval is None or d.interval[0] <= 0 <= d.interval[1] for d in differences)


def test_two_draws_of_one_kind_do_not_differ(rng):
    differences = compare(network(rng), network(rng, "b_"), TEMPLATES)
    assert min(d.q_value for d in differences) > 0.05


def test_what_was_changed_is_found_where_it_was_changed(rng):
    """Of one layer a third of each filter's kernels are now Laplacians: more of them, and of mean zero."""
    kernel = rng.normal(size=(3, 3, 8, 24))
    changed = kernel.copy()
    changed[:, :, :3] = NAMED["laplacian_9"][:, :, None, None] + 0.05 * rng.normal(size=(3, 3, 3, 24))
    differences = compare(network(rng, conv1=changed), network(rng, conv1=kernel), TEMPLATES)
    holding = [d for d in differences if d.q_value < 0.05]
    assert {(d.level, d.layer) for d in holding} == {("model", "all"), ("stage", "encoder"), ("layer", "conv1")}
    found = at(differences, "layer", "conv1", "Laplacian")
    assert found.difference == pytest.approx(3 / 8, abs=0.02) and found.interval[0] <= found.difference
    assert at(differences, "layer", "conv1", "mean_dc_energy").difference < 0


def test_a_training_that_changes_little_is_found_for_its_filters_are_in_pairs(rng):
    """The DC energy falls by a part of what filters differ in; without pairs, of other shapes, that is chance."""
    before = rng.normal(size=(3, 3, 8, 24)) + 0.3 * rng.normal(size=24)
    after = before - 0.1 * before.mean(axis=(0, 1))
    layers, others = ([as_layer("conv", kernel)] for kernel in (after, before))
    energy = at(compare(layers, others, TEMPLATES), "layer", "conv", "mean_dc_energy")
    assert energy.difference < 0 and energy.interval[1] < 0 and energy.q_value < 0.05
    longer = [*others, as_layer("more", before[..., :1])]
    assert at(compare(layers, longer, TEMPLATES), "model", "all", "mean_dc_energy").q_value > 0.05


def test_values_are_those_of_the_kernels_that_are_not_dead(rng):
    kernel = rng.normal(size=(3, 3, 8, 24))
    kernel[:, :, 2, :12] = 0
    layers, others = network(rng, conv0=kernel), network(rng, "b_")
    differences = compare(layers, others, TEMPLATES)
    dying, energy = (at(differences, "layer", "conv0", measure) for measure in ("dead", "mean_dc_energy"))
    assert (dying.value, dying.other_value, dying.kernels) == (12 / 192, 0, 192)
    assert energy.kernels == 180 and energy.value == pytest.approx(dc_energy(layers[0].living).mean(), rel=1e-5)
    shifted = at(differences, "layer", "conv0", DIVERGENCE)
    expected = shift(peak_scaled(layers[0].living), peak_scaled(others[0].kernels))
    assert shifted.difference == pytest.approx(expected, rel=1e-6) and shifted.value is None


def test_exchanging_the_networks_changes_the_sign(rng):
    one, other = network(rng), network(rng)
    there, back = compare(one, other, TEMPLATES), compare(other, one, TEMPLATES)
    for a, b in zip(there, back, strict=True):
        assert a.difference == pytest.approx(b.difference if a.measure == DIVERGENCE else -b.difference, abs=1e-12)
        assert a.p_value == pytest.approx(b.p_value, abs=0.1)


def test_scale_is_no_difference(rng):
    layers = network(rng)
    doubled = [dataclasses.replace(layer, kernels=2 * layer.kernels) for layer in layers]
    assert {d.difference for d in compare(layers, doubled, TEMPLATES)} == {0}


def test_a_dead_layer_differs_in_that_alone(rng):
    differences = compare(network(rng, conv2=np.zeros((3, 3, 8, 24))), network(rng), TEMPLATES)
    (found,) = [d for d in differences if (d.level, d.layer) == ("layer", "conv2")]
    assert (found.measure, found.value, found.other_value) == ("dead", 1, 0) and found.q_value < 0.05


def test_the_same_seed_gives_the_same_differences(rng):
    one, other = network(rng), network(rng)
    first, again, another = (compare(one, other, TEMPLATES, seed=seed) for seed in (1, 1, 2))
    assert first == again != another


def test_the_divergences_of_layers_are_a_symmetric_matrix(rng):
    layers = network(rng, conv2=np.abs(rng.normal(size=(3, 3, 8, 24))))
    layers.append(as_layer("dead", np.zeros((3, 3, 2, 2))))
    names, matrix = layer_divergences(layers)
    assert names == ["conv0", "conv1", "conv2"]
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    assert not np.diag(matrix).any() and 2 * matrix[0, 1] < min(matrix[0, 2], matrix[1, 2])


@pytest.mark.parametrize("living", [0, 1])
def test_fewer_than_two_kernels_have_no_divergence(living):
    kernel = np.ones((3, 3, 1, living)) if living else np.zeros((3, 3, 1, 1))
    names, matrix = layer_divergences([as_layer("a", kernel)])
    assert len(names) == living and matrix.shape == (living, living) and not matrix.any()


def test_the_summary_says_what_differs_and_where(rng):
    changed = np.abs(rng.normal(size=(3, 3, 8, 24)))
    differences = compare(network(rng, "a_", conv2=changed), network(rng, "b_"), TEMPLATES)
    summary = summarize_comparison("b.npz", differences)
    assert (summary["model"], summary["layers_matched"], summary["tested"]) == ("b.npz", 3, len(differences))
    (row,) = [row for row in summary["by_place"] if row["layer"] == "conv2" or row["layer"] == "a_conv2"]
    assert {"mean_dc_energy", DIVERGENCE} <= set(row["differs"]) and row["dc_energy"] > 2 * row["other_dc_energy"]
    sentences = [found["sentence"] for found in summary["differences"]]
    assert any(sentence.startswith("stage decoder: mean_dc_energy 0.") for sentence in sentences)
    assert any(sentence.startswith("layer a_conv2 and b_conv2: divergence ") for sentence in sentences)
    header, *lines, total = comparison_lines(summary)
    assert header.split()[0] == "compared" and len(lines) == 6 and "; 3 layers match" in total
