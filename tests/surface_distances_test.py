"""Distances between borders are those by hand, and the least of all pairs of points; every empty mask is decided."""

import numpy as np
import pytest

from lsn_tf import surface_distances as module
from lsn_tf.surface_distances import (
    assd_mm,
    border,
    hausdorff_mm,
    surface_dice,
    surface_distances,
    surface_distances_in_plane,
)

SPACING_3D = (2.5, 0.7, 0.9)  # (dz, dy, dx), mm
SPACING_2D = SPACING_3D[1:]


def blobs(rng, shape=(7, 11, 13)) -> np.ndarray:
    return rng.random(shape) < 0.3


def box(shape, *bounds) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(low, high) for low, high in bounds)] = True
    return mask


def scores(distances, tolerance_mm=1.0) -> tuple[float, ...]:
    return (
        hausdorff_mm(distances),
        hausdorff_mm(distances, 95),
        assd_mm(distances),
        surface_dice(distances, tolerance_mm),
    )


def all_pairs(reference, prediction, spacing_mm) -> tuple[np.ndarray, np.ndarray]:
    """Distances from the definition: each border voxel against each."""
    ours, theirs = (np.argwhere(border(mask)) * spacing_mm for mask in (reference, prediction))
    lengths = np.sqrt(((ours[:, None] - theirs[None]) ** 2).sum(axis=-1))
    return lengths.min(axis=1), lengths.min(axis=0)


def test_the_border_is_the_mask_without_its_erosion_through_faces():
    mask = box((6, 7), (1, 6), (2, 6))  # the last row lies at the frame
    expected = mask.copy()
    expected[2:5, 3:5] = False
    np.testing.assert_array_equal(border(mask), expected)


def test_a_voxel_with_all_faces_inside_is_no_border_even_where_a_corner_is_outside():
    mask = np.ones((3, 3, 3), bool)
    mask[0, 0, 0] = False
    inner = np.zeros_like(mask)
    inner[1, 1, 1] = True
    np.testing.assert_array_equal(border(mask), mask & ~inner)


def test_an_axis_of_one_voxel_has_no_border():
    plane = box((6, 7), (1, 5), (2, 6))
    np.testing.assert_array_equal(border(plane[None]), border(plane)[None])
    assert border(np.ones((1, 1), bool)).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plate_moved_along_an_axis_is_as_far_as_it_was_moved(axis):
    """Both borders are the plates themselves, one voxel thick: all distances are alike."""
    shape, plate = (9, 9, 9), [(0, 9)] * 3
    here, there = plate.copy(), plate.copy()
    here[axis], there[axis] = (2, 3), (6, 7)
    distances = surface_distances(box(shape, *here), box(shape, *there), SPACING_3D)
    moved = 4 * SPACING_3D[axis]
    assert scores(distances, moved) == pytest.approx((moved, moved, moved, 1.0))
    assert surface_dice(distances, 0.99 * moved) == 0.0


def test_scores_of_two_points_and_one_are_those_by_hand():
    """Points at 0 and 4 mm against one at 0: distances 0 and 4 one way, 0 the other."""
    one, other = np.array([1, 0, 0, 0, 1], bool), np.array([1, 0, 0, 0, 0], bool)
    distances = surface_distances(one, other, (1.0,))
    assert scores(distances) == pytest.approx((4.0, 3.8, 4 / 3, 2 / 3))


