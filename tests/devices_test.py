"""What the backend computes on is said as the backend says it."""

import keras
import pytest

from lsn_tf import devices


@pytest.mark.parametrize(
    ("listed", "accelerator", "named"),
    [
        (["cpu:0"], False, "cpu:0"),
        (["cpu:0", "cpu:1"], False, "cpu:0"),
        (["gpu:0", "gpu:1"], True, "gpu:0, NVIDIA H200"),
        (["cpu:0", "gpu:0"], True, "gpu:0, NVIDIA H200"),
    ],
)
def test_an_accelerator_comes_before_the_processor_and_has_a_name(listed, accelerator, named, monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: listed)
    monkeypatch.setattr(devices, "_kind", lambda: "NVIDIA H200")
    monkeypatch.setattr(devices, "machine", lambda: "an abacus")
    assert devices.on_accelerator() is accelerator and devices.device() == named
    assert devices.machine_and_device() == ("an abacus, " + named if accelerator else "an abacus")


def test_the_device_of_this_machine_is_one_that_keras_lists():
    assert devices.device().split(",")[0] in keras.distribution.list_devices()
