"""Finite differences as a convolution kernel, applied as shifted slices."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from lsn_tf.layers.constraints import Consistent
from lsn_tf.numerics.stencils import get_stencil, stencil_kernel

LEARNING = ("frozen", "consistent", "free")


def along(x, axis: int, start, stop):
    """Returns the slice [start:stop] of x along one axis."""
    return x[(slice(None),) * axis + (slice(start, stop),)]


def pad_edge(x, radius: int = 1, axes: Sequence[int] = (1, 2)):
    """Replicates the border of a (batch, height, width, channel) tensor by `radius` pixels along these axes.

    Replication is the homogeneous Neumann condition: nothing flows through the frame, a constant stays constant.
    """
    for axis in axes:
        first, last = along(x, axis, 0, 1), along(x, axis, -1, None)
        x = ops.concatenate([first] * radius + [x] + [last] * radius, axis=axis)
    return x


def _scaled(x, coefficient):
    """Returns coefficient * x, without the product where a frozen coefficient is one."""
    return x if isinstance(coefficient, np.floating) and coefficient == 1 else coefficient * x


@keras.saving.register_keras_serializable("lsn_tf")
class StencilConv(keras.layers.Layer):
    """Finite differences of phi by 3x3 stencils, in physical units, edges replicated.

    The ladder from the classical method to a network is one argument. All rungs give bit-equal output
    until they are trained.

    Args:
        stencils: names from `numerics.stencils`, n of them.
        learning: "frozen": the stencils are constants, and there is no weight. "consistent": they are weights
            whose moments stay those of the named derivative. "free": plain convolution weights.

    Call arguments:
        phi: (batch, height, width, 1), mm.
        spacing: (batch, 2), pixel size (dy, dx), mm.

    Returns:
        A tuple of n tensors (batch, height, width, 1): the derivatives, in mm per mm**(order of differentiation).

    Raises:
        ValueError: for a stencil that is not in the catalogue, or another rung.
    """

    def __init__(self, stencils: Sequence[str], learning: str = "frozen", **kwargs):
        super().__init__(**kwargs)
        if learning not in LEARNING:
            raise ValueError(f"learning must be one of {LEARNING}. Received {learning!r}.")
        self.stencils = tuple(stencils)
        self.learning = learning
        self.derivatives = [get_stencil(name).derivative for name in self.stencils]

    def build(self, phi_shape, spacing_shape=None):
        self.kernel = stencil_kernel(self.stencils)
        if self.learning != "frozen":
            self.kernel = self.add_weight(
                name="kernel",
                shape=self.kernel.shape,
                initializer=lambda shape, dtype: ops.convert_to_tensor(stencil_kernel(self.stencils), dtype),
                constraint=Consistent(self.stencils) if self.learning == "consistent" else None,
            )
        self.built = True

    def call(self, phi, spacing):
        padded = pad_edge(phi)
        spacing = spacing[:, None, None, :, None]
        return tuple(
            self._correlate(padded, n) / (spacing[..., 0, :] ** py * spacing[..., 1, :] ** px)
            for n, (py, px) in enumerate(self.derivatives)
        )

    def _correlate(self, padded, n):
        height, width = ops.shape(padded)[1] - 2, ops.shape(padded)[2] - 2
        terms = [
            _scaled(padded[:, a : a + height, b : b + width], self.kernel[a, b, 0, n])
            for a in range(3)
            for b in range(3)
            if not self._vanishes(a, b, n)
        ]
        return sum(terms[1:], start=terms[0])

    def _vanishes(self, a, b, n):
        return isinstance(self.kernel, np.ndarray) and self.kernel[a, b, 0, n] == 0

    def gains(self):
        """Returns sum |c| / 2 of each stencil: what it adds to the CFL number per unit of coefficient / h**order.

        One for a one-sided difference, two for a second difference; known for whatever a stencil has learned.
        """
        magnitudes = ops.sum(ops.abs(ops.convert_to_tensor(self.kernel)), axis=(0, 1, 2)) / 2
        return dict(zip(self.stencils, ops.unstack(magnitudes), strict=True))

    def get_config(self):
        return {**super().get_config(), "stencils": self.stencils, "learning": self.learning}
