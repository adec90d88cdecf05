"""What NiiVue is given lies where it should: the scan voxel by voxel, the surface on the contour of the scan."""

import nibabel
import numpy as np
from nibabel.affines import apply_affine

from lsn_tf.numerics.level_sets import ball
from lsn_tf.viewer import depths
from lsn_tf.viewer.niivue_files import COARSE_VOXELS, MZ3_MAGIC, coarse_step, picture_affine, scan_nifti, surface_mz3

SHAPE, SPACING = (6, 7, 8), (2.5, 0.7, 0.9)


def mesh_of(content):
    magic, parts = np.frombuffer(content, "<u2", 2)
    faces, vertices, skipped = np.frombuffer(content, "<u4", 3, 4)
    assert (magic, parts, skipped) == (MZ3_MAGIC, 3, 0) and len(content) == 16 + 12 * (faces + vertices)
    return np.frombuffer(content, "<i4", 3 * faces, 16).reshape(-1, 3), np.frombuffer(
        content, "<f4", offset=16 + 12 * faces
    ).reshape(-1, 3)


def test_the_scan_goes_from_left_to_right_and_back_to_front(rng):
    image = rng.integers(-1000, 1000, SHAPE, np.int16)
    nifti = nibabel.Nifti1Image.from_bytes(scan_nifti(image, SPACING))
    np.testing.assert_array_equal(np.asarray(nifti.dataobj), image.transpose(2, 1, 0))
    assert nibabel.aff2axcodes(nifti.affine) == ("L", "P", "S")
    np.testing.assert_allclose(nifti.header.get_zooms(), SPACING[::-1], rtol=1e-6)
    middle = (np.array(SHAPE[::-1]) - 1) / 2
    np.testing.assert_allclose(apply_affine(nifti.affine, middle), 0, atol=1e-5)


def test_coarse_voxels_lie_where_they_were_taken(rng):
    shape, spacing = (20, 400, 300), (5.0, 0.5, 0.9)
    image = rng.integers(-1000, 1000, shape, np.int16)
    step = coarse_step(shape, spacing)
    nifti = nibabel.Nifti1Image.from_bytes(scan_nifti(image, spacing, coarse=True))
    assert max(nifti.shape) <= 1.5 * COARSE_VOXELS and step[1] > 1
    index = np.array([3, 5, 2])
    there = np.round(apply_affine(np.linalg.inv(picture_affine(shape, spacing)), apply_affine(nifti.affine, index)))
    assert nifti.dataobj[tuple(index)] == image[tuple(there[::-1].astype(int))]


def test_the_surface_of_a_ball_is_a_ball_in_the_axes_of_the_picture():
    shape, spacing, radius = (30, 60, 50), (2.5, 0.7, 0.9), 12.0
    centre = np.array([36.0, 22.5, 21.0])  # along (z, y, x), mm from the first voxel
    depth = depths.from_phi(ball(shape, spacing, centre, radius))
    faces, vertices = mesh_of(surface_mz3(depth, spacing))
    middle = apply_affine(picture_affine(shape, spacing), (centre / spacing)[::-1])
    np.testing.assert_allclose(np.linalg.norm(vertices - middle, axis=1), radius, atol=0.1)
    a, b, c = (vertices[faces[:, n]] - middle for n in range(3))
    volume = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
    assert abs(volume / (4 / 3 * np.pi * radius**3) - 1) < 0.03  # and its normals point outwards


def test_nothing_has_no_surface():
    assert surface_mz3(np.full(SHAPE, depths.FARTHEST, np.int8), SPACING) is None
