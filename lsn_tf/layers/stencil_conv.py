"""Finite differences as a convolution kernel, applied as shifted slices."""

import itertools
import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from lsn_tf.layers.boundary import check_boundary, pad, per_image, shifted
from lsn_tf.layers.constraints import Consistent
from lsn_tf.numerics.stencils import get_stencil, stencil_kernel

LEARNING = ("frozen", "consistent", "free")


def _scaled(x, coefficient):
    """Returns coefficient * x, without the product where a frozen coefficient is one."""
    return x if isinstance(coefficient, float) and coefficient == 1 else coefficient * x


@keras.saving.register_keras_serializable("lsn_tf")
class StencilConv(keras.layers.Layer):
    """Finite differences of phi by stencils of three pixels along each axis, in physical units, in plane or space.

    The ladder from the classical method to a network is one argument. All rungs give bit-equal output
    until they are trained.

    Args:
        stencils: names from `numerics.stencils`, n of them.
        learning: "frozen": the stencils are constants, and there is no weight. "consistent": they are weights
            whose moments stay those of the named derivative. "free": plain convolution weights.
        boundary: what lies beyond the frame, see `boundary.pad`.

    Call arguments:
        phi: (batch, [depth,] height, width, 1), mm.
        spacing: (batch, 2 or 3), pixel size ([dz,] dy, dx), mm.

    Returns:
        A tuple of n tensors shaped like phi: the derivatives, in mm per mm**(order of differentiation).

    Raises:
        ValueError: for a stencil that is not in the catalogue, another rung or boundary.
    """

    halo = 1  # how many pixels away it looks

    def __init__(self, stencils: Sequence[str], learning: str = "frozen", boundary: str = "replicate", **kwargs):
        super().__init__(**kwargs)
        if learning not in LEARNING:
            raise ValueError(f"learning must be one of {LEARNING}. Received {learning!r}.")
        self.stencils = tuple(stencils)
        for name in self.stencils:
            get_stencil(name, ndim=3)  # which has those of the plane, too
        self.learning = learning
        self.boundary = check_boundary(boundary)

    def build(self, phi_shape, spacing_shape=None):
        ndim = len(phi_shape) - 2
        self.derivatives = [get_stencil(name, ndim).derivative for name in self.stencils]
        self.kernel = stencil_kernel(self.stencils, ndim)
        if self.learning != "frozen":
            self.kernel = self.add_weight(
                name="kernel",
                shape=self.kernel.shape,
                initializer=lambda shape, dtype: ops.convert_to_tensor(stencil_kernel(self.stencils, ndim), dtype),
                constraint=Consistent(self.stencils, ndim) if self.learning == "consistent" else None,
            )
        self.built = True

    def call(self, phi, spacing):
        return self.of_padded(pad(phi, self.halo, self.boundary), spacing)

    def of_padded(self, padded, spacing, halo: int = 1):
        """Returns the derivatives where phi has already been padded, by `halo` pixels."""
        return tuple(
            self._correlate(padded, n, halo) * _per_unit(spacing, powers) for n, powers in enumerate(self.derivatives)
        )

    def _correlate(self, padded, n, halo):
        terms = [
            _scaled(shifted(padded, halo, [a - 1 for a in index]), self._coefficient(index, n))
            for index in itertools.product(range(3), repeat=self.kernel.ndim - 2)
            if not self._vanishes(index, n)
        ]
        return sum(terms[1:], start=terms[0])

    def _coefficient(self, index, n):
        coefficient = self.kernel[(*index, 0, n)]
        return float(coefficient) if self.learning == "frozen" else ops.cast(coefficient, self.compute_dtype)

    def _vanishes(self, index, n):
        return self.learning == "frozen" and self.kernel[(*index, 0, n)] == 0

    def gains(self):
        """Returns sum |c| / 2 of each stencil: what it adds to the CFL number per unit of coefficient / h**order.

        One for a one-sided difference, two for a second difference; known for whatever a stencil has learned.
        """
        if self.learning == "frozen":
            magnitudes = np.abs(self.kernel).sum(axis=tuple(range(self.kernel.ndim - 1))) / 2
            return dict(zip(self.stencils, map(float, magnitudes), strict=True))
        kernel = ops.cast(self.kernel, self.compute_dtype)
        magnitudes = ops.sum(ops.abs(kernel), axis=tuple(range(len(kernel.shape) - 1))) / 2
        return dict(zip(self.stencils, ops.unstack(magnitudes), strict=True))

    def get_config(self):
        config = {"stencils": self.stencils, "learning": self.learning, "boundary": self.boundary}
        return {**super().get_config(), **config}


def _per_unit(spacing, powers):
    """Returns one over the product of pixel size ** power, (batch, 1, ..., 1): a factor, as pixels are many."""
    factors = [spacing[:, axis] ** power for axis, power in enumerate(powers) if power]
    return per_image(1 / math.prod(factors[1:], start=factors[0]), len(powers))
