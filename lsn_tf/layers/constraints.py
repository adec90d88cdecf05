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

    Call arguments:
        kernel: (3, 3, 1, n).

    Returns:
        The projected kernel, (3, 3, 1, n).
    """

    def __init__(self, stencils: Sequence[str]):
        self.stencils = tuple(stencils)
        projections = [consistent_projection(get_stencil(name)) for name in self.stencils]
        self._matrices = np.stack([matrix for matrix, _ in projections]).astype(np.float32)
        self._offsets = np.stack([offset for _, offset in projections]).astype(np.float32)

    def __call__(self, kernel):
        flat = ops.reshape(kernel, (9, len(self.stencils)))
        projected = ops.einsum("nij,jn->in", self._matrices, flat) + self._offsets.T
        return ops.reshape(projected, kernel.shape)

    def get_config(self):
        return {"stencils": self.stencils}
