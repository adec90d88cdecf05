"""The summary of a kernel analysis: counts, the claims that hold, what was chosen; and the rows of its tests."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lsn_tf.analysis.claims import Claim
from lsn_tf.analysis.comparison import Difference
from lsn_tf.analysis.mean_shares import MeanShare
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.partition import Partition
from lsn_tf.analysis.share_tests import HOLDS, ShareTest


def summarize(
    network: Sequence[Layer],
    claims: Sequence[Claim],
    shares: Sequence[MeanShare],
    partitions: Mapping[str, Partition],
    means: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Returns what the analysis of a network has found, as it goes into JSON.

    Args:
        network: its convolutions, those of other sizes included.
        claims: all that were tested.
        shares: mean shares of finite differences, all that were tested.
        partitions: by column of the kernel table.
        means: by layer, its row in the table of layers.
    """
    layers = [layer for layer in network if layer.count]
    holding = [claim for claim in claims if claim.q_value < HOLDS]
    return {
        "kernels_3x3": sum(math.prod(layer.shape[-2:]) for layer in network if layer.shape[:-2] == (3, 3)),
        "kernels": sum(layer.count for layer in layers),
        "dead_kernels": sum(layer.dead for layer in layers),
        "layers": len(layers),
        "convolutions": len(network),
        "claims_tested": len(claims),
        "claims_hold_at_q": HOLDS,
        "claims": [{"sentence": claim.sentence(), **dataclasses.asdict(claim)} for claim in holding],
        "mean_shares_tested": len(shares),
        "mean_shares": [dataclasses.asdict(share) for share in shares if share.q_value < HOLDS],
        "clusters": {column: _cluster_sizes(found) for column, found in partitions.items()},
        "by_layer": [
            {
                "layer": layer.name,
                "kernels": layer.count,
                "dead": layer.dead,
                "dc_energy": means[layer.name]["mean_dc_energy"] if layer.alive.any() else None,
                "similarity": means[layer.name]["mean_similarity"] if layer.alive.any() else None,
                "claims": [claim.family for claim in holding if claim.layer == layer.name],
            }
            for layer in layers
        ],
        "warnings": _warnings(layers),
    }


def header_of(test: type[ShareTest]) -> list[str]:
    """Returns the header of a table of tests: the layer, what is tested of it, the numbers that all tests have."""
    layer, *shared = (field.name for field in dataclasses.fields(ShareTest))
    own = [field.name for field in dataclasses.fields(test) if field.name not in (layer, *shared)]
    place = shared.index("interval")
    return [layer, *own, *shared[:place], "interval_low", "interval_high", *shared[place + 1 :]]


def row_of(test: ShareTest | Difference) -> dict[str, Any]:
    """Returns a test as a row of its table: the interval has become two columns, empty where there is none."""
    row: dict[str, Any] = {}
    for name, value in dataclasses.asdict(test).items():
        if name == "interval":
            row["interval_low"], row["interval_high"] = value or ("", "")
        else:
            row[name] = value
    return row


def _cluster_sizes(found: Partition) -> dict[str, Any]:
    counts = [dataclasses.asdict(count) for count in found.counts]
    return {
        "form": found.form,
        "k": len(found.clusters.centres) if found.clusters else 0,
        "kernels": found.clusters.sizes.tolist() if found.clusters else [],
        "evidence": [{name: None if math.isnan(x) else x for name, x in count.items()} for count in counts],
    }


def _warnings(layers: Sequence[Layer]) -> list[str]:
    gone = [layer.name for layer in layers if layer.dead == layer.count]
    if len(gone) == len(layers):
        return ["the network is dead: all its kernels are 0, so there are no clusters and no claims."]
    return [f"all kernels are 0 in {len(gone)} of {len(layers)} layers: {', '.join(gone)}."] if gone else []
