"""What two networks are compared by, layer by layer: sums over the kernels of each filter, and kernels of one scale."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.diversity import peak_scaled
from lsn_tf.analysis.hits import claim_names, find_hits
from lsn_tf.analysis.identification import dc_energy, finite_difference_shares
from lsn_tf.analysis.kernel_arrays import chunks
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.templates import Templates

KERNELS = 50_000  # of a layer, whose distributions are compared: of larger layers as many are drawn
ROWS = 1 << 17  # kernels that are measured at once


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """A layer, or several: what is compared of it.

    Attributes:
        name: of the layer or stage.
        sums, sizes: (f, m), of each measure over the kernels of each filter, and how many entered.
        kernels: (n, s, s), those that are not dead, or a sample, as `diversity.peak_scaled` has them.
        filters: (n,) int, the filter of each of these, in [0, f).
    """

    name: str
    sums: np.ndarray
    sizes: np.ndarray
    kernels: np.ndarray
    filters: np.ndarray


def measure_names(templates: Templates) -> tuple[str, ...]:
    """Returns what is compared: shares of kernels, and means over those that are not dead.

    The share that is dead; the mean DC energy (1 - the mean share of finite differences of order 1), the mean shares of
    finite differences of higher orders; the shares of kernels that count as each family, or as finite differences of
    each order, see `hits.find_hits`.
    """
    names = claim_names(templates)
    orders = len(names) - len(templates.families)
    return ("dead", "mean_dc_energy", *(f"mean_fd_share_{order}" for order in range(2, orders + 1)), *names)


def measured(layer: Layer, templates: Templates, threshold: float, rng: np.random.Generator) -> Part:
    """Returns a layer as it is compared.

    Args:
        layer: with kernels of the templates' size.
        templates: the named kernels.
        threshold: least similarity of a hit, in (0, 1].
        rng: to draw the sample with.
    """
    filters = layer.outputs - layer.outputs.min()
    count = int(filters.max()) + 1
    measures = len(measure_names(templates))
    sums, sizes = np.zeros((2, count, measures))
    for chunk in chunks(layer.count, ROWS):
        alive = layer.alive[chunk]
        kernels, group = layer.kernels[chunk][alive], filters[chunk][alive]
        shares = finite_difference_shares(kernels)[:, 1:]
        values = np.column_stack([dc_energy(kernels), shares, find_hits(kernels, templates, threshold)])
        sums[:, 0] += np.bincount(filters[chunk], ~alive, count)
        sizes[:, 0] += np.bincount(filters[chunk], minlength=count)
        sums[:, 1:] += np.stack([np.bincount(group, column, count) for column in values.T], axis=1)
        sizes[:, 1:] += np.bincount(group, minlength=count)[:, None]
    kernels, places = sampled(layer, rng)
    return Part(layer.name, sums, sizes, kernels, filters[places])


def sampled(layer: Layer, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns at most `KERNELS` kernels of a layer that are not dead, scaled, and their places in the layer."""
    places = np.flatnonzero(layer.alive)
    if len(places) > KERNELS:
        places = np.sort(rng.choice(places, KERNELS, replace=False))
    return peak_scaled(layer.kernels[places]), places


def joined(parts: Sequence[Part], name: str) -> Part:
    """Returns several parts as one of this name; "" keeps the name of a single one."""
    if len(parts) == 1:
        return dataclasses.replace(parts[0], name=name or parts[0].name)
    starts = np.cumsum([0, *(len(part.sums) for part in parts[:-1])])
    return Part(
        name=name,
        sums=np.concatenate([part.sums for part in parts]),
        sizes=np.concatenate([part.sizes for part in parts]),
        kernels=np.concatenate([part.kernels for part in parts]),
        filters=np.concatenate([part.filters + start for part, start in zip(parts, starts, strict=True)]),
    )
