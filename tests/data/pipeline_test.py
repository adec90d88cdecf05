"""Batches: pairs stay pairs, and an epoch depends on (seed, epoch) alone."""

import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.data import pipeline
from lsn_tf.data.volumes import Scan


def _scan(volume_id: int, slices: int = 3, shape: tuple[int, int] = (32, 64)) -> Scan:
    generator = np.random.default_rng(volume_id)
    label = generator.integers(0, 3, (slices, *shape), dtype=np.uint8)
    image = (100 * label.astype(np.int16) + volume_id).astype(np.int16)
    return Scan(volume_id, image, label, (5.0, 0.7, 0.9), False, np.eye(4))


@pytest.fixture
def slices() -> pipeline.Slices:
    return pipeline.gather_slices([_scan(n) for n in range(4)], 16)


def _epochs(slices: pipeline.Slices, first_epoch: int, batches: int, seed: int = 3) -> list[np.ndarray]:
    dataset = pipeline.training_batches(slices, 4, seed, first_epoch)
    return [np.concatenate([x["image"].numpy().ravel(), y.numpy().ravel()]) for x, y in dataset.take(batches)]


def test_spacing_follows_the_grid_axis_by_axis(slices):
    np.testing.assert_allclose(slices.spacing, np.tile([0.7 * 32 / 16, 0.9 * 64 / 16], (12, 1)), rtol=1e-6)


def test_slices_of_a_scan_stay_together_and_in_order(slices):
    assert slices.volume_id.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    scan = _scan(2)
    np.testing.assert_array_equal(slices.image[6:9, ..., 0], pipeline.resize_image(scan.image, (16, 16)))


def test_the_mask_keeps_the_volume_of_the_target(slices):
    """Area averages conserve it; a majority vote would not."""
    for n in range(4):
        share = slices.of_volumes([n]).mask.mean()
        assert share == pytest.approx((_scan(n).label > 0).mean(), rel=1e-6)


def test_liver_includes_its_tumours_and_tumor_does_not_include_the_liver():
    label = np.array([0, 1, 2])
    assert pipeline.target_mask(label, "liver").tolist() == [False, True, True]
    assert pipeline.target_mask(label, "tumor").tolist() == [False, False, True]


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="at least one scan"):
        pipeline.gather_slices([], 16)


def test_volumes_are_divided_without_overlap_or_loss(slices):
    first, rest = slices.of_volumes([1]), slices.of_volumes([0, 2, 3])
    assert set(first.volume_id) == {1} and set(rest.volume_id) == {0, 2, 3}
    assert len(first) + len(rest) == len(slices)


def test_an_epoch_visits_every_slice_once(slices):
    marked = pipeline.Slices(
        np.arange(12, dtype=np.int16)[:, None, None, None] + np.zeros((12, 4, 4, 1), np.int16),
        np.zeros((12, 4, 4, 1), np.float32),
        slices.spacing,
        slices.volume_id,
    )
    batches = pipeline.training_batches(marked, 4, seed=0, augmented=False).take(3)
    assert sorted(int(image[0, 0, 0]) for x, _ in batches for image in x["image"].numpy()) == list(range(12))


def test_epochs_differ_and_seeds_differ(slices):
    first, second = _epochs(slices, 0, 6)[:3], _epochs(slices, 0, 6)[3:]
    assert not np.array_equal(np.stack(first), np.stack(second))
    assert not np.array_equal(first[0], _epochs(slices, 0, 1, seed=4)[0])


def test_a_resumed_run_sees_the_batches_that_it_would_have_seen(slices):
    straight = _epochs(slices, 0, 9)
    np.testing.assert_array_equal(np.stack(straight[6:]), np.stack(_epochs(slices, 2, 3)))


def test_a_batch_larger_than_the_data_is_refused(slices):
    with pytest.raises(ValueError, match="must not exceed the 12 training slices"):
        pipeline.training_batches(slices, 13, 0)


def test_image_and_mask_move_together():
    y, x = np.meshgrid(np.arange(64), np.arange(64), indexing="ij")
    disc = ((y - 24) ** 2 + (x - 36) ** 2 < 12**2).astype(np.float32)[None, ..., None]
    discs = np.repeat(disc, 32, axis=0)
    image, mask = pipeline.augment(tf.constant(1000.0 * discs), tf.constant(discs), tf.constant([1, 2]))
    bright, inside = image.numpy() > 500, mask.numpy() > 0.5
    assert 2 * (bright & inside).sum() / (bright.sum() + inside.sum()) > 0.98
    moved = [np.argwhere(m[..., 0]).mean(axis=0) for m in mask.numpy()]
    assert np.ptp(moved, axis=0).min() > 3


def test_equal_seeds_give_equal_augmentations():
    image, mask = tf.random.stateless_uniform((2, 16, 16, 1), [1, 1]), tf.zeros((2, 16, 16, 1))
    once, again = (pipeline.augment(image, mask, tf.constant([5, 6]))[0].numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_the_identity_transform_changes_nothing():
    image = tf.random.stateless_uniform((3, 16, 20, 1), [1, 1])
    transforms = pipeline._affine(tf.zeros((4, 3)), tf.constant([16.0, 20.0]))
    np.testing.assert_allclose(pipeline._warp(image, transforms, 0.0), image, atol=1e-6)
