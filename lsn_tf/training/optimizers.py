"""What moves the weights: Muon for the kernels of the hidden convolutions, Adam for all others, or Adam alone."""

import collections
import re
from typing import Any

import keras
from keras import ops

# Layers of `models.encoder_decoder`; heads, stencils and edge indicators are none of them.
HIDDEN_LAYER = re.compile(r"(encoder|decoder)_\d|bottom")


@keras.saving.register_keras_serializable("lsn_tf")
class KernelMuon(keras.optimizers.Muon):
    """Muon for convolutions: the momentum of a kernel is made a nearly orthogonal matrix before it becomes a step.

    A kernel of shape (height, width, channels, filters) is the matrix (height width channels, filters) that maps a
    patch to its features; a step then changes all features at one rate, however their gradients differ. Keras' Muon
    does so with matrices only. What does not belong to a hidden layer, and biases, are moved by Adam.

    Args:
        learning_rate: a number or a schedule, of both; Muon's steps are scaled to the size of Adam's.

    Reference: Jordan et al. (2024), Muon, https://kellerjordan.github.io/posts/muon; Liu et al. (2025),
    arXiv:2502.16982 (the scale).
    """

    def __init__(self, learning_rate: Any = 2e-3, weight_decay=None, adam_weight_decay=None, **kwargs):
        super().__init__(learning_rate, weight_decay=weight_decay, adam_weight_decay=adam_weight_decay, **kwargs)

    def _should_use_adamw(self, variable):
        return len(variable.shape) < 3 or not HIDDEN_LAYER.search(variable.path)

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        if keras.backend.backend() != "jax":  # others may have to add up the gradients of several GPUs before
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        kernels = collections.defaultdict(list)  # by their number of filters
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            if self.adam_velocities[self._get_variable_index(variable)] is None:
                kernels[variable.shape[-1]].append((gradient, variable))
            else:
                self.update_step(gradient, variable, learning_rate)
        for alike in kernels.values():
            self._move_together(alike, learning_rate)

    def _move_together(self, kernels, learning_rate):
        """Moves kernels of equally many filters: alone, each would be dozens of products of tiny matrices.

        Rows of zeros, which make all of one height, change neither the norm nor the iteration, and stay zero.
        """
        momentums = [self.momentums[self._get_variable_index(variable)] for _, variable in kernels]
        directions = [self._direction(*kernel, m) for kernel, m in zip(kernels, momentums, strict=True)]
        rows = [direction.shape[0] for direction in directions]
        stack = ops.stack([ops.pad(d, ((0, max(rows) - n), (0, 0))) for d, n in zip(directions, rows, strict=True)])
        orthogonal = ops.unstack(self.zeropower_via_newtonschulz5(stack, self.ns_steps), len(kernels))
        for (_, variable), matrix, n in zip(kernels, orthogonal, rows, strict=True):
            self._move(variable, matrix[:n], learning_rate)

    def _muon_update_step(self, gradient, variable, lr, m):
        direction = self._direction(gradient, variable, m)
        self._move(variable, self.zeropower_via_newtonschulz5(direction, self.ns_steps), lr)

    def _direction(self, gradient, variable, m):
        """Returns the momentum of a kernel with this gradient, as a matrix."""
        self.assign(m, self.momentum * m + gradient)
        direction = gradient + self.momentum * m if self.nesterov else ops.convert_to_tensor(m)
        return ops.reshape(direction, (-1, variable.shape[-1]))

    def _move(self, variable, orthogonal, learning_rate):
        """Moves a kernel along a nearly orthogonal matrix."""
        step = ops.reshape(self.lr_adjust(orthogonal), variable.shape)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)


OPTIMIZERS = {"muon": KernelMuon, "adam": keras.optimizers.Adam}
