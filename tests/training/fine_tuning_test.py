"""What is held stays bit for bit, all else moves, and one fine-tuning leaves no trace in the next."""

import numpy as np
import pytest

from lsn_tf.data.pipeline import Slices
from lsn_tf.models import build_model
from lsn_tf.training.fine_tuning import FineTuning
from lsn_tf.training.fitting import FitOptions

MODEL, WINDOW = "unet:filters=4-4", (-100.0, 400.0)
PATHS = tuple(f"{name}_conv_{n}/kernel" for name in ("encoder_0", "bottom", "decoder_0") for n in (1, 2))


def slices(rng) -> Slices:
    mask = np.zeros((8, 16, 16, 1), np.float32)
    mask[:, 4:11, 3:12] = 1
    image = (100 * mask + rng.normal(0, 20, mask.shape)).astype(np.int16)
    return Slices(image, mask, np.tile(np.float32((0.7, 0.9)), (8, 1)), np.arange(8, dtype=np.int32))


def options(precision="float32") -> FitOptions:
    how = {"optimizer": "muon", "learning_rate": 2e-3, "mixed_precision": precision, "seed": 0}
    flags = dict.fromkeys(("augment", "jit", "multi_gpu", "progress"), False)
    return FitOptions(model=MODEL, window_hu=WINDOW, epochs=2, batch_size=4, **how, **flags)


def weights_of(model):
    return {variable.path: variable.numpy() for variable in model.trainable_variables}


@pytest.fixture(scope="module")
def fine_tune():
    return FineTuning(options(), slices(np.random.default_rng(0)), PATHS)


def test_held_kernels_stay_bit_for_bit_and_all_else_moves(fine_tune, rng):
    model = build_model(MODEL, WINDOW)
    before = weights_of(model)
    chosen = {
        path: np.broadcast_to(rng.uniform(size=before[path].shape[2:]) < 0.5, before[path].shape) for path in PATHS
    }
    chosen["bottom_conv_1/kernel"] = np.ones((3, 3, 4, 4), bool)
    fine_tune(model, chosen)
    after = weights_of(model)
    for path, mask in chosen.items():
        np.testing.assert_array_equal(after[path][mask], before[path][mask])
        assert mask.all() or (after[path] != before[path])[~mask].mean() > 0.5
    assert (after["logit/kernel"] != before["logit/kernel"]).any()


def test_one_fine_tuning_leaves_no_trace_in_the_next(fine_tune, rng):
    model = build_model(MODEL, WINDOW)
    start, ends = model.get_weights(), []
    for held in ({}, {path: np.ones(model.get_layer(path[:-7]).kernel.shape, bool) for path in PATHS}, {}):
        model.set_weights(start)
        fine_tune(model, held)
        ends.append(weights_of(model))
    for path in ends[0]:
        np.testing.assert_array_equal(ends[0][path], ends[2][path])
    assert all((ends[0][path] != ends[1][path]).any() for path in PATHS)


def test_a_variable_that_may_not_be_held_is_refused(fine_tune):
    with pytest.raises(ValueError, match=r"held must be of the variables \['bottom_conv_1/kernel', .*'logit/kernel'"):
        fine_tune(build_model(MODEL, WINDOW), {"logit/kernel": np.ones((1, 1, 4, 1), bool)})
