"""highdicom reads back the mask, voxel on voxel with its source images, and the codes that archives look for."""

import highdicom
import numpy as np
import pytest
from dicom_files import body, ct_slices, write_slices

from lsn_tf.data.dicom import read_series
from lsn_tf.data.dicom_seg import write_dicom_seg
from lsn_tf.data.nifti import VolumeError

SHAPE = (5, 7, 6)


@pytest.fixture
def series(tmp_path):
    return read_series(write_slices(ct_slices(body(SHAPE)), tmp_path / "ct", order=[4, 1, 0, 3, 2]))


def write(mask, series, path, target="liver"):
    write_dicom_seg(mask, series, path, target, "lsn")
    return highdicom.seg.segread(path)


@pytest.mark.parametrize("slices", [slice(None), slice(1, 3), slice(4, 5)])
def test_every_frame_lies_on_the_slice_that_it_refers_to(tmp_path, series, slices):
    mask = np.zeros(SHAPE, bool)
    mask[slices] = np.random.default_rng(0).random(mask[slices].shape) < 0.5
    seg = write(mask, series, tmp_path / "seg.dcm")
    uids = [dataset.SOPInstanceUID for dataset in series.datasets]
    frames = seg.get_pixels_by_source_instance(
        uids, ignore_spatial_locations=False, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(frames[..., 0], mask)
    assert seg.segmentation_type.value == "BINARY" and seg.number_of_segments == 1


def test_the_volume_that_it_spans_is_the_series(tmp_path, series):
    mask = np.random.default_rng(0).random(SHAPE) < 0.5
    volume = write(mask, series, tmp_path / "seg.dcm").get_volume(combine_segments=True)
    places = np.array([dataset.ImagePositionPatient for dataset in series.datasets], float)
    found = volume.map_indices_to_reference(np.array([[k, 0, 0] for k in range(len(volume.array))]))
    order = [int(np.linalg.norm(places - place, axis=1).argmin()) for place in found]
    np.testing.assert_allclose(places[order], found, atol=1e-4)
    np.testing.assert_array_equal(volume.array[np.argsort(order)], mask)


@pytest.mark.parametrize("target, code", [("liver", "10200004"), ("tumor", "108369006")])
def test_the_segment_is_named_by_snomed(tmp_path, series, target, code):
    seg = write(np.ones(SHAPE, bool), series, tmp_path / "seg.dcm", target)
    segment = seg.get_segment_description(1)
    assert (segment.segmented_property_type.value, segment.segmented_property_type.scheme_designator) == (code, "SCT")
    assert segment.algorithm_type.value == "AUTOMATIC"
    assert segment.algorithm_identification[0].AlgorithmName == "lsn_tf lsn"


def test_it_belongs_to_the_patient_and_the_study_but_is_a_series_of_its_own(tmp_path, series):
    seg, source = write(np.ones(SHAPE, bool), series, tmp_path / "seg.dcm"), series.datasets[0]
    for name in ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert seg[name].value == source[name].value
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    referenced = {item.ReferencedSOPInstanceUID for item in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert referenced == {dataset.SOPInstanceUID for dataset in series.datasets}


def test_what_scanners_leave_empty_does_no_harm(tmp_path):
    slices = ct_slices(body(SHAPE))
    for one in slices:
        one.SpecificCharacterSet = one.StudyTime = one.StudyID = one.PatientSex = ""
    seg = write(np.ones(SHAPE, bool), read_series(write_slices(slices, tmp_path / "ct")), tmp_path / "seg.dcm")
    assert seg.number_of_frames == len(slices)


def test_a_series_that_lacks_what_dicom_demands_is_refused(tmp_path, series):
    for dataset in series.datasets:
        del dataset.StudyInstanceUID
    with pytest.raises(VolumeError, match="expected a series with all that a DICOM object must have"):
        write_dicom_seg(np.ones(SHAPE, bool), series, tmp_path / "seg.dcm", "liver", "lsn")
    assert not (tmp_path / "seg.dcm").exists()