def test_distances_are_the_least_of_all_pairs(rng):
    for shape in ((9, 12), (7, 11, 13)):
        spacing = SPACING_3D[-len(shape) :]
        one, other = blobs(rng, shape), blobs(rng, shape)
        distances = surface_distances(one, other, spacing)
        for found, expected in zip(
            (distances.of_reference, distances.of_prediction), all_pairs(one, other, spacing), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("far_apart", [False, True])
def test_tree_and_transform_give_the_same_distances(rng, monkeypatch, far_apart):
    one, other = box((12, 40, 44), (2, 6), (3, 9), (2, 9)), blobs(rng, (12, 40, 44))
    if far_apart:
        other &= np.arange(44) > 30
    found = []
    for pairs_per_voxel in (0.0, np.inf):
        monkeypatch.setattr(module, "PAIRS_PER_VOXEL", pairs_per_voxel)
        distances = surface_distances(one, other, SPACING_3D)
        found.append(np.concatenate([distances.of_reference, distances.of_prediction]))
    assert found[0].max() > module.NEAR_VOXELS * max(SPACING_3D)  # so that both have something to do
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_scores_agree_with_simpleitk(rng):
    sitk = pytest.importorskip("SimpleITK")
    one, other = blobs(rng), blobs(rng)
    images = []
    for mask in (one, other):
        images.append(sitk.GetImageFromArray(border(mask).astype(np.uint8)))
        images[-1].SetSpacing(SPACING_3D[::-1])
    maps = [sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True) for image in images]
    maps = [np.maximum(sitk.GetArrayFromImage(distance), 0) for distance in maps]
    theirs = maps[1][border(one)], maps[0][border(other)]
    both = np.concatenate(theirs)
    expected = np.max(both), max(np.percentile(side, 95) for side in theirs), both.mean(), (both <= 1.0).mean()
    distances = surface_distances(one, other, SPACING_3D)
    assert scores(distances) == pytest.approx(expected, rel=1e-6)
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*images)
    assert hausdorff_mm(distances) == pytest.approx(hausdorff.GetHausdorffDistance(), rel=1e-6)


def test_scores_are_symmetric_and_follow_a_transposition(rng):
    one, other = blobs(rng), blobs(rng)
    expected = scores(surface_distances(one, other, SPACING_3D))
    assert scores(surface_distances(other, one, SPACING_3D)) == pytest.approx(expected)
    assert scores(surface_distances(one.T, other.T, SPACING_3D[::-1])) == pytest.approx(expected)
    assert scores(surface_distances(one[:, ::-1], other[:, ::-1], SPACING_3D)) == pytest.approx(expected)


def test_what_is_around_both_masks_changes_nothing(rng):
    one, other = (np.pad(blobs(rng), 1) for _ in range(2))
    wide = [np.pad(mask, ((3, 2), (0, 5), (7, 1))) for mask in (one, other)]
    assert scores(surface_distances(*wide, SPACING_3D)) == scores(surface_distances(one, other, SPACING_3D))


def test_a_grid_of_other_millimetres_has_distances_in_proportion(rng):
    one, other = blobs(rng), blobs(rng)
    hausdorff, robust, average, share = scores(surface_distances(one, other, SPACING_3D))
    tripled = scores(surface_distances(one, other, np.multiply(3, SPACING_3D)), tolerance_mm=3.0)
    assert tripled == pytest.approx((3 * hausdorff, 3 * robust, 3 * average, share))


def test_the_average_is_at_most_the_maximum_and_the_surface_dice_grows_with_the_tolerance(rng):
    distances = surface_distances(blobs(rng), blobs(rng), SPACING_3D)
    assert assd_mm(distances) <= hausdorff_mm(distances, 95) <= hausdorff_mm(distances)
    shares = [surface_dice(distances, tolerance) for tolerance in (0.0, 0.7, 1.0, hausdorff_mm(distances))]
    assert shares == sorted(shares) and shares[-1] == 1.0 > shares[0]


def test_a_mask_is_at_no_distance_from_itself(rng):
    mask = blobs(rng)
    assert scores(surface_distances(mask, mask, SPACING_3D), 0.0) == (0.0, 0.0, 0.0, 1.0)


def test_two_empty_masks_agree():
    empty = np.zeros((4, 5, 6), bool)
    assert scores(surface_distances(empty, empty, SPACING_3D)) == (0.0, 0.0, 0.0, 1.0)
    assert scores(surface_distances_in_plane(empty, empty, SPACING_2D)) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("swapped", [False, True])
