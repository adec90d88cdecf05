"""The learned correction is exactly zero at the start, and bounded whatever it has learned."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.speed_correction import SpeedCorrection

CHANNELS = {"speed": 1, "velocity": 2, "curvature_weight": 1}


def case(rng):
    fields = {name: rng.random((2, 5, 6, n)).astype(np.float32) for name, n in CHANNELS.items()}
    return fields, rng.normal(size=(2, 5, 6, 4)).astype(np.float32)


@pytest.fixture(params=[(1, False), (1, True), (3, True)], ids=str)
def layer(request):
    return SpeedCorrection(*request.param)


def test_the_correction_is_exactly_zero_at_initialisation(layer, rng):
    fields, features = case(rng)
    corrected = layer(fields, features)
    assert corrected.keys() == fields.keys()
    for name, field in fields.items():
        np.testing.assert_array_equal(ops.convert_to_numpy(corrected[name]), np.tile(field, (1, 1, 1, layer.steps)))


def test_whatever_is_learned_the_correction_is_bounded_and_no_weight_of_curvature_is_negative(layer, rng):
    fields, features = case(rng)
    layer(fields, features)
    layer.head.kernel.assign(5 * rng.normal(size=layer.head.kernel.shape))
    corrected = {name: ops.convert_to_numpy(field) for name, field in layer(fields, features).items()}
    change = {name: corrected[name] - np.tile(field, (1, 1, 1, layer.steps)) for name, field in fields.items()}
    assert 0.5 < np.abs(change["speed"]).max() <= 1 + 1e-6
    assert 0 <= corrected["curvature_weight"].min()
    assert (corrected["curvature_weight"] <= 2 * np.tile(fields["curvature_weight"], (1, 1, 1, layer.steps))).all()
    assert np.abs(change["velocity"]).max() <= 1 + 1e-6
    assert (change["velocity"] != 0).any() == layer.transport


@pytest.mark.parametrize("transport", [False, True])
def test_a_term_that_is_not_there_is_not_corrected(transport, rng):
    fields, features = case(rng)
    layer = SpeedCorrection(3, transport)
    without = {name: fields[name] for name in ("speed", "velocity")}
    layer(without, features)
    layer.head.kernel.assign(rng.normal(size=layer.head.kernel.shape))
    assert layer.head.kernel.shape[-1] == (9 if transport else 3)
    corrected = {name: ops.convert_to_numpy(field) for name, field in layer(without, features).items()}
    changed = {name for name in corrected if (corrected[name] != np.tile(without[name], (1, 1, 1, 3))).any()}
    assert corrected.keys() == without.keys()
    assert changed == ({"speed", "velocity"} if transport else {"speed"})
