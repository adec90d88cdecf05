"""Sets of kernels are nested and hit what they name; replacements and controls touch these and nothing else."""

import functools

import numpy as np
import pytest

from lsn_tf.analysis.network import read_network
from lsn_tf.analysis.replacement import finite_difference, nearest_named
from lsn_tf.analysis.swapping import (
    ALL,
    BEST_FIRST,
    CLUSTER,
    LAYER,
    NULL,
    RANDOM,
    STAGE,
    TURNED,
    HiddenKernels,
    measure,
    network_parts,
    original,
    substitutes,
    swapped,
    unit_parts,
)
from lsn_tf.analysis.templates import make_templates

SHAPES = {"encoder_0_conv_1": (3, 3, 1, 4), "bottom_conv_1": (3, 3, 4, 5), "decoder_0_conv_1": (3, 3, 9, 4)}
TEMPLATES = make_templates()
REPLACEMENTS = {
    "nearest": functools.partial(nearest_named, templates=TEMPLATES),
    "centre": lambda kernels: np.roll(kernels, 1, axis=0),
    "order_2": functools.partial(finite_difference, order=2),
}


@pytest.fixture
def weights(rng):
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def network(weights, tmp_path):
    np.savez(tmp_path / "network.npz", **weights)
    return HiddenKernels.of(read_network(tmp_path / "network.npz", 3))


def test_kernels_go_back_to_their_places_among_the_weights(network, weights):
    assert network.kernels.shape == (4 + 20 + 36, 3, 3)
    restored = network.by_layer(network.kernels)
    assert list(restored) == list(weights)
    for name in weights:
        np.testing.assert_array_equal(restored[name], weights[name])
    np.testing.assert_array_equal(network.kernels[4 + 7], weights["bottom_conv_1"][:, :, 1, 2])


def test_sets_grow_by_similarity_or_at_random_and_end_with_all(rng):
    similarity = rng.uniform(size=40).astype(np.float32)
    parts = network_parts(similarity, (0.1, 0.5, 1.0), seed=3)
    assert [(part.order, part.share, part.chosen.sum()) for part in parts] == [
        (BEST_FIRST, 0.1, 4),
        (BEST_FIRST, 0.5, 20),
        (RANDOM, 0.1, 4),
        (RANDOM, 0.5, 20),
        (ALL, 1.0, 40),
    ]
    for few, many in (parts[:2], parts[2:4]):
        assert not (few.chosen & ~many.chosen).any()
    for part in parts[:2]:
        assert similarity[part.chosen].min() > similarity[~part.chosen].max()
    assert similarity[parts[3].chosen].min() < similarity[~parts[3].chosen].max()
    again = network_parts(1 - similarity, (0.5,), seed=3)
    np.testing.assert_array_equal(again[1].chosen, parts[3].chosen)
    assert not np.array_equal(network_parts(similarity, (0.5,), seed=4)[1].chosen, parts[3].chosen)


def test_stages_clusters_and_layers_each_divide_the_network(network, rng):
    labels = rng.integers(-1, 3, len(network.kernels))
    parts = unit_parts(network, labels)
    names = {unit: [part.name for part in parts if part.unit == unit] for unit in (STAGE, CLUSTER, LAYER)}
    assert names[STAGE] == ["encoder", "bottom", "decoder"] and names[LAYER] == list(SHAPES)
    assert sorted(names[CLUSTER]) == ["0", "1", "2"]
    for unit, inside in ((STAGE, 60), (LAYER, 60), (CLUSTER, (labels >= 0).sum())):
        times = sum(part.chosen.astype(int) for part in parts if part.unit == unit)
        assert times.max() == 1 and times.sum() == inside
    (layer,) = [part for part in parts if part.name == "bottom_conv_1"]
    np.testing.assert_array_equal(np.flatnonzero(layer.chosen), np.arange(4, 24))


def test_each_replacement_comes_once_and_controls_as_often_as_drawn(network):
    found = substitutes(network.kernels, REPLACEMENTS, "permuted", 2, seed=0)
    assert [(one.replacement, one.control, one.draw) for one in found] == [
        ("nearest", "", 0),
        ("centre", "", 0),
        ("order_2", "", 0),
        ("permuted", NULL, 0),
        ("permuted", NULL, 1),
        ("nearest", TURNED, 0),
        ("nearest", TURNED, 1),
        ("order_2", TURNED, 0),
        ("order_2", TURNED, 1),
    ]
    lengths = np.linalg.norm(network.kernels, axis=(1, 2))
    for one in found:
        if one.replacement != "centre":
            np.testing.assert_allclose(np.linalg.norm(one.kernels, axis=(1, 2)), lengths, rtol=1e-4)
    assert not np.array_equal(found[3].kernels, found[4].kernels)


def test_replacements_and_controls_touch_the_same_kernels_and_no_other(network, rng):
    candidates = substitutes(network.kernels, REPLACEMENTS, "gaussian", 2, seed=0)
    labels = rng.integers(0, 2, len(network.kernels))
    for part in network_parts(rng.uniform(size=60), (0.3, 1.0), 0) + unit_parts(network, labels):
        for candidate in candidates:
            kernels = swapped(network.kernels, part, candidate)
            np.testing.assert_array_equal((kernels != network.kernels).any(axis=(1, 2)), part.chosen)
            np.testing.assert_array_equal(kernels[part.chosen], candidate.kernels[part.chosen])


def test_every_part_is_scored_with_every_candidate(network):
    candidates = substitutes(network.kernels, REPLACEMENTS, "permuted", 1, seed=0)
    parts = network_parts(np.arange(60.0), (0.5,), 0)
    seen = []

    def score(weights, part):
        seen.append(weights)
        return np.array([part.share, weights["bottom_conv_1"].sum()])

    found = list(measure(network, parts, candidates, score, epochs=4))
    assert len(found) == 2 * 6 and {one.kernels for one in found} == {30} and {one.epochs for one in found} == {4}
    expected = network.by_layer(swapped(network.kernels, parts[1], candidates[2]))
    for name in SHAPES:
        np.testing.assert_array_equal(seen[6 + 2][name], expected[name])
    assert (found[8].order, found[8].replacement, found[8].dice[1]) == (
        RANDOM,
        "order_2",
        expected["bottom_conv_1"].sum(),
    )


def test_a_network_of_named_kernels_is_what_it_is_replaced_by(rng):
    rows = TEMPLATES.rows[rng.integers(len(TEMPLATES.rows), size=60)] * rng.normal(size=(60, 1))
    kernels = rows.astype(np.float32).reshape(60, 3, 3)
    (named,) = substitutes(kernels, {"nearest": REPLACEMENTS["nearest"]}, "permuted", 1, 0)[:1]
    np.testing.assert_allclose(named.kernels, kernels, atol=1e-6)


def test_the_original_replaces_nothing():
    found = original(np.array([0.5]), 3)
    assert (found.share, found.kernels, found.replacement, found.control, found.epochs) == (0, 0, "", "", 3)
