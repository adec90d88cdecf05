"""A series is read as ITK reads it, and every folder that is not one whole CT series is refused in one line."""

import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_files import AXIAL, SPACING_MM, body, ct_slices, write_slices
from pydicom.uid import RLELossless, generate_uid
from scipy.spatial.transform import Rotation

from lsn_tf.data.dicom import read_series
from lsn_tf.data.nifti import VolumeError

SHAPE = (5, 7, 6)  # slices, rows, columns


def oblique(seed):
    return tuple(Rotation.random(random_state=seed).as_matrix()[:2].ravel())


def itk_volume(folder):
    """Returns ITK's voxels (slices, rows, columns) and its affine in RAS."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    axes = np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image), np.diag([-1, -1, 1, 1]) @ affine


@pytest.mark.parametrize("axes", [AXIAL, (-1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), *map(oblique, range(4))])
def test_voxels_and_places_are_those_of_itk_whatever_the_files_are_called(tmp_path, axes):
    slices = ct_slices(body(SHAPE), axes=axes)
    series = read_series(write_slices(slices, tmp_path, order=[3, 0, 4, 2, 1]))
    voxels, affine = itk_volume(tmp_path)
    np.testing.assert_array_equal(np.stack(list(series.hounsfield())), voxels)
    np.testing.assert_allclose(series.affine, affine, atol=1e-4)
    assert series.shape == SHAPE[::-1]


def test_slope_and_intercept_are_those_of_each_slice(tmp_path):
    slices = ct_slices(body(SHAPE))
    slices[2].RescaleSlope, slices[2].RescaleIntercept = 2, -900
    stored = slices[2].pixel_array
    values = list(read_series(write_slices(slices, tmp_path)).hounsfield())
    np.testing.assert_array_equal(values[2], 2.0 * stored - 900)
    np.testing.assert_array_equal(values[1], slices[1].pixel_array - 1024.0)


def test_compressed_pixels_are_read(tmp_path):
    image = body(SHAPE)
    slices = ct_slices(image)
    for one in slices:
        one.compress(RLELossless, generate_instance_uid=False)
    series = read_series(write_slices(slices, tmp_path))
    np.testing.assert_array_equal(np.stack(list(series.hounsfield())), image)


def test_one_slice_is_a_series_as_thick_as_it_says(tmp_path):
    series = read_series(write_slices(ct_slices(body(SHAPE))[:1], tmp_path))
    assert np.linalg.norm(series.affine[:3, 2]) == pytest.approx(SPACING_MM[0]) and series.warnings == []


@pytest.mark.parametrize("thickness", [None, "", "0"])
def test_one_slice_that_says_no_thickness_is_1_mm_thick_and_that_is_said(tmp_path, thickness):
    (one,) = ct_slices(body(SHAPE))[:1]
    del one.SliceThickness
    if thickness is not None:
        one.SliceThickness = thickness
    series = read_series(write_slices([one], tmp_path))
    assert np.linalg.norm(series.affine[:3, 2]) == 1
    assert series.warnings == [f"{tmp_path}: one slice that says no thickness; 1 mm was taken, and volumes follow it."]


def test_what_is_no_image_may_lie_beside_the_slices(tmp_path):
    write_slices(ct_slices(body(SHAPE)), tmp_path)
    (tmp_path / "notes.txt").write_text("liver")
    report = ct_slices(body(SHAPE))[0]
    report.Modality = "SR"
    pydicom.dcmwrite(tmp_path / "report.dcm", report)
    assert read_series(tmp_path).shape == SHAPE[::-1]


def other_series(slices):
    slices[1].SeriesInstanceUID = generate_uid()
    slices[3].SeriesInstanceUID = slices[1].SeriesInstanceUID


def turned(slices):
    slices[1].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def two_at_one_place(slices):
    slices[2].ImagePositionPatient = slices[1].ImagePositionPatient


def moved_by(mm):
    def change(slices):
        for one in slices[3:]:
            one.ImagePositionPatient[2] += mm

    return change


def every_slice(**changes):
    def change(slices):
        for one in slices:
            for name, value in changes.items():
                setattr(one, name, value)

    return change


def without(name):
    def change(slices):
        for one in slices:
            delattr(one, name)

    return change


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda slices: slices.pop(2), r"gap of 5.00 mm between 1.dcm and 2.dcm: 1 missing. Fetch the whole series"),
        (lambda slices: slices.__delitem__(slice(1, 3)), r"gap of 7.50 mm .*: 2 missing"),
        (moved_by(1.0), r"gap of 3.50 mm between 2.dcm and 3.dcm: it is 2.50 mm elsewhere"),
        (other_series, r"one series, the same series in all slices. Received 3 slices of .*, 2 slices of"),
        (turned, r"the same orientation in all slices"),
        (two_at_one_place, r"one slice at each place. Received two at .*: 1.dcm and 2.dcm"),
        (every_slice(Modality="MR"), r"expected CT. Received modality MR"),
        (every_slice(SamplesPerPixel=3, PhotometricInterpretation="RGB"), r"Received 3 a pixel, RGB"),
        (every_slice(PhotometricInterpretation="MONOCHROME1"), r"Received 1 a pixel, MONOCHROME1"),
        (every_slice(RescaleType="US"), r"expected intensities in HU. Received the unit US"),
        (without("RescaleIntercept"), r"Received no rescale slope and intercept"),
        (without("ImageOrientationPatient"), r"expected a slice with ImageOrientationPatient"),
        (without("ImagePositionPatient"), r"expected 3 numbers as ImagePositionPatient. Received None"),
        (every_slice(NumberOfFrames=40), r"an enhanced object with 40 frames"),
    ],
)
def test_a_folder_that_is_not_one_whole_series_is_refused_in_one_line(tmp_path, change, match):
    slices = ct_slices(body(SHAPE))
    change(slices)
    with pytest.raises(VolumeError, match=match) as caught:
        read_series(write_slices(slices, tmp_path))
    message = str(caught.value)
    assert message.startswith(str(tmp_path)) and "expected " in message and "\n" not in message


@pytest.mark.parametrize("degrees", [-12.0, 5.0, 20.0])
def test_a_tilted_gantry_is_refused_with_its_angle(tmp_path, degrees):
    shift = SPACING_MM[0] * np.tan(np.radians(degrees))
    folder = write_slices(ct_slices(body(SHAPE), shift_mm=(0, shift, 0)), tmp_path)
    with pytest.raises(VolumeError, match=f"gantry tilted by {abs(degrees):.1f} degrees"):
        read_series(folder)


def test_places_rounded_by_the_scanner_are_no_gaps(tmp_path):
    slices = ct_slices(body(SHAPE), spacing_mm=(1.25, 0.7, 0.9))
    for one in slices:
        one.ImagePositionPatient = [round(float(x), 1) for x in one.ImagePositionPatient]
    assert read_series(write_slices(slices, tmp_path)).shape == SHAPE[::-1]


def test_a_slice_cut_short_is_refused(tmp_path):
    folder = write_slices(ct_slices(body(SHAPE)), tmp_path)
    (folder / "2.dcm").write_bytes((folder / "2.dcm").read_bytes()[:-20])
    with pytest.raises(VolumeError, match=r"2.dcm: expected pixels that pydicom can read"):
        list(read_series(folder).hounsfield())


@pytest.mark.parametrize("files, match", [({}, "without any DICOM image"), ({"a.txt": b"x"}, "without any DICOM")])
def test_a_folder_without_slices_is_refused(tmp_path, files, match):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VolumeError, match=match):
        read_series(tmp_path)


def test_an_empty_file_among_the_slices_is_refused(tmp_path):
    folder = write_slices(ct_slices(body(SHAPE)), tmp_path)
    (folder / "3.dcm").write_bytes(b"")
    with pytest.raises(VolumeError, match=r"Received the empty 3.dcm"):
        read_series(folder)
