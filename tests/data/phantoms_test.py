"""The synthetic twin of LiTS: a seed is a patient, anatomy is anatomy, and no threshold finds the liver."""

import numpy as np
import pytest

from lsn_tf.data import folds, phantoms
from lsn_tf.data.synthetic_patient import draw_patient
from lsn_tf.data.volumes import read_scan

COHORT = tuple(range(0, 131, 11))  # twelve patients
NOT_SQUARE = 33  # a patient with dy != dx


@pytest.fixture(scope="module")
def scans():
    return list(phantoms.make_scans(COHORT))


def liver_ml(scan):
    return np.count_nonzero(scan.label) * np.prod(scan.spacing_mm) / 1000


def centroid(mask):
    return np.mean(np.nonzero(mask), axis=1)


def organ_mask(organ, names, name):
    return np.isin(organ, [number for number, other in enumerate(names) if other == name])


def best_window_dice(image, mask):
    """The highest Dice against `mask` of all windows low <= HU < high with limits on a grid of 4 HU."""
    limits = np.arange(-200, 401, 4)
    inside, everything = (np.cumsum([0, *np.histogram(hu, limits)[0]]) for hu in (image[mask], image))
    hits, found = (np.maximum(count[None] - count[:, None], 0) for count in (inside, everything))
    return np.max(2 * hits / (found + np.count_nonzero(mask)))


def test_same_arguments_give_the_same_scan_in_any_order():
    forward = list(phantoms.make_scans((3, 77), seed=5, size=32, slices=3))
    backward = list(phantoms.make_scans((77, 3), seed=5, size=32, slices=3))[::-1]
    for one, other in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.label, other.label)
        np.testing.assert_array_equal(one.affine, other.affine)
        assert one.spacing_mm == other.spacing_mm


@pytest.mark.parametrize("other", [{"volume_id": 4}, {"seed": 1}])
def test_another_number_or_seed_is_another_patient(other):
    arguments = {"volume_id": 3, "seed": 0, "size": 32, "slices": 4}
    one, other = phantoms.make_scan(**arguments), phantoms.make_scan(**(arguments | other))
    assert one.spacing_mm != other.spacing_mm
    assert np.mean(one.label != other.label) > 0.005


def test_arrays_and_geometry_have_the_contract_of_a_scan():
    scan = phantoms.make_scan(NOT_SQUARE, size=48, slices=5)
    assert scan.image.shape == scan.label.shape == (5, 48, 48)
    assert (scan.image.dtype, scan.label.dtype) == (np.int16, np.uint8)
    assert scan.volume_id == NOT_SQUARE and not scan.spacing_guessed
    np.testing.assert_allclose(np.diag(scan.affine)[2::-1] * (1, -1, -1), scan.spacing_mm)
    np.testing.assert_allclose((scan.affine @ (23.5, 23.5, 0, 1))[:2], 0, atol=1e-9)  # the field's middle
    assert abs(scan.spacing_mm[1] / scan.spacing_mm[2] - 1) > 0.02


def test_one_voxel_is_a_scan_too():
    scan = phantoms.make_scan(0, size=1, slices=1)
    assert scan.image.shape == scan.label.shape == (1, 1, 1) and -1024 <= scan.image.item() < 1000


def test_default_numbers_fill_all_five_folds():
    assert [sum(folds.fold_of_volume(v) == k for v in phantoms.DEFAULT_VOLUME_IDS) for k in range(5)] == [9, 9, 9, 8, 9]


def test_livers_have_the_volume_of_livers(scans):
    volumes_ml = [liver_ml(scan) for scan in scans]
    assert 800 < min(volumes_ml) and max(volumes_ml) < 2500
    assert 1300 < np.median(volumes_ml) < 2000
    assert np.std(volumes_ml) > 100  # patients differ


def test_liver_does_not_depend_on_the_matrix():
    areas_mm2, centroids_mm = [], []
    for size in (64, 128, 256):
        scan = phantoms.make_scan(30, size=size, slices=6)
        areas_mm2.append(np.count_nonzero(scan.label, axis=(1, 2)) * np.prod(scan.spacing_mm[1:]))
        centroids_mm.append(scan.affine[:3, :3] @ centroid(scan.label > 0)[::-1] + scan.affine[:3, 3])
    np.testing.assert_allclose(centroids_mm[:2], [centroids_mm[2]] * 2, atol=0.5)
    # Sampling at pixel centres errs by a fraction of the pixels on the outline, whose length is about 60 cm.
    for area_mm2, pixel_mm in zip(areas_mm2, (8.0, 4.0), strict=False):
        np.testing.assert_allclose(area_mm2, areas_mm2[-1], rtol=0, atol=600 * pixel_mm / 4)


def test_volume_does_not_depend_on_the_number_of_slices():
    few, many = (liver_ml(phantoms.make_scan(30, size=64, slices=slices)) for slices in (8, 32))
    assert abs(few / many - 1) < 0.05


def test_slices_reach_beyond_the_liver_and_most_hold_it(scans):
    with_liver = np.array([scan.label.any(axis=(1, 2)) for scan in scans])
    assert 0.7 < with_liver.mean() < 0.95


