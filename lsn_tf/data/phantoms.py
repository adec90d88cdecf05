"""The synthetic twin of LiTS: labelled CT of an abdomen from a seed, for tests, demonstrations and first training runs.

`synthetic_patient.py` says who lies on the table and `anatomy.py` what is inside; here are matrix, blur and noise.
The liver cannot be found by its CT number alone: the best window reaches a Dice of about 0.6, as it does in LiTS.
"""

import os
import pathlib
from collections.abc import Iterable, Iterator

import numpy as np
from scipy import ndimage

from lsn_tf.data.anatomy import LIVER_PARTS, TUMOUR
from lsn_tf.data.solids import Points, Solid, difference, ellipsoid, grown, half_space, intersection
from lsn_tf.data.synthetic_patient import Patient, body_points, draw_patient
from lsn_tf.data.volumes import Scan, write_scan
from lsn_tf.data.voxelization import Structure, blend_in, clip, everywhere, paint

DEFAULT_VOLUME_IDS = tuple(range(0, 131, 3))  # 44 of the 131 LiTS numbers: eight or nine in each published fold
AIR_HU = -1000.0
TABLE_HU = 60.0  # carbon fibre, mixed with the foam inside it
HU_RANGE = (-1024, 3071)  # twelve bits, as scanners store
POINT_SPREAD_MM = 0.7  # standard deviation, a soft-tissue kernel
NOISE_GRAIN_MM = 0.8  # standard deviation of the smoothing that correlates it


def make_scan(volume_id: int, seed: int = 0, size: int = 128, slices: int = 8) -> Scan:
    """Makes one labelled scan, the same for the same arguments whatever was made before.

    Args:
        volume_id: Number of the volume, from 0; LiTS has 0 to 130, and the folds go by it.
        seed: Another seed is another hospital: all patients change.
        size: Height and width of the matrix; anatomy and field of view do not depend on it.
        slices: Number of thin slices, evenly spaced over the liver and 5 to 35 mm beyond it at each end.

    Returns:
        A `Scan`: image in HU and label in {0, 1, 2}, both (slices, size, size).

    Raises:
        ValueError: if volume_id or seed is negative, or size or slices is not positive.
    """
    patient = draw_patient(volume_id, seed)
    spacing_mm = spacing_of(patient, size, slices)
    image, organ = voxelize(patient, size, slices)
    noise = np.random.default_rng([seed, volume_id, size, slices])
    return Scan(
        volume_id=volume_id,
        image=expose(image, spacing_mm, patient.noise_hu, noise),
        label=label_of(organ, patient.structures),
        spacing_mm=spacing_mm,
        spacing_guessed=False,
        affine=affine_of(patient, size, slices),
    )


def make_scans(
    volume_ids: Iterable[int] = DEFAULT_VOLUME_IDS, seed: int = 0, size: int = 128, slices: int = 8
) -> Iterator[Scan]:
    """Makes the scans of these numbers, one at a time; arguments as for `make_scan`."""
    return (make_scan(volume_id, seed, size, slices) for volume_id in volume_ids)


def write_lits(
    folder: str | os.PathLike,
    volume_ids: Iterable[int] = DEFAULT_VOLUME_IDS,
    seed: int = 0,
    size: int = 128,
    slices: int = 8,
) -> list[pathlib.Path]:
    """Writes scans in the layout of LiTS, `volume-N.nii.gz` and `segmentation-N.nii.gz`; returns the files."""
    scans = make_scans(volume_ids, seed, size, slices)
    return [path for scan in scans for path in write_scan(scan, folder)]


def make_anatomy(volume_id: int, seed: int = 0, size: int = 128, slices: int = 8) -> tuple[np.ndarray, tuple[str, ...]]:
    """The organs behind `make_scan` of the same arguments.

    Returns:
        Organ map, (slices, size, size) uint8, and the names of its values; names may repeat (loops of bowel).
    """
    patient = draw_patient(volume_id, seed)
    _, organ = voxelize(patient, size, slices)
    return organ, ("air", *(structure.name for structure in patient.structures))


