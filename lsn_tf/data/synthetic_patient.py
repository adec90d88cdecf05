"""One patient of the synthetic twin of LiTS: habitus, position on the scanner's table and slab, drawn from a seed."""

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from lsn_tf.data.anatomy import DOME_TOP_CM, LIVER_BOTTOM_CM, TRUNK_CM, draw_structures
from lsn_tf.data.solids import Points
from lsn_tf.data.voxelization import Structure

NOISE_HU = (14.0, 26.0)  # standard deviation; with vessels and texture most livers of LiTS show 17 to 28


@dataclasses.dataclass(frozen=True)
class Patient:
    """One patient on the scanner's table.

    Attributes:
        structures: The organs, in painting order.
        scale: (3,), size along x, y, z relative to the nominal adult.
        rotation: (3, 3), from scanner to body axes.
        shift_cm: (2,), x and y of the body's axis in the field of view.
        back_cm: Distance from the body's axis to the skin of the back.
        waves: (n, 7), the smooth deformation: displacement in cm (3), wave vector in 1/cm (3), angle.
        field_mm: (height, width) of the field of view.
        slab_mm: (lowest, highest) z of the scanned slab.
        noise_hu: Standard deviation of the noise.
    """

    structures: list[Structure]
    scale: np.ndarray
    rotation: np.ndarray
    shift_cm: np.ndarray
    back_cm: float
    waves: np.ndarray
    field_mm: tuple[float, float]
    slab_mm: tuple[float, float]
    noise_hu: float


def draw_patient(volume_id: int, seed: int = 0) -> Patient:
    """Draws the patient of this number.

    Raises:
        ValueError: if volume_id or seed is negative.
    """
    if volume_id < 0 or seed < 0:
        raise ValueError(f"volume_id and seed must be 0 or more. Received volume_id={volume_id}, seed={seed}.")
    rng = np.random.default_rng([seed, volume_id])
    fat_cm = rng.uniform(0.7, 3.2)
    scale = np.exp(rng.normal(0, 0.04) + rng.normal(0, 0.03, 3))
    below_mm, above_mm = rng.uniform(5, 35, 2)
    return Patient(
        structures=draw_structures(rng, fat_cm),
        scale=scale,
        rotation=Rotation.from_euler("xyz", rng.normal(0, (2, 2, 4)), degrees=True).as_matrix(),
        shift_cm=rng.normal(0, 0.8, 2),
        back_cm=float(scale[1] * (TRUNK_CM[1] + fat_cm)),
        waves=_draw_waves(rng),
        field_mm=_draw_field(rng, 2 * scale[0] * (TRUNK_CM[0] + fat_cm)),
        slab_mm=(10 * scale[2] * LIVER_BOTTOM_CM - below_mm, 10 * scale[2] * DOME_TOP_CM + above_mm),
        noise_hu=float(rng.uniform(*NOISE_HU)),
    )


def _draw_waves(rng: np.random.Generator, count: int = 5, steepness: float = 0.1) -> np.ndarray:
    """Waves 12 to 30 cm long and 2 to 5 mm high; count * steepness < 1, so that space is never folded."""
    displacement, wave_vector = rng.normal(size=(2, count, 3))
    wave_vector *= 2 * np.pi / rng.uniform(12, 30, (count, 1)) / np.linalg.norm(wave_vector, axis=1, keepdims=True)
    displacement *= steepness / np.linalg.norm(displacement, axis=1, keepdims=True)
    displacement /= np.linalg.norm(wave_vector, axis=1, keepdims=True)
    return np.hstack([displacement, wave_vector, rng.uniform(0, 2 * np.pi, (count, 1))]).astype(np.float32)


def _draw_field(rng: np.random.Generator, body_width_cm: float) -> tuple[float, float]:
    """A square somewhat wider than the body, mm; in one patient of four the pixels are not square."""
    width = 10 * body_width_cm * rng.uniform(1.06, 1.35)
    stretch = rng.uniform(0.85, 1.15) if rng.random() < 0.25 else 1.0
    return float(width * stretch), float(width)


def body_points(patient: Patient, points: Points) -> Points:
    """Takes scanner points to body coordinates: shift, tilt, size, then the patient's own smooth deformation."""
    x, y, z = points
    shift = patient.shift_cm.astype(np.float32)
    to_body = (patient.rotation / patient.scale[:, None]).astype(np.float32)
    points = np.einsum("ij,jn->in", to_body, np.stack([x - shift[0], y - shift[1], z]))
    displacement, wave_vector, angle = np.split(patient.waves, (3, 6), axis=1)
    angles = np.einsum("kj,jn->kn", wave_vector, points) + angle
    return tuple(points + np.einsum("kj,kn->jn", displacement, np.sin(angles)))
