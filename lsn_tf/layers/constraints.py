"""The middle rung of the ladder: stencils that learn, yet remain finite differences."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from lsn_tf.numerics.consistency import consistent_projection
from lsn_tf.numerics.stencils import get_stencil


@keras.saving.register_keras_serializable("lsn_tf")
class Consistent(keras.constraints.Constraint):
    """Projects each stencil of a kernel to the nearest one with the moments of the stencil of this name.

    The moments up to (derivative + order of accuracy) are fixed, A c = b, so whatever the optimiser does the
    stencil approximates the same derivative with the same order. What stays free is its truncation error.

    Args:
        stencils: names from the catalogue, one for each of the n kernels.
        ndim: 2 for stencils of a plane, 3 for those of space.

    Call arguments:
        kernel: (3, 3, 1, n) or (3, 3, 3, 1, n).

    Returns:
        The projected kernel, shaped like it.
    """

    def __init__(self, stencils: Sequence[str], ndim: int = 2):
        self.stencils, self.ndim = tuple(stencils), ndim
        projections = [consistent_projection(get_stencil(name, ndim)) for name in self.stencils]
        self._matrices = np.stack([matrix for matrix, _ in projections])
        self._offsets = np.stack([offset for _, offset in projections])

    def __call__(self, kernel):
        flat = ops.reshape(kernel, (3**self.ndim, len(self.stencils)))
        matrices, offsets = (ops.cast(a, kernel.dtype) for a in (self._matrices, self._offsets.T))
        projected = ops.einsum("nij,jn->in", matrices, flat) + offsets
        return ops.reshape(projected, kernel.shape)

    def get_config(self):
        return {"stencils": self.stencils, "ndim": self.ndim}
