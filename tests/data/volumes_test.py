"""A patient is the same scan however the file stores it: 48 axis codes, one orientation, one geometry in mm."""

import dataclasses
import itertools

import nibabel
import numpy as np
import pytest
from nibabel import orientations

from lsn_tf.data.volumes import Scan, VolumeError, read_mask, read_scan, read_shape, volume_number, write_scan

SPACING_MM = (2.5, 0.7, 0.9)  # dz, dy, dx
ORIGIN_MM = (11.0, -7.0, 5.0)
AXIS_CODES = [
    "".join(pair[side] for pair, side in zip(axes, sides, strict=True))
    for axes in itertools.permutations(["LR", "PA", "SI"])
    for sides in itertools.product([0, 1], repeat=3)
]


def make_scan(slices=4, height=6, width=5, **changes):
    dz, dy, dx = SPACING_MM
    affine = nibabel.affines.from_matvec(np.diag([-dx, -dy, dz]), ORIGIN_MM)
    rng = np.random.default_rng(0)
    scan = Scan(
        volume_id=7,
        image=rng.integers(-1024, 3072, (slices, height, width), dtype=np.int16),
        label=rng.integers(0, 3, (slices, height, width), dtype=np.uint8),
        spacing_mm=SPACING_MM,
        spacing_guessed=False,
        affine=affine,
    )
    return dataclasses.replace(scan, **changes)


def store(array, affine, codes, path):
    """Writes (slices, height, width) with the file's axes along the given codes."""
    canonical = nibabel.Nifti1Image(array.transpose(2, 1, 0), affine)
    turn = orientations.ornt_transform(orientations.axcodes2ornt("LPS"), orientations.axcodes2ornt(codes))
    stored = canonical.as_reoriented(turn)
    assert orientations.aff2axcodes(stored.affine) == tuple(codes)
    nibabel.save(stored, path)
    return path


def store_plain(array, affine, path):
    """Writes (slices, height, width) in LPS order with any affine, or none."""
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), affine), path)
    return path


def assert_same(one, other):
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.label, other.label)
    np.testing.assert_allclose(one.spacing_mm, other.spacing_mm, rtol=1e-6)
    np.testing.assert_allclose(one.affine, other.affine, atol=1e-5)
    assert one.volume_id == other.volume_id and one.spacing_guessed == other.spacing_guessed


def test_there_are_48_ways_to_store_a_scan():
    assert len(set(AXIS_CODES)) == 48


@pytest.mark.parametrize("codes", AXIS_CODES)
def test_every_axis_code_gives_the_same_scan(tmp_path, codes):
    scan = make_scan()
    image = store(scan.image, scan.affine, codes, tmp_path / "volume-7.nii.gz")
    label = store(scan.label, scan.affine, codes, tmp_path / "segmentation-7.nii.gz")
    assert_same(read_scan(image, label), scan)
    assert read_shape(image, label) == scan.image.shape


@pytest.mark.parametrize("codes", AXIS_CODES)
def test_a_label_stored_otherwise_than_its_image_is_brought_onto_it(tmp_path, codes):
    scan = make_scan()
    image = store(scan.image, scan.affine, "LAS", tmp_path / "volume-7.nii")
    label = store(scan.label, scan.affine, codes, tmp_path / "segmentation-7.nii")
    assert_same(read_scan(image, label), scan)


def test_slices_grow_to_the_head_rows_to_the_back_columns_to_the_left(tmp_path):
    """A voxel further to the right, the front and the head than another has a lower x, a lower y and a higher z."""
    array = np.zeros((40, 50, 60), np.int16)  # (x, y, z) of a file in RAS, 1 mm with an origin of its own
    array[5, 6, 7], array[15, 26, 37] = 100, 200
    nibabel.save(nibabel.Nifti1Image(array, nibabel.affines.from_matvec(np.eye(3), [-9, 0, 0])), tmp_path / "a.nii")
    image = read_scan(tmp_path / "a.nii").image
    (z0, y0, x0), (z1, y1, x1) = np.argwhere(image == 100)[0], np.argwhere(image == 200)[0]
    assert (z1 - z0, y1 - y0, x1 - x0) == (30, -20, -10)


@pytest.mark.parametrize("codes", ["LAS", "RAS", "SAL", "PIR"])
def test_the_affine_finds_the_same_place_in_the_patient(tmp_path, codes):
    scan = make_scan(image=np.zeros((4, 6, 5), np.int16))
    scan.image[1, 2, 3] = 1000
    path = store(scan.image, scan.affine, codes, tmp_path / "volume-7.nii")
    file = nibabel.load(path)
    expected = nibabel.affines.apply_affine(file.affine, np.argwhere(np.asarray(file.dataobj) == 1000)[0])
    np.testing.assert_allclose(nibabel.affines.apply_affine(read_scan(path).affine, (3, 2, 1)), expected, atol=1e-5)


