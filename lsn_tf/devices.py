"""What Keras' backend computes on."""

import keras

from lsn_tf.artifacts import machine


def on_accelerator() -> bool:
    """Tells whether Keras' backend computes on another device than the CPU."""
    return _accelerator() is not None


def device() -> str:
    """Returns what Keras' backend computes on, as in "gpu:0, NVIDIA H200"; a CPU has no name of its own."""
    name = _accelerator()
    return ", ".join(filter(None, (name, _kind()))) if name else keras.distribution.list_devices()[0]


def machine_and_device() -> str:
    """Returns what computes: `machine`, and the accelerator if there is one."""
    return f"{machine()}, {device()}" if on_accelerator() else machine()


def _accelerator() -> str | None:
    return next((name for name in keras.distribution.list_devices() if not name.startswith("cpu")), None)


def _kind() -> str:
    """Returns what the maker calls the accelerator, "" where the backend does not say."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.devices()[0].device_kind
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])["device_name"]
    return ""