def spacing_of(patient: Patient, size: int, slices: int) -> tuple[float, float, float]:
    """Voxel size (dz, dy, dx), mm.

    Raises:
        ValueError: if size or slices is not positive.
    """
    if size < 1 or slices < 1:
        raise ValueError(f"size and slices must be positive. Received size={size}, slices={slices}.")
    (low, high), (height, width) = patient.slab_mm, patient.field_mm
    return float(high - low) / slices, height / size, width / size


def affine_of(patient: Patient, size: int, slices: int) -> np.ndarray:
    """(4, 4), voxel (x, y, z) -> position in mm to the right, front and head (RAS), as in NIfTI."""
    dz, dy, dx = spacing_of(patient, size, slices)
    affine = np.diag([-dx, -dy, dz, 1.0])
    affine[:3, 3] = dx * (size - 1) / 2, dy * (size - 1) / 2, patient.slab_mm[0] + dz / 2
    return affine


def scanner_points(patient: Patient, size: int, slices: int) -> Points:
    """Voxel centres (x, y, z) in cm from the middle of the field, each flattened from (slices, size, size)."""
    affine = affine_of(patient, size, slices) / 10
    z, y, x = np.meshgrid(np.arange(slices), np.arange(size), np.arange(size), indexing="ij")
    x, y, z = (affine[k, k] * index + affine[k, 3] for k, index in enumerate((x, y, z)))
    return tuple(axis.ravel().astype(np.float32) for axis in (-x, -y, z))


def voxelize(patient: Patient, size: int, slices: int) -> tuple[np.ndarray, np.ndarray]:
    """The patient on the table without blur and noise.

    Returns:
        HU, float32, and the structure at each voxel centre, counted from 1, uint8; both (slices, size, size).
    """
    points = scanner_points(patient, size, slices)
    _, dy, dx = spacing_of(patient, size, slices)
    pixel_cm = float(np.sqrt(dy * dx)) / 10
    image = np.full(points[0].shape, AIR_HU, np.float32)
    blend_in(image, clip(everywhere(points), _table(patient), pixel_cm), TABLE_HU, pixel_cm)
    organ = paint(image, patient.structures, body_points(patient, points), pixel_cm)
    return image.reshape(slices, size, size), organ.reshape(slices, size, size)


def _table(patient: Patient) -> Solid:
    """The shell of the couch: a shallow trough, 5 mm thick, 2 cm under the middle of the back."""
    x, bottom = patient.shift_cm[0], patient.shift_cm[1] + patient.back_cm + 2.5
    trough = ellipsoid((x, bottom - 28, 0), (34, 28, np.inf))
    return intersection(difference(trough, grown(trough, -0.5)), half_space((0, -1, 0), 6 - bottom))


def label_of(organ: np.ndarray, structures: list[Structure]) -> np.ndarray:
    """The labels of LiTS for an organ map: 1 the liver with its vessels, 2 tumour, 0 all else; uint8, same shape."""
    label = {TUMOUR: 2, **dict.fromkeys(LIVER_PARTS, 1)}
    return np.array([0, *(label.get(structure.name, 0) for structure in structures)], np.uint8)[organ]


def expose(
    image: np.ndarray, spacing_mm: tuple[float, float, float], noise_hu: float, rng: np.random.Generator
) -> np.ndarray:
    """Blurs each slice by the point spread and adds correlated Gaussian noise; int16 HU, same shape."""
    sigma = np.array([0, 1 / spacing_mm[1], 1 / spacing_mm[2]])  # of 1 mm, in voxels
    noise = ndimage.gaussian_filter(rng.standard_normal(image.shape, np.float32), NOISE_GRAIN_MM * sigma)
    noise -= noise.mean()
    noise *= np.float32(noise_hu) / max(noise.std(), np.float32(1e-6))  # a single voxel has no deviation
    image = ndimage.gaussian_filter(image, POINT_SPREAD_MM * sigma) + noise
    return np.clip(np.rint(image), *HU_RANGE).astype(np.int16)