def test_labels_are_those_of_lits_and_some_patients_have_tumours(scans):
    assert set().union(*(np.unique(scan.label) for scan in scans)) == {0, 1, 2}
    assert {bool((scan.label == 2).any()) for scan in scans} == {True, False}


def test_about_two_patients_of_three_have_tumours():
    patients = [draw_patient(volume_id) for volume_id in range(131)]
    share = np.mean([any(row.name == "tumour" for row in patient.structures) for patient in patients])
    assert 0.5 < share < 0.8


def test_tumours_lie_in_the_liver_and_differ_from_it():
    scan = next(scan for scan in phantoms.make_scans(range(131)) if np.count_nonzero(scan.label == 2) > 100)
    liver, tumour = (np.median(scan.image[scan.label == value]) for value in (1, 2))
    assert 15 < abs(liver - tumour) < 65


def test_liver_lies_at_the_left_of_the_picture_spleen_at_the_right_spine_at_the_bottom(scans):
    for volume_id, scan in zip(COHORT, scans, strict=True):
        organ, names = phantoms.make_anatomy(volume_id)
        liver, spleen, spine = (
            centroid(mask)
            for mask in (scan.label > 0, organ_mask(organ, names, "spleen"), organ_mask(organ, names, "marrow"))
        )
        lung, kidney = centroid(organ_mask(organ, names, "lung")), centroid(organ_mask(organ, names, "right kidney"))
        assert liver[2] < spine[2] < spleen[2]
        assert liver[1] < spine[1]
        assert kidney[0] < liver[0] < lung[0]


def test_falciform_notch_and_gallbladder_are_not_liver():
    organ, names = phantoms.make_anatomy(0)
    label = phantoms.make_scan(0).label
    for name in ("gallbladder", "falciform notch", "vena cava", "right kidney"):
        assert not label[organ_mask(organ, names, name)].any(), name
    for name in ("portal branches", "hepatic veins"):
        assert (label[organ_mask(organ, names, name)] == 1).all(), name


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("air", -1010, -990),
        ("lung", -920, -780),
        ("subcutaneous fat", -130, -80),
        ("wall", 30, 90),
        ("liver", 40, 160),
        ("spleen", 40, 180),
        ("right kidney", 30, 250),
        ("aorta", 30, 400),
        ("gallbladder", -20, 40),
        ("marrow", 100, 300),
    ],
)
def test_organs_have_their_ct_numbers(scans, name, low, high):
    for volume_id, scan in zip(COHORT[:4], scans, strict=False):
        organ, names = phantoms.make_anatomy(volume_id)
        assert low < np.median(scan.image[organ_mask(organ, names, name)]) < high


def test_no_window_of_ct_numbers_finds_the_liver(scans):
    image, mask = (np.stack(arrays) for arrays in zip(*((scan.image, scan.label > 0) for scan in scans), strict=True))
    assert best_window_dice(image, mask) < 0.6
    assert np.median([best_window_dice(scan.image, scan.label > 0) for scan in scans]) < 0.7


def test_best_window_is_perfect_where_a_threshold_is():
    image = np.array([-50, 10, 100, 102, 300])
    assert best_window_dice(image, image // 10 == 10) == 1


def test_noise_has_its_standard_deviation_and_is_correlated():
    noise = phantoms.expose(np.zeros((2, 128, 128), np.float32), (5.0, 0.7, 0.9), 20.0, np.random.default_rng(0))
    assert abs(noise.std() - 20) < 0.2
    neighbours = [np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]]
    neighbours += [np.corrcoef(noise[..., :-1].ravel(), noise[..., 1:].ravel())[0, 1]]
    assert neighbours[0] > neighbours[1] > 0.5  # dy < dx: the neighbour along y is nearer
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.05


def test_deformation_never_folds_space():
    for volume_id in COHORT:
        waves = draw_patient(volume_id).waves
        assert np.sum(np.linalg.norm(waves[:, :3], axis=1) * np.linalg.norm(waves[:, 3:6], axis=1)) < 1


def test_written_scans_are_read_back_as_they_were(tmp_path):
    paths = phantoms.write_lits(tmp_path, (7, 30), size=32, slices=3)
    assert [path.name for path in paths[:2]] == ["volume-7.nii.gz", "segmentation-7.nii.gz"] and len(paths) == 4
    made, read = phantoms.make_scan(30, size=32, slices=3), read_scan(*paths[2:])
    np.testing.assert_array_equal(read.image, made.image)
    np.testing.assert_array_equal(read.label, made.label)
    np.testing.assert_allclose(read.spacing_mm, made.spacing_mm, rtol=1e-5)
    np.testing.assert_allclose(read.affine, made.affine, rtol=1e-5, atol=1e-3)
    assert read.volume_id == 30 and not read.spacing_guessed


@pytest.mark.parametrize("wrong", [{"volume_id": -1}, {"seed": -1}, {"size": 0}, {"slices": 0}])
def test_impossible_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}.*Received"):
        phantoms.make_scan(**({"volume_id": 1} | wrong))
