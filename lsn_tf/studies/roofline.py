"""The roofline of a device: how fast it could do a piece of work, by what it does in a matrix product and in a copy.

Reference: Williams, Waterman & Patterson (2009), doi:10.1145/1498765.1498785.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from lsn_tf.compilation import compiled
from lsn_tf.devices import on_accelerator
from lsn_tf.studies.step_costs import StepCost

PRODUCT, COPY = "matrix product", "copy"


@dataclasses.dataclass(frozen=True)
class ProbeSize:
    """How much a device is given to do.

    Attributes:
        side: of the matrices that are multiplied.
        copied_bytes: size of the array that is copied, of which a cache holds little.
        calls: products, or copies, in a row, so that starting and waiting hardly count.
    """

    side: int
    copied_bytes: int
    calls: int


ON_CPU, ON_ACCELERATOR = ProbeSize(2048, 2**28, 5), ProbeSize(8192, 2**30, 20)


@dataclasses.dataclass(frozen=True)
class Peak:
    """What a device reaches.

    Attributes:
        flops_per_second: in a large matrix product.
        bytes_per_second: read and written, in a large copy.
    """

    flops_per_second: float
    bytes_per_second: float

    def attainable_seconds(self, cost: StepCost) -> float:
        """Returns the least time for a piece of work, s: of its arithmetic or of its traffic, whichever is longer."""
        return max(cost.flops / self.flops_per_second, cost.bytes / self.bytes_per_second)

    def bound(self, cost: StepCost) -> str:
        """Returns what limits a piece of work, "arithmetic" or "memory"."""
        arithmetic, memory = cost.flops / self.flops_per_second, cost.bytes / self.bytes_per_second
        return "arithmetic" if arithmetic >= memory else "memory"


def peak_works(precision: str) -> dict[str, Callable[[], np.ndarray]]:
    """Returns the matrix products and the copies that show what the device reaches, several in a row each.

    Each returns the first row, or number, of the last, float32: a device may answer before it has computed.

    Args:
        precision: of their numbers, "float32" or "bfloat16".
    """
    size = probe_size()
    side, calls = size.side, size.calls
    rng = np.random.default_rng(0)
    # Products with it keep their size, so that they stay numbers as those of a network are.
    matrix = ops.cast(ops.convert_to_tensor((rng.normal(size=(side, side)) / side**0.5).astype(np.float32)), precision)
    array = ops.ones((size.copied_bytes // _bytes_of(precision),), precision)
    # The first copy leaves the array as it is, the others happen in place.
    copies = compiled(lambda x: ops.fori_loop(1, calls, lambda _, x: x + 1, x + 1))

    def multiply():
        product = matrix
        for _ in range(calls):
            product = ops.matmul(product, matrix)
        return _fetched(product[:1])

    return {PRODUCT: multiply, COPY: lambda: _fetched(copies(array)[:1])}


def measured_peak(seconds: Mapping[str, float]) -> Peak:
    """Returns the peak by the times of the works of `peak_works`, s."""
    size = probe_size()
    flops, moved = 2 * size.side**3, 2 * size.copied_bytes  # a copy reads and writes
    return Peak(size.calls * flops / seconds[PRODUCT], size.calls * moved / seconds[COPY])


def probe_size() -> ProbeSize:
    """Returns how much this device is given to do."""
    return ON_ACCELERATOR if on_accelerator() else ON_CPU


def _fetched(tensor: Any) -> np.ndarray:
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def _bytes_of(precision: str) -> int:
    return 2 if precision == "bfloat16" else 4
