"""Scores are those of the masks, and every change can be taken back."""

import numpy as np
import pytest

from lsn_tf.metrics import dice
from lsn_tf.viewer import depths
from lsn_tf.viewer.layers import MOST_UNDONE, Layer, empty

SHAPE = (4, 5, 6)


def random_depth(rng, shape=SHAPE):
    return rng.integers(depths.FARTHEST, depths.DEEPEST, shape, np.int8, endpoint=True)


def test_scores_are_those_of_the_mask(rng):
    layer, reference = Layer("a", "A", random_depth(rng)), rng.random(SHAPE) < 0.5
    scores = layer.scores(reference, voxel_mm3=1.6)
    assert scores["dice"] == pytest.approx(dice(reference, layer.mask), abs=1e-4)
    assert scores["ml"] == pytest.approx(layer.mask.sum() * 1.6e-3, abs=0.01)
    assert scores["dice_per_slice"] == [
        pytest.approx(dice(*p), abs=1e-4) for p in zip(reference, layer.mask, strict=True)
    ]
    layer.change(slice(0, 4), np.int8(depths.DEEPEST))
    assert layer.scores(reference, 1.6)["ml"] == pytest.approx(120 * 1.6e-3, abs=0.01)
    assert "dice" not in Layer("b", "B", random_depth(rng)).scores(None, 1.0)


def test_undo_goes_back_through_all_changes(rng):
    layer = empty("a", "A", SHAPE)
    assert not layer.ready and not layer.mask.any()
    states = []
    for n in range(5):
        slices = slice(n % 3, n % 3 + 2)
        states.append(layer.depth.copy())
        layer.remember(slices)
        layer.change(slices, random_depth(rng, (2, *SHAPE[1:])))
    versions = {layer.version}
    while layer.can_undo:
        assert layer.undo()
        np.testing.assert_array_equal(layer.depth, states.pop())
        versions.add(layer.version)
    assert not states and len(versions) == 6 and not layer.undo()


def test_no_more_changes_are_kept_than_can_be_undone(rng):
    layer = empty("a", "A", SHAPE)
    for _ in range(MOST_UNDONE + 9):
        layer.remember(slice(0, 1))
        layer.change(slice(0, 1), random_depth(rng, SHAPE[1:]))
    assert sum(layer.undo() for _ in range(MOST_UNDONE + 9)) == MOST_UNDONE
