"""Layers are matched in order where shapes agree; where they do not, stages and wholes remain."""

import numpy as np

from lsn_tf.analysis.matching import matching, places
from lsn_tf.analysis.network import Layer


def layer(name, *shape, stage=""):
    kernels = np.zeros((int(np.prod(shape[-2:])) if shape[:2] == (3, 3) else 0, 3, 3))
    channels = np.zeros(len(kernels), int)
    return Layer(name, 0, "full", stage, 1, shape, kernels, channels, channels, channels == 0)


def network(*shapes, stages=None, prefix="a"):
    stages = stages or [""] * len(shapes)
    return [layer(f"{prefix}{i}", *shape, stage=s) for i, (shape, s) in enumerate(zip(shapes, stages, strict=True))]


def names(pairs):
    return [(one.name, other.name) for one, other in pairs]


A, B, C, POINT = (3, 3, 1, 16), (3, 3, 16, 16), (3, 3, 32, 16), (1, 1, 16, 1)


def test_one_architecture_matches_wholly_whatever_the_names():
    one, other = network(A, B, B, C, B, POINT), network(A, B, B, C, B, POINT, prefix="b")
    assert names(matching(one, other)) == [(f"a{i}", f"b{i}") for i in range(5)]  # those with kernels to compare


def test_layers_that_one_network_has_more_are_passed_over():
    one, other = network(A, B, B, C, B), network(A, B, B, (3, 3, 16, 2), C, (3, 3, 16, 2), B, prefix="b")
    assert names(matching(one, other)) == [("a0", "b0"), ("a1", "b1"), ("a2", "b2"), ("a3", "b4"), ("a4", "b6")]


def test_matches_never_cross_and_no_layer_has_two():
    one, other = network(A, B, C, B, C), network(C, B, A, B, B, C, prefix="b")
    pairs = names(matching(one, other))
    assert [sorted(side) for side in zip(*pairs, strict=True)] == [list(side) for side in zip(*pairs, strict=True)]
    assert all(len(set(side)) == len(pairs) for side in zip(*pairs, strict=True))


def test_networks_without_a_common_shape_are_compared_by_the_stages_both_show():
    one = network(A, B, C, stages=["encoder", "bottom", "decoder"])
    other = network((3, 3, 2, 5), (3, 3, 5, 5), (3, 3, 5, 4), stages=["encoder", "decoder", "decoder"], prefix="b")
    found = [(place.level, place.name, len(place.layers), len(place.others)) for place in places(one, other)]
    assert found == [("model", "all", 3, 3), ("stage", "encoder", 1, 1), ("stage", "decoder", 1, 2)]


def test_filters_are_in_pairs_where_all_layers_of_a_place_match():
    one = network(A, B, C, stages=["encoder", "encoder", "decoder"])
    other = network(A, B, C, C, stages=["encoder", "encoder", "decoder", "decoder"], prefix="b")
    paired = {(place.level, place.name): place.paired for place in places(one, other)}
    assert paired == {
        ("model", "all"): False,
        ("stage", "encoder"): True,
        ("stage", "decoder"): False,
        ("layer", ""): True,
    }


def test_other_sizes_hold_a_place_in_the_order_but_are_not_compared():
    (place, *rest) = places(network(A, POINT, B), network(POINT, C, prefix="b"))
    assert (len(place.layers), len(place.others), rest) == (2, 1, [])
