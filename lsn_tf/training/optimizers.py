"""What moves the weights: Muon for the kernels of the hidden convolutions, Adam for all others, or Adam alone."""

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

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign(m, self.momentum * m + gradient)
        step = gradient + self.momentum * m if self.nesterov else ops.convert_to_tensor(m)
        flat = ops.reshape(step, (-1, variable.shape[-1]))
        orthogonal = self.lr_adjust(self.zeropower_via_newtonschulz5(flat, self.ns_steps))
        self.assign_sub(variable, ops.cast(lr, variable.dtype) * ops.reshape(orthogonal, variable.shape))


OPTIMIZERS = {"muon": KernelMuon, "adam": keras.optimizers.Adam}
