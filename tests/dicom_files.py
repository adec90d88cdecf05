"""DICOM CT series that tests make of arrays."""

import pathlib

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SPACING_MM = (2.5, 0.7, 0.9)  # between slices, rows, columns
ORIGIN_MM = (-101.5, 47.25, 1003.0)
AXIAL = (1.0, 0, 0, 0, 1, 0)


def ct_slices(image, spacing_mm=SPACING_MM, origin_mm=ORIGIN_MM, axes=AXIAL, shift_mm=(0, 0, 0)) -> list[FileDataset]:
    """Returns a CT image of each slice.

    Args:
        image: (slices, rows, columns), HU.
        spacing_mm: between slices, rows, columns.
        origin_mm: of the first pixel, mm to the left, back and head.
        axes: directions along a row and along a column.
        shift_mm: by which each slice lies beside the last, (0, 0, 0) for a rectangular grid.
    """
    normal = np.cross(axes[:3], axes[3:])
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    slices = []
    for number, pixels in enumerate(image):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        one = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
        one.SOPClassUID, one.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, series, frame
        one.Modality, one.Manufacturer, one.PositionReferenceIndicator = "CT", "lsn_tf's tests", ""
        one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "Nobody", "0", "", ""
        one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "20190101", "120000", "1", ""
        one.ReferringPhysicianName, one.SeriesNumber, one.InstanceNumber = "", 1, number + 1
        position = np.asarray(origin_mm) + number * (spacing_mm[0] * normal + np.asarray(shift_mm))
        one.ImagePositionPatient = [f"{x:.6f}" for x in position]
        one.ImageOrientationPatient = [f"{x:.10f}" for x in axes]
        one.PixelSpacing, one.SliceThickness = [spacing_mm[1], spacing_mm[2]], spacing_mm[0]
        one.Rows, one.Columns = pixels.shape
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.RescaleIntercept, one.RescaleSlope, one.RescaleType = -1024, 1, "HU"
        one.PixelData = (pixels + 1024).astype(np.uint16).tobytes()
        slices.append(one)
    return slices


def write_slices(slices: list[FileDataset], folder: pathlib.Path, order=None) -> pathlib.Path:
    """Writes slices as 0.dcm, 1.dcm and so on, in an order of their own if wanted; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, number in enumerate(order if order is not None else range(len(slices))):
        pydicom.dcmwrite(folder / f"{name}.dcm", slices[number])
    return folder


def body(shape, seed=0) -> np.ndarray:
    """Returns HU as CT has them, (slices, rows, columns): air around a body of fat and soft tissue."""
    rng = np.random.default_rng(seed)
    image = np.full(shape, -1000)
    inner = image[:, shape[1] // 6 : -(shape[1] // 6) or None, shape[2] // 6 : -(shape[2] // 6) or None]
    inner[:] = rng.choice([-100, 40, 60], inner.shape)
    return image + rng.integers(-20, 20, shape)
