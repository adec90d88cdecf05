"""The scan that tests of the viewer look at, and a network that takes for the organ what is bright."""

import nibabel
import numpy as np

from lsn_tf.numerics.level_sets import ball, inside
from lsn_tf.segmenters import Segmenter

STORED = (64, 48, 5)  # along the axes of the file
SPACING_MM = (2.5, 0.7, 0.9)  # (dz, dy, dx), canonical
CENTRE = (30, 21)  # (x, y) of the cylinder, canonical voxels
RADIUS_MM = 13.0
# The LSE rests some 1.5 mm within the border, where the Gaussian takes the bright intensities out of its window.
REST_MM = RADIUS_MM - 2.5
THRESHOLD_HU = 10.0


def disc(radius_mm):
    """Returns the mask of a disc about the centre on all slices, (slices, height, width) bool."""
    centre = CENTRE[1] * SPACING_MM[1], CENTRE[0] * SPACING_MM[2]
    return np.repeat(inside(ball(STORED[1::-1], SPACING_MM[1:], centre, radius_mm))[None], STORED[2], axis=0)


def bright(name="threshold"):
    """Returns a network that takes for the organ what is bright."""
    return Segmenter(name, "a test", "liver", lambda batch: THRESHOLD_HU - batch["image"], "sha")


def write(path, array, affine):
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return str(path)