@pytest.mark.parametrize("guessed", [False, True])
@pytest.mark.parametrize("label", [True, False])
def test_writing_and_reading_give_the_scan_back(tmp_path, label, guessed):
    scan = make_scan(spacing_guessed=guessed)
    if not label:
        scan = dataclasses.replace(scan, label=None)
    paths = write_scan(scan, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["volume-7.nii.gz", "segmentation-7.nii.gz"][: 1 + label]
    assert_same(read_scan(*paths), scan)


def test_writing_twice_gives_equal_bytes(tmp_path):
    first, second = write_scan(make_scan(), tmp_path / "1"), write_scan(make_scan(), tmp_path / "2")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_scan_without_a_number_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="volume_id must be a number"):
        write_scan(make_scan(volume_id=None), tmp_path)


@pytest.mark.parametrize(
    "name, number",
    [
        ("volume-12.nii", 12),
        ("segmentation-0.nii.gz", 0),
        ("liver_130.nii.gz", 130),
        ("ct.nii", None),
        ("3/a.nii", None),
    ],
)
def test_the_number_is_the_end_of_the_files_name(name, number):
    assert volume_number(name) == number


@pytest.mark.parametrize("size, in_plane_mm", [(512, 0.767578125), (256, 2 * 0.767578125)])
def test_an_identity_affine_is_not_believed(tmp_path, size, in_plane_mm):
    array = np.zeros((2, size, size), np.int16)
    scan = read_scan(store_plain(array, np.eye(4), tmp_path / "volume-28.nii"))
    assert scan.spacing_guessed
    assert scan.spacing_mm == pytest.approx((1.0, in_plane_mm, in_plane_mm))


@pytest.mark.parametrize("signs", list(itertools.product([1.0, -1.0], repeat=3)))
def test_any_affine_that_knows_no_geometry_is_read_as_left_front_head(tmp_path, signs):
    """ITK's identity is diag(-1, -1, 1) in NIfTI; neither it nor NIfTI's own says how the voxels lie."""
    scan = make_scan()
    path = store_plain(scan.image[:, ::-1], np.diag([*signs, 1.0]), tmp_path / "volume-28.nii")
    np.testing.assert_array_equal(read_scan(path).image, scan.image)
    assert read_scan(path).spacing_guessed


def test_no_affine_at_all_is_read_the_same(tmp_path):
    image = nibabel.Nifti1Image(make_scan().image.transpose(2, 1, 0)[:, ::-1], None)
    image.header.set_sform(None, code=0)
    nibabel.save(image, tmp_path / "volume-7.nii")
    read = read_scan(tmp_path / "volume-7.nii")
    np.testing.assert_array_equal(read.image, make_scan().image)
    assert read.spacing_guessed


def test_a_scan_resampled_to_one_millimetre_is_believed(tmp_path):
    affine = nibabel.affines.from_matvec(np.diag([-1.0, -1.0, 1.0]), [0, 0, -120.5])
    scan = read_scan(store_plain(make_scan().image, affine, tmp_path / "volume-7.nii"))
    assert not scan.spacing_guessed and scan.spacing_mm == (1, 1, 1)


@pytest.mark.parametrize(
    "affine",
    [np.eye(4), np.diag([0.9, 0.7, 2.5, 1.0]), np.diag([-0.9, -0.7, 2.5, 1.0])],
    ids=["none", "turned", "moved"],
)
def test_the_image_wins_where_the_labels_affine_differs(tmp_path, affine):
    scan = make_scan()
    image = store_plain(scan.image, scan.affine, tmp_path / "volume-7.nii")
    label = store_plain(scan.label, affine, tmp_path / "segmentation-7.nii")
    assert_same(read_scan(image, label), scan)


