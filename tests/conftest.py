"""What the tests share: pixels that are not square, random numbers that are seeded, and two devices."""

import numpy as np
import pytest
import tensorflow as tf

SPACING = (0.7, 0.9)  # (dy, dx), mm; swapped axes give other results


def pytest_configure():
    """Splits the CPU in two virtual devices before anything uses it, to test distribution on any machine."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture
def spacing() -> np.ndarray:
    """The pixel size of a batch of one slice, (1, 2), mm."""
    return np.array([SPACING], np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2019)
