"""Each replacement stands beside its own controls, and a file of something else is refused in one line."""

import json

import numpy as np
import pytest

from lsn_tf.analysis.identification import dead
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.swap_results import against_controls, of_units, read_swap_results


def layer(name, kernels):
    count = np.arange(len(kernels), dtype=np.int32)
    return Layer(name, 0, "full", "", 1, (3, 3, 1, len(kernels)), kernels, 0 * count, count, ~dead(kernels))


@pytest.fixture
def network(rng):
    return [layer(name, rng.normal(size=(n, 3, 3)).astype(np.float32)) for name, n in (("noise", 60), ("edges", 30))]


@pytest.fixture
def written(swap_results, tmp_path):
    path = tmp_path / "swap.json"
    path.write_text(json.dumps(swap_results))
    return path


def test_what_was_written_is_read(written, swap_results, network):
    assert read_swap_results(str(written), network) == json.loads(json.dumps(swap_results))


def test_a_replacement_stands_beside_the_null_of_all_and_its_own_turned_one(swap_results):
    rows = {(row["order"], row["epochs"], row["replacement"]): row for row in against_controls(swap_results)}
    assert len(rows) == 7
    row = rows["random", 0, "nearest"]
    assert (row["dice"], row["null"], row["turned"]) == pytest.approx((0.75, 0.35, 0.5))
    assert (row["null_difference"], row["turned_difference"]) == pytest.approx((0.4, 0.25))
    assert row["null_low"] <= row["null_difference"] <= row["null_high"]
    row = rows["all", 0, "order_1"]
    assert (row["dice"], row["null"], row["turned"], row["turned_difference"]) == (0.4, 0.25, None, None)
    assert rows["all", 2, "nearest"]["null"] is None


def test_a_unit_stands_beside_its_null(swap_results):
    rows = of_units(swap_results)
    assert [(row["name"], row["replacement"], row["dice"], row["null"]) for row in rows] == [
        ("noise", "nearest", 0.7, 0.3),
        ("edges", "nearest", 0.7, 0.3),
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.pop("results"),
        lambda found: found["results"][0].pop("dice"),
        lambda found: found["results"][0].update(dice="much"),
        lambda found: found["comparisons"][0].update(interval=3),
        lambda found: found.update(layers=4),
        lambda found: found.update(options=[]),
    ],
)
def test_what_is_no_such_file_is_refused(spoil, written, swap_results, network):
    found = json.loads(json.dumps(swap_results))
    spoil(found)
    written.write_text(json.dumps(found))
    with pytest.raises(ValueError, match="swap_results must be a swap.json that lsn_tf.swap has written. Received"):
        read_swap_results(str(written), network)


@pytest.mark.parametrize("text", ["{", "[]", "3", "\udcff"])
def test_what_is_no_json_object_is_refused(text, written, network):
    written.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match="swap_results must be a swap.json"):
        read_swap_results(str(written), network)


def test_results_of_another_network_are_refused(written, network):
    for other in (network[:1], [network[0], layer("edges", network[1].kernels[:7])]):
        with pytest.raises(ValueError, match="swap_results must be of this model. Received .* of 90 kernels in noise"):
            read_swap_results(str(written), other)
