"""Batches: pairs stay pairs, and an epoch depends on (seed, epoch) alone."""

import dataclasses
import itertools

import numpy as np
import pytest

from lsn_tf.data import contours, pipeline
from lsn_tf.data.volumes import Scan
from lsn_tf.numerics.level_sets import inside


def _scan(volume_id: int, slices: int = 3, shape: tuple[int, int] = (32, 64)) -> Scan:
    generator = np.random.default_rng(volume_id)
    label = generator.integers(0, 3, (slices, *shape), dtype=np.uint8)
    image = (100 * label.astype(np.int16) + volume_id).astype(np.int16)
    return Scan(volume_id, image, label, (5.0, 0.7, 0.9), False, np.eye(4))


@pytest.fixture
def slices() -> pipeline.Slices:
    return pipeline.gather_slices([_scan(n) for n in range(4)], 16)


def _epochs(slices: pipeline.Slices, first_epoch: int, batches: int, seed: int = 3) -> list[np.ndarray]:
    endless = pipeline.training_batches(slices, 4, seed, first_epoch)
    return [np.concatenate([np.ravel(x["image"]), np.ravel(y)]) for x, y in itertools.islice(endless, batches)]


def test_intensities_are_clipped_before_they_are_averaged():
    scan = dataclasses.replace(_scan(0), image=np.tile(np.int16([[[-1000, 50], [152, 50]]]), (3, 16, 32)))
    for window, mean in ((None, -187), ((0.0, 100.0), 50), ((-100.0, 400.0), 38)):
        image = pipeline.gather_slices([scan], 16, window=window).image
        np.testing.assert_array_equal(image, np.full((3, 16, 16, 1), mean, np.int16), strict=True)


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
    batches = itertools.islice(pipeline.training_batches(marked, 4, seed=0, augmented=False), 3)
    assert sorted(int(image[0, 0, 0]) for x, _ in batches for image in x["image"]) == list(range(12))


def test_slices_keep_their_masks_and_spacings(slices):
    """Also where they are augmented: rows of the spacing say which slice it is."""
    numbered = np.arange(12, dtype=np.float32)[:, None] * np.float32([1, 2])
    slices = pipeline.Slices(slices.image, slices.mask, numbered, slices.volume_id)
    (plain, mask), (_, other) = (
        next(pipeline.training_batches(slices, 12, 5, augmented=augmented)) for augmented in (False, True)
    )
    order = plain["spacing"][:, 0].astype(int)
    assert order.tolist() != sorted(order)
    np.testing.assert_array_equal(plain["spacing"], numbered[order])
    np.testing.assert_array_equal(plain["image"], slices.image[order])
    np.testing.assert_array_equal(mask, slices.mask[order])
    assert np.shape(other) == mask.shape and not np.array_equal(other, mask)


def test_epochs_differ_and_seeds_differ(slices):
    first, second = _epochs(slices, 0, 6)[:3], _epochs(slices, 0, 6)[3:]
    assert not np.array_equal(np.stack(first), np.stack(second))
    assert not np.array_equal(first[0], _epochs(slices, 0, 1, seed=4)[0])


def test_a_resumed_run_sees_the_batches_that_it_would_have_seen(slices):
    straight = _epochs(slices, 0, 9)
    np.testing.assert_array_equal(np.stack(straight[6:]), np.stack(_epochs(slices, 2, 3)))


def _batches_with_contours(slices: pipeline.Slices, first_epoch: int) -> list:
    return list(itertools.islice(pipeline.training_batches(slices, 4, 5, first_epoch, contour_kind="given"), 2))


def test_initial_contours_are_those_of_the_augmented_mask(slices, monkeypatch):
    monkeypatch.setattr(contours, "UNTOUCHED_SHARE", 1.0)
    for inputs, mask in _batches_with_contours(slices, 0):
        np.testing.assert_array_equal(inside(inputs["phi_0"]), np.asarray(mask) > 0.5)


def test_initial_contours_depend_on_seed_and_epoch_and_change_nothing_else(slices):
    (_, (second, _)), (_, (again, _)), (_, (other, _)) = (_batches_with_contours(slices, epoch) for epoch in (1, 1, 2))
    np.testing.assert_array_equal(second["phi_0"], again["phi_0"])
    assert not np.array_equal(second["phi_0"], other["phi_0"])
    _, (plain, _) = itertools.islice(pipeline.training_batches(slices, 4, 5, 1), 2)
    np.testing.assert_array_equal(plain["image"], second["image"])


def test_a_batch_larger_than_the_data_is_refused(slices):
    with pytest.raises(ValueError, match="must not exceed the 12 training slices"):
        pipeline.training_batches(slices, 13, 0)
