"""Slices read from the disk are those of the whole scan, however its file stores them."""

import gzip
import itertools

import nibabel
import numpy as np
import pytest
from dicom_files import body, ct_slices, write_slices
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel import orientations
from nibabel.affines import apply_affine, from_matvec

from lsn_tf.data.nifti import VolumeError
from lsn_tf.data.scan_files import open_scan
from lsn_tf.data.volumes import read_scan

AXIS_CODES = [
    "".join(pair[side] for pair, side in zip(axes, sides, strict=True))
    for axes in itertools.permutations(["LR", "PA", "SI"])
    for sides in itertools.product([0, 1], repeat=3)
]
SHAPE = (5, 6, 4)  # along the axes of the file


def store(path, codes="LAS", dtype=np.int16, array=None, kind=nibabel.Nifti1Image):
    array = np.random.default_rng(0).integers(-1024, 3000, SHAPE) if array is None else array
    turn = orientations.axcodes2ornt(codes)
    affine = from_matvec(np.diag([0.9, 0.7, 2.5])) @ orientations.inv_ornt_aff(turn, SHAPE)
    nibabel.save(kind(array.astype(dtype), affine), path)
    return path


def slices_of(path, scratch, size=2):
    with open_scan(path, scratch) as scan:
        return np.concatenate([scan.slices(slice(start, start + size)) for start in range(0, scan.shape[0], size)])


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("codes", AXIS_CODES)
def test_slices_are_those_of_the_whole_scan(tmp_path, codes, suffix):
    path = store(tmp_path / f"ct{suffix}", codes)
    np.testing.assert_array_equal(slices_of(path, tmp_path), read_scan(path).image)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@settings(deadline=None, max_examples=40)
@given(
    dtype=st.sampled_from([np.int16, np.uint16, np.float32, np.float64, ">i2", ">f4"]),
    scaled=st.booleans(),
    kind=st.sampled_from([nibabel.Nifti1Image, nibabel.Nifti2Image]),
    suffix=st.sampled_from([".nii", ".nii.gz", ".nii.bz2"]),
)
def test_types_byte_orders_scaling_and_compression_are_understood(tmp_path_factory, dtype, scaled, kind, suffix):
    folder = tmp_path_factory.mktemp("scan")
    values = np.random.default_rng(0).uniform(0, 2000, SHAPE)
    image = kind(values if scaled else np.rint(values).astype(dtype), np.diag([-0.9, 0.7, 2.5, 1]))
    if scaled:
        image.set_data_dtype(np.int16)
    nibabel.save(image, folder / f"ct{suffix}")
    expected = np.rint(nibabel.load(folder / f"ct{suffix}").get_fdata())[:, ::-1].transpose(2, 1, 0)
    np.testing.assert_array_equal(slices_of(folder / f"ct{suffix}", folder), expected)


def test_any_slices_can_be_chosen(tmp_path):
    path = store(tmp_path / "ct.nii.gz")
    with open_scan(path, tmp_path) as scan:
        np.testing.assert_array_equal(scan.slices([3, 0]), read_scan(path).image[[3, 0]])


@pytest.mark.parametrize("axes", [(1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)])
def test_a_series_lies_where_its_slices_say_in_whatever_plane_they_are(tmp_path, axes):
    """The brightest voxel is found at the place of the patient that its slice, row and column name."""
    image = body((5, 7, 6))
    image[3, 5, 2] = 3000
    slices = ct_slices(image, axes=axes)
    with open_scan(write_slices(slices, tmp_path), tmp_path) as scan:
        canonical = scan.slices(slice(None))
        assert scan.series is not None and scan.reference.shape == (6, 7, 5)
        found = apply_affine(scan.grid.affine, np.argwhere(canonical == 3000)[0][::-1])
    left_back_head = np.array(slices[3].ImagePositionPatient, float)
    left_back_head += 2 * 0.9 * np.array(axes[:3]) + 5 * 0.7 * np.array(axes[3:])
    np.testing.assert_allclose(found, left_back_head * (-1, -1, 1), atol=1e-4)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
@pytest.mark.parametrize("kept", [0, 200, -100, -9])
def test_files_cut_short_are_refused(tmp_path, name, kept):
    path = store(tmp_path / name)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(VolumeError, match="complete NIfTI file"):
        slices_of(path, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_that_was_cut_short_before_it_was_compressed_is_refused(tmp_path):
    whole = gzip.decompress(store(tmp_path / "ct.nii.gz").read_bytes())
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(whole[:-2]))
    with pytest.raises(VolumeError, match="complete NIfTI file .* Received EOFError: 2 bytes too few"):
        slices_of(tmp_path / "ct.nii.gz", tmp_path)


@pytest.mark.parametrize("unit", ["meter", "micron"])
def test_other_units_than_mm_are_refused(tmp_path, unit):
    image = nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), np.diag([0.9, 0.7, 2.5, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "ct.nii")
    with pytest.raises(VolumeError, match=f"expected a header in mm. Received '{unit}'"):
        slices_of(tmp_path / "ct.nii", tmp_path)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_voxels_that_no_scanner_makes_are_refused(tmp_path, scale):
    image = nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), np.diag([0.9, 0.7, 2.5, 1]) * scale)
    image.header.set_xyzt_units("unknown")
    nibabel.save(image, tmp_path / "ct.nii")
    with pytest.raises(VolumeError, match=r"expected voxels of 0.02 mm to 50.0 mm. Received \["):
        slices_of(tmp_path / "ct.nii", tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e5])
def test_intensities_that_are_no_numbers_are_refused(tmp_path, value):
    array = np.zeros(SHAPE)
    array[4, 3, 2] = value
    with pytest.raises(VolumeError, match="expected finite intensities in HU"):
        slices_of(store(tmp_path / "ct.nii", array=array, dtype=np.float32), tmp_path)
