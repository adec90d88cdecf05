"""How TensorFlow sees the level set steps: each traced once, and fused by XLA where that is wanted."""

import keras
import tensorflow as tf

from lsn_tf.layers import LevelSetEvolution


def trace_steps_once(model: keras.Model, jit_compile: bool) -> None:
    """Makes the steps of a model's evolutions functions of TensorFlow, of which the graph holds one copy a grid.

    With `jit_compile` XLA fuses each step, some hundred operations on one channel, into a few. The convolutions stay
    outside: on a CPU XLA makes them slower.
    """
    for layer in model.layers:
        if isinstance(layer, LevelSetEvolution):
            layer.forward = tf.function(layer.forward, jit_compile=jit_compile)
            layer.backward = tf.function(layer.backward, jit_compile=jit_compile)
            for step in layer.euler_steps:
                step.call = tf.function(step.call, jit_compile=jit_compile)
