"""A mask on the slices of a DICOM series -> a DICOM segmentation object that archives and viewers know what to do with.

Codes are SNOMED CT's as DICOM PS3.16 has them: categories of CID 7150, the liver is 10200004.
"""

import importlib.metadata
import os
import warnings

import numpy as np

from lsn_tf.data.dicom import Series
from lsn_tf.data.nifti import VolumeError

# What a target is: its label, and pydicom's names of its category and type.
CODES = {
    "liver": ("Liver", "AnatomicalStructure", "Liver"),
    "tumor": ("Liver tumour", "MorphologicallyAbnormalStructure", "Neoplasm"),
}
SERIES_NUMBER = 1000  # beyond those that a scanner gives


def write_dicom_seg(mask: np.ndarray, series: Series, path: str | os.PathLike, target: str, model: str) -> None:
    """Writes a binary DICOM-SEG with one segment, which refers to the slices that it lies on.

    Args:
        mask: (slices, rows, columns) bool, in the order of `series.datasets`.
        series: of the scan.
        path: file to write.
        target: "liver" or "tumor".
        model: name of the model, the algorithm.

    Raises:
        VolumeError: if the series lacks what every DICOM object must have.
        ImportError: if highdicom is not installed: pip install 'lsn_tf[predict]'.
    """
    try:
        import highdicom
        from pydicom.sr.codedict import codes
    except ImportError as error:
        raise ImportError(f"DICOM-SEG needs highdicom: pip install 'lsn_tf[predict]' ({error})") from error
    label, category, kind = CODES[target]
    version = importlib.metadata.version("lsn_tf")
    segment = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label=label,
        segmented_property_category=getattr(codes.CID7150, category),
        segmented_property_type=getattr(codes.SCT, kind),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=f"lsn_tf {model}", version=version, family=codes.DCM.ArtificialIntelligence
        ),
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names and dates in the scan that are not quite as the standard wants
            highdicom.seg.Segmentation(
                source_images=series.datasets,
                pixel_array=mask,
                segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
                segment_descriptions=[segment],
                series_instance_uid=highdicom.UID(),
                series_number=SERIES_NUMBER,
                sop_instance_uid=highdicom.UID(),
                instance_number=1,
                manufacturer="lsn_tf",
                manufacturer_model_name="lsn_tf",
                software_versions=version,
                device_serial_number="1",
                content_label=target.upper(),
                series_description=f"{label}, automatic, not for clinical use",
            ).save_as(path)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise VolumeError(
            f"{series.folder}: expected a series with all that a DICOM object must have. Received {error}. "
            "Export the series again, or leave out --save=seg."
        ) from error
