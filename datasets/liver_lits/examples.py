"""What an example of the data set holds, and how it is made from a scan; one pair of functions a kind."""

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from lsn_tf.data import resampling, volumes

from .compressed_tensor import Compressed, CompressedTensor, compress
from .scan_files import ScanFiles

Features = dict[str, tfds.features.FeatureConnector]
Example = dict[str, Any]

_LABEL_DOC = "Same shape as image; 0 background, 1 liver, 2 tumour."


def slice_features(size: int) -> Features:
    """Features of one axial slice of size x size pixels."""
    shape = (size, size, 1)
    return {
        "image": CompressedTensor(
            shape=shape, dtype=np.int16, doc="(y, x, 1), HU; y grows to the back, x to the patient's left."
        ),
        "label": CompressedTensor(shape=shape, dtype=np.uint8, doc=_LABEL_DOC),
        "slice_index": tfds.features.Scalar(np.int32, doc="Number of the slice in its scan, counted from the feet."),
        "num_slices": tfds.features.Scalar(np.int32, doc="Slices of the scan."),
        **_scan_features(),
    }


def slice_examples(files: ScanFiles, size: int) -> list[Example]:
    """Reads a scan into one example a slice."""
    scan = volumes.read_scan(files.image, files.label)
    shape = (size, size)
    common = {
        "num_slices": len(scan.image),
        **_scan_values(files, scan, resampling.resized_spacing(scan.spacing_mm, scan.image.shape[1:], shape)),
    }
    return [
        {
            "image": _stored(resampling.resize_image(image, shape)),
            "label": _stored(resampling.resize_label(label, shape)),
            "slice_index": index,
            **common,
        }
        for index, (image, label) in enumerate(zip(scan.image, scan.label, strict=True))
    ]


def volume_features() -> Features:
    """Features of one whole scan on its own grid."""
    shape = (None, None, None, 1)
    return {
        "image": CompressedTensor(
            shape=shape,
            dtype=np.int16,
            doc="(slices, y, x, 1), HU; slices grow to the head, y to the back, x to the patient's left.",
        ),
        "label": CompressedTensor(shape=shape, dtype=np.uint8, doc=_LABEL_DOC),
        **_scan_features(),
    }


def volume_examples(files: ScanFiles) -> list[Example]:
    """Reads a scan into its one example."""
    scan = volumes.read_scan(files.image, files.label)
    values = _scan_values(files, scan, scan.spacing_mm)
    return [{"image": _stored(scan.image), "label": _stored(scan.label), **values}]


def _scan_features() -> Features:
    return {
        "spacing_mm": tfds.features.Tensor(shape=(3,), dtype=np.float32, doc="(dz, dy, dx) of the stored grid, mm."),
        "spacing_guessed": tfds.features.Scalar(
            np.bool_, doc="True if the file knew no geometry; spacing_mm is then typical of LiTS, not measured."
        ),
        "volume_id": tfds.features.Scalar(np.int32, doc="Number of the scan in LiTS."),
    }


def _scan_values(files: ScanFiles, scan: volumes.Scan, spacing_mm: tuple[float, float, float]) -> Example:
    return {
        "spacing_mm": np.asarray(spacing_mm, np.float32),
        "spacing_guessed": scan.spacing_guessed,
        "volume_id": files.volume_id,
    }


def _stored(array: np.ndarray) -> Compressed:
    return compress(array[..., np.newaxis])
