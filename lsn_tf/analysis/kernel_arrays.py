"""Arrays of kernels as all of the analysis takes them: checked once, flattened, read in chunks of bounded memory."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import threadpoolctl

# Decorates what multiplies chunk by chunk. Products this small are slower on many threads of BLAS than on one: seven
# times so on two busy cores. With one thread results do not depend on the machine's cores either.
single_threaded = threadpoolctl.threadpool_limits.wrap(limits=1, user_api="blas")
CHUNK = 8192  # kernels: their similarities to a hundred named ones stay in a processor's cache


def shape_of(size: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the shape of a kernel, (s, s) for a width s; a shape, such as (3, 3, 3), stays."""
    return (size, size) if isinstance(size, int) else tuple(size)


def flat(kernels: np.ndarray) -> np.ndarray:
    """Returns kernels, (n, s, s) or (n, s, s, s) with s odd, as float32, (n, d), d = s * s or s * s * s.

    There is no copy where none is needed.

    Raises:
        ValueError: if the shape is another, or a kernel is not finite.
    """
    kernels = np.asarray(kernels)
    if kernels.ndim not in (3, 4) or len(set(kernels.shape[1:])) != 1 or kernels.shape[1] % 2 == 0:
        raise ValueError(
            f"kernels must be (n, s, s) or (n, s, s, s) with s odd. Received {kernels.shape}: for a Keras kernel "
            "(s, s, in, out) take kernel.transpose(3, 2, 0, 1).reshape(-1, s, s)."
        )
    rows = np.ascontiguousarray(kernels, dtype=np.float32).reshape(len(kernels), math.prod(kernels.shape[1:]))
    if rows.size and not (np.isfinite(rows.min()) and np.isfinite(rows.max())):
        raise ValueError("kernels must be finite. Received NaN or infinity: the training diverged.")
    return rows


def chunks(count: int, size: int = CHUNK) -> Iterator[slice]:
    """Yields the slices that cut `count` kernels into chunks."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def norms(rows: np.ndarray) -> np.ndarray:
    """Returns the L2 norms, (n,), of flattened kernels, (n, d)."""
    return np.sqrt(np.einsum("nd,nd->n", rows, rows))


def unit(rows: np.ndarray) -> np.ndarray:
    """Returns flattened kernels, (n, d), at L2 norm 1; those that are 0 stay 0."""
    lengths = norms(rows)
    return rows / np.where(lengths > 0, lengths, 1)[:, None]