def test_an_oblique_scan_keeps_its_spacing(tmp_path):
    turn = np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]])
    affine = nibabel.affines.from_matvec(turn @ np.diag([-0.9, -0.7, 2.5]), ORIGIN_MM)
    scan = read_scan(store_plain(make_scan().image, affine, tmp_path / "volume-7.nii"))
    np.testing.assert_allclose(scan.spacing_mm, SPACING_MM, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_labels_of_any_type_are_read(tmp_path, dtype):
    scan = make_scan()
    image = store_plain(scan.image, scan.affine, tmp_path / "volume-7.nii")
    label = store_plain(scan.label.astype(dtype), scan.affine, tmp_path / "segmentation-7.nii")
    read = read_scan(image, label)
    assert read.label.dtype == np.uint8
    assert_same(read, scan)


def test_float_intensities_are_rounded_to_whole_hounsfield_units(tmp_path):
    values = make_scan().image + np.float32(0.4)
    read = read_scan(store_plain(values, make_scan().affine, tmp_path / "volume-7.nii"))
    assert read.image.dtype == np.int16
    np.testing.assert_array_equal(read.image, make_scan().image)


def test_slope_and_intercept_of_the_header_are_applied(tmp_path):
    scan = make_scan()
    file = nibabel.Nifti1Image(scan.image.transpose(2, 1, 0) + 0.25, scan.affine)
    file.set_data_dtype(np.int16)  # nibabel scales on writing
    nibabel.save(file, tmp_path / "volume-7.nii")
    stored = nibabel.load(tmp_path / "volume-7.nii").dataobj
    assert stored.slope != 1 and stored.inter != 0
    np.testing.assert_array_equal(read_scan(tmp_path / "volume-7.nii").image, np.rint(stored).transpose(2, 1, 0))


def test_a_trailing_axis_of_length_one_is_no_fourth_dimension(tmp_path):
    scan = make_scan()
    array = scan.image.transpose(2, 1, 0)[..., np.newaxis, np.newaxis]
    nibabel.save(nibabel.Nifti1Image(array, scan.affine), tmp_path / "volume-7.nii")
    np.testing.assert_array_equal(read_scan(tmp_path / "volume-7.nii").image, scan.image)


@pytest.mark.parametrize("shape", [(1, 6, 5), (4, 1, 1), (1, 1, 1)])
def test_single_slices_and_single_voxels_are_scans(tmp_path, shape):
    scan = make_scan(*shape)
    assert_same(read_scan(*write_scan(scan, tmp_path)), scan)


@pytest.mark.parametrize("codes", AXIS_CODES)
def test_a_mask_stored_in_any_way_is_brought_onto_its_image(tmp_path, codes):
    scan = make_scan()
    image = store(scan.image, scan.affine, "PIR", tmp_path / "volume-7.nii")
    mask = store(scan.label * np.float32(0.2), scan.affine, codes, tmp_path / "mask.nii.gz")
    read = read_mask(mask, image)
    assert read.dtype == bool
    np.testing.assert_array_equal(read, scan.label > 0)


def test_the_image_wins_where_the_masks_affine_differs(tmp_path):
    scan = make_scan()
    image = store_plain(scan.image, scan.affine, tmp_path / "volume-7.nii")
    mask = store_plain(scan.label, np.diag([0.9, 0.7, 2.5, 1.0]), tmp_path / "mask.nii")
    np.testing.assert_array_equal(read_mask(mask, image), scan.label > 0)


@pytest.mark.parametrize("dtype, value", [(np.uint8, 255), (np.int16, -1), (np.float32, 1e-6)])
def test_whatever_is_not_zero_is_inside_a_mask(tmp_path, dtype, value):
    scan = make_scan()
    image = store_plain(scan.image, scan.affine, tmp_path / "volume-7.nii")
    array = np.where(scan.label == 1, value, 0).astype(dtype)
    mask = read_mask(store_plain(array, scan.affine, tmp_path / "mask.nii"), image)
    np.testing.assert_array_equal(mask, scan.label == 1)


@pytest.mark.parametrize("highest", [1.0, 255.0])
def test_zero_is_outside_a_mask_that_its_header_scales(tmp_path, highest):
    """As it comes about where a mask of floats is saved with the header of a CT, of type int16."""
    scan = make_scan()
    image = store_plain(scan.image, scan.affine, tmp_path / "volume-7.nii")
    file = nibabel.Nifti1Image((scan.label == 1).transpose(2, 1, 0) * highest, scan.affine)
    file.set_data_dtype(np.int16)
    nibabel.save(file, tmp_path / "mask.nii")
    assert nibabel.load(tmp_path / "mask.nii").dataobj.slope != 1
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii", image), scan.label == 1)


def test_a_mask_of_another_shape_is_refused(tmp_path):
    scan = make_scan()
    image = store_plain(scan.image, scan.affine, tmp_path / "volume-7.nii")
    mask = store_plain(scan.label[:-1], scan.affine, tmp_path / "mask.nii")
    with pytest.raises(VolumeError, match=r"expected the shape of its image .* Received \(5, 6, 3\)"):
        read_mask(mask, image)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_mask_that_is_not_finite_is_refused(tmp_path, value):
    scan = make_scan()
    image = store_plain(scan.image, scan.affine, tmp_path / "volume-7.nii")
    mask = store_plain(np.full(scan.image.shape, value), scan.affine, tmp_path / "mask.nii")
    with pytest.raises(VolumeError, match="expected a mask of finite numbers"):
        read_mask(mask, image)