def test_an_empty_mask_is_a_diagonal_of_the_field_of_view_away_from_any_other(swapped):
    masks = [np.zeros((4, 5, 6), bool), box((4, 5, 6), (1, 2), (2, 4), (2, 5))][:: -1 if swapped else 1]
    for distances, sides in (
        (surface_distances(*masks, SPACING_3D), np.multiply((4, 5, 6), SPACING_3D)),
        (surface_distances_in_plane(*masks, SPACING_2D), np.multiply((5, 6), SPACING_2D)),
    ):
        diagonal = np.linalg.norm(sides)
        assert scores(distances, tolerance_mm=1e6) == pytest.approx((diagonal, diagonal, diagonal, 0.0))


def test_nothing_is_farther_than_an_empty_mask():
    corners = np.zeros((2, 4, 5, 6), bool)
    corners[0, 0, 0, 0] = corners[1, -1, -1, -1] = True
    distances = surface_distances(*corners, SPACING_3D)
    assert hausdorff_mm(distances) < distances.worst_mm


def test_one_slice_has_the_same_distances_in_space_and_in_plane(rng):
    one, other = blobs(rng, (1, 9, 12)), blobs(rng, (1, 9, 12))
    in_space = surface_distances(one, other, SPACING_3D)
    in_plane = surface_distances_in_plane(one, other, SPACING_2D)
    np.testing.assert_array_equal(in_space.of_reference, in_plane.of_reference)
    np.testing.assert_array_equal(in_space.of_prediction, in_plane.of_prediction)


def test_distances_in_plane_are_those_of_the_slices_one_after_the_other(rng):
    one, other = blobs(rng), blobs(rng)
    pooled = surface_distances_in_plane(one, other, SPACING_2D)
    alone = [surface_distances(*pair, SPACING_2D) for pair in zip(one, other, strict=True)]
    np.testing.assert_array_equal(pooled.of_reference, np.concatenate([each.of_reference for each in alone]))
    np.testing.assert_array_equal(pooled.of_prediction, np.concatenate([each.of_prediction for each in alone]))


def test_what_is_in_the_next_slice_is_near_in_space_and_absent_in_plane():
    one, other = box((4, 5, 6), (1, 2), (2, 4), (2, 5)), box((4, 5, 6), (2, 3), (2, 4), (2, 5))
    assert hausdorff_mm(surface_distances(one, other, SPACING_3D)) == pytest.approx(SPACING_3D[0])
    in_plane = surface_distances_in_plane(one, other, SPACING_2D)
    assert hausdorff_mm(in_plane) == in_plane.worst_mm
    assert surface_dice(in_plane, 1e6) == 0.0


def test_a_distance_of_the_tolerance_is_within_it_in_spite_of_rounding():
    points = np.zeros((2, 40), bool)
    points[0, 0] = points[1, 3] = True
    assert 3 * 0.1 > 0.3
    assert surface_dice(surface_distances(*points, (0.1,)), 0.3) == 1.0


@pytest.mark.parametrize("spacing", [(0.7, 0.9), (0.0, 0.7, 0.9), (2.5, 0.7, np.nan), 1.0])
def test_spacing_must_be_one_positive_size_an_axis(spacing, rng):
    with pytest.raises(ValueError, match="spacing_mm must be 3 positive sizes"):
        surface_distances(blobs(rng), blobs(rng), spacing)


def test_impossible_arguments_are_refused(rng):
    one, distances = blobs(rng), surface_distances(blobs(rng), blobs(rng), SPACING_3D)
    with pytest.raises(ValueError, match="one shape"):
        surface_distances(one, one[1:], SPACING_3D)
    with pytest.raises(ValueError, match="at least one slice"):
        surface_distances_in_plane(one[:0], one[:0], SPACING_2D)
    with pytest.raises(ValueError, match="tolerance_mm must be 0 or more"):
        surface_dice(distances, -1.0)
    with pytest.raises(ValueError, match="(?i)percentile"):
        hausdorff_mm(distances, 101)
