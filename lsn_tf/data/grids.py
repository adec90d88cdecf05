"""Where the voxels of a NIfTI file lie in the patient, and how to turn them into one orientation."""

import dataclasses
import os

import nibabel
import numpy as np
from nibabel import orientations

from lsn_tf.data.nifti import VolumeError

CANONICAL_AXES = ("L", "P", "S")  # where x, y, z grow to, as nibabel's axis codes
GUESSED_NOTE = b"lsn_tf: spacing guessed"  # in the header's free text, so that the flag survives a round trip

# Median of the LiTS volumes: 0.77 mm x 0.77 mm x 1 mm at 512 x 512 (nnU-Net's fingerprint of Task03 Liver,
# Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). It stands in where a header knows no spacing.
TYPICAL_FIELD_OF_VIEW_MM = 512 * 0.767578125
TYPICAL_SLICE_SPACING_MM = 1.0

# How scans without geometry are stored: x to the left, y to the front, z to the head, as converters from DICOM write CT
# and as NIfTI itself reads a file without an affine. Others found it so by hand in LiTS 28..47, whose identity affine
# would say "to the right"; we found it in slices of LiTS that ITK had given its own identity ("to the back").
_AXES_WITHOUT_GEOMETRY = np.diag([-1.0, 1.0, 1.0])
_SAME_GRID_MM = 1e-2
_UNTURNED = np.array([[0, 1], [1, 1], [2, 1]])  # nibabel's orientation array that changes nothing


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """The voxels of one file, seen in canonical orientation.

    Attributes:
        stored_shape: Sizes along the axes of the file.
        turn: nibabel's orientation array that leads from those axes to the canonical ones.
        shape: Sizes along the canonical (x, y, z).
        affine: (4, 4), canonical voxel (x, y, z) -> mm to the right, front and head (RAS), as in NIfTI.
        guessed: True if spacing and orientation are typical, not known.
    """

    stored_shape: tuple[int, int, int]
    turn: np.ndarray
    shape: tuple[int, int, int]
    affine: np.ndarray
    guessed: bool

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """(dz, dy, dx)."""
        return tuple(float(size) for size in nibabel.affines.voxel_sizes(self.affine)[::-1])

    @property
    def voxel_mm3(self) -> float:
        """The volume of a voxel; less than the product of its sides where axes are sheared."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def as_canonical(self, stored: np.ndarray) -> np.ndarray:
        """Returns voxels along the axes of the file as a view (slices, height, width)."""
        return orientations.apply_orientation(stored, self.turn).transpose(2, 1, 0)

    def as_stored(self, array: np.ndarray) -> np.ndarray:
        """Returns (slices, height, width) along the axes of the file, as `stored_shape` has them."""
        back = orientations.ornt_transform(_UNTURNED, self.turn)
        return orientations.apply_orientation(array.transpose(2, 1, 0), back)


def grid_of(image: nibabel.Nifti1Image, path: str | os.PathLike) -> Grid:
    """Returns the grid that a header describes, or a typical one where it describes none.

    Raises:
        VolumeError: if the affine is not finite or lacks an axis.
    """
    affine, guessed = _trusted_affine(image, path)
    return grid_from(affine, image.shape[:3], guessed)


def grid_from(affine: np.ndarray, stored_shape: tuple[int, int, int], guessed: bool = False) -> Grid:
    """Returns the grid of voxels that are stored along axes of any direction.

    Args:
        affine: (4, 4), stored voxel -> mm to the right, front and head (RAS).
        stored_shape: sizes along the axes as stored.
        guessed: see `Grid`.
    """
    turn = orientations.ornt_transform(orientations.io_orientation(affine), orientations.axcodes2ornt(CANONICAL_AXES))
    shape = np.empty(3, int)
    shape[turn[:, 0].astype(int)] = stored_shape
    return Grid(
        stored_shape=tuple(stored_shape),
        turn=turn,
        shape=tuple(shape.tolist()),
        affine=affine @ orientations.inv_ornt_aff(turn, stored_shape),
        guessed=guessed,
    )


def turn_of_label(label: Grid, image: Grid) -> np.ndarray | None:
    """Decides how to turn a label so that it lies on its image.

    A header that places the label exactly on the image's grid is right. Otherwise the image's header wins, and equal
    shapes are taken to lie voxel on voxel (the label of LiTS volume 53 has an affine of its own).

    Returns:
        The turn, or None if neither fits.
    """
    if label.shape == image.shape and np.allclose(label.affine, image.affine, rtol=0, atol=_SAME_GRID_MM):
        return label.turn
    return image.turn if label.stored_shape == image.stored_shape else None


def _trusted_affine(image: nibabel.Nifti1Image, path: str | os.PathLike) -> tuple[np.ndarray, bool]:
    affine = np.asarray(image.affine, np.float64)
    if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
        raise VolumeError(f"{path}: expected an affine with three axes. Received {affine.tolist()}. Mend the header.")
    if _knows_no_geometry(image):
        return _typical_affine(image.shape), True
    return affine, image.header["descrip"].item() == GUESSED_NOTE


def _knows_no_geometry(image: nibabel.Nifti1Image) -> bool:
    """True for what is written by those who know nothing: 1 mm along each axis, and no origin or no affine at all.

    A scan resampled to 1 mm has an origin of its own, and is believed.
    """
    affine = np.abs(image.affine)
    no_affine = image.header["sform_code"] == 0 and image.header["qform_code"] == 0
    return np.array_equal(affine[:3, :3], np.eye(3)) and (no_affine or not affine[:3, 3].any())


def _typical_affine(shape: tuple[int, ...]) -> np.ndarray:
    in_plane_mm = TYPICAL_FIELD_OF_VIEW_MM / max(shape[:2])
    spacing_mm = np.diag([in_plane_mm, in_plane_mm, TYPICAL_SLICE_SPACING_MM])
    return nibabel.affines.from_matvec(_AXES_WITHOUT_GEOMETRY @ spacing_mm)
