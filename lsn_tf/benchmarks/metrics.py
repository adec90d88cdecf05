"""The distances between the borders of two masks, against distance transforms and k-d trees."""

import functools

from lsn_tf.benchmarks.timing import Row, medians_in_turns, size, time_rows
from lsn_tf.studies.border_distances import PEERS, mask_pairs
from lsn_tf.surface_distances import surface_distances

MASK_SIZE, MASK_SLICES = 384, 96


def measure(repeats: int, **_) -> list[Row]:
    """Times the distances between the borders of masks, clean and noisy, against other exact ways."""
    rows, (pairs, spacing_mm) = [], mask_pairs(MASK_SIZE, MASK_SLICES)
    ways = {"lsn_tf": surface_distances, **PEERS}
    for what, pair in pairs.items():
        works = {name: functools.partial(way, *pair, spacing_mm) for name, way in ways.items()}
        rows += time_rows(f"{what}, {size(pair[0].shape)}", medians_in_turns(works, repeats))
    return rows
