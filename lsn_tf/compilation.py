"""Compiles a function of tensors for the backend that Keras runs on: XLA on TensorFlow and JAX."""

from collections.abc import Callable

import keras


def compiled(function: Callable) -> Callable:
    """Returns the function, compiled by XLA where the backend can; it is compiled anew for each shape."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True, reduce_retracing=True)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return function
