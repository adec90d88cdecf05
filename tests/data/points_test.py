"""A point is the same place in the patient, named in mm, as a voxel of any file, or on the canonical grid."""

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine, from_matvec
from scipy.spatial.transform import Rotation

from lsn_tf.data.grids import grid_of
from lsn_tf.data.nifti import open_nifti
from lsn_tf.data.points import canonical_index, canonical_index_of_voxel, extent_mm
from lsn_tf.data.volumes import read_scan

SHAPE = (5, 6, 4)  # along the axes of the file
SEEDS = range(24)


def random_scan(folder, seed):
    """Stores distinct voxels with any affine, sheared and left-handed as well."""
    rng = np.random.default_rng(seed)
    axes = Rotation.random(random_state=rng).as_matrix() @ np.diag([rng.choice([-1, 1]), 1, 1])
    axes = axes @ (np.eye(3) + 0.3 * np.triu(rng.uniform(-1, 1, (3, 3)), 1)) @ np.diag(rng.uniform(0.5, 5, 3))
    voxels = rng.permutation(np.prod(SHAPE)).reshape(SHAPE).astype(np.int16)
    image = nibabel.Nifti1Image(voxels, from_matvec(axes, rng.uniform(-300, 300, 3)))
    nibabel.save(image, folder / "volume-1.nii")
    return folder / "volume-1.nii", voxels, nibabel.load(folder / "volume-1.nii").affine


@pytest.fixture
def scan(tmp_path):
    """5 x 6 x 4 voxels of 2 mm, 3 mm and 4 mm to the right, front and head, the first centred at (10, 20, 30) mm."""
    affine = from_matvec(np.diag([2.0, 3.0, 4.0]), [10, 20, 30])
    nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), affine), tmp_path / "volume-1.nii")
    return read_scan(tmp_path / "volume-1.nii")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_point_in_mm_finds_its_voxel(tmp_path, seed):
    path, voxels, affine = random_scan(tmp_path, seed)
    scan = read_scan(path)
    stored = np.argwhere(np.ones(SHAPE))
    index = canonical_index(apply_affine(affine, stored), scan.affine, scan.image.shape)
    np.testing.assert_allclose(index, np.rint(index), atol=1e-4)
    np.testing.assert_array_equal(scan.image[tuple(np.rint(index).astype(int).T)], voxels.ravel())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_voxel_of_the_file_finds_the_same_voxel(tmp_path, seed):
    path, voxels, _ = random_scan(tmp_path, seed)
    index = canonical_index_of_voxel(np.argwhere(np.ones(SHAPE)), grid_of(open_nifti(path), path))
    np.testing.assert_array_equal(read_scan(path).image[tuple(np.rint(index).astype(int).T)], voxels.ravel())


@pytest.mark.parametrize("seed", SEEDS)
def test_mm_and_voxels_agree_between_the_centres(tmp_path, seed):
    path, _, affine = random_scan(tmp_path, seed)
    grid = grid_of(open_nifti(path), path)
    stored = np.random.default_rng(seed).uniform(-0.49, np.array(SHAPE) - 0.51, (50, 3))
    index = canonical_index(apply_affine(affine, stored), grid.affine, grid.shape[::-1])
    np.testing.assert_allclose(index, canonical_index_of_voxel(stored, grid), atol=1e-4)


def test_voxels_of_a_file_without_geometry_are_found(tmp_path):
    """Such a file is read as x to the left, y to the front, z to the head: only y is turned."""
    nibabel.save(nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), np.eye(4)), tmp_path / "volume-28.nii")
    grid = grid_of(open_nifti(tmp_path / "volume-28.nii"), "volume-28.nii")
    np.testing.assert_allclose(canonical_index_of_voxel((1, 2, 3), grid), (3, 6 - 1 - 2, 1))


def test_to_the_right_is_a_lower_x_to_the_front_a_lower_y_to_the_head_a_higher_slice(scan):
    centre = np.array([14.0, 26.0, 38.0])
    index = canonical_index(centre, scan.affine, scan.image.shape)
    moved = canonical_index(centre + [1, 1, 1], scan.affine, scan.image.shape)
    np.testing.assert_allclose(moved - index, (1 / 4, -1 / 3, -1 / 2), atol=1e-6)


def test_the_extent_reaches_to_the_outer_faces_of_the_voxels(scan):
    expected = [[10 - 1, 18 + 1], [20 - 1.5, 35 + 1.5], [30 - 2, 42 + 2]]
    np.testing.assert_allclose(extent_mm(scan.affine, scan.image.shape), expected)


@pytest.mark.parametrize("point", [(8.9, 26, 38), (14, 36.6, 38), (14, 26, 44.1), (np.nan, 26, 38)])
def test_a_point_outside_is_told_how_far_the_scan_reaches(scan, point):
    reach = r"x 9\.0\.\.19\.0, y 18\.5\.\.36\.5, z 28\.0\.\.44\.0 mm"
    with pytest.raises(ValueError, match=rf"{reach} .*Received \[{point[0]:.1f}, .* mm"):
        canonical_index(point, scan.affine, scan.image.shape)


@pytest.mark.parametrize("point", [(9.1, 26, 38), (14, 36.4, 38), (14, 26, 43.9)])
def test_the_outer_voxels_are_inside_as_a_whole(scan, point):
    index = canonical_index(point, scan.affine, scan.image.shape)
    assert (index >= -0.5).all() and (index <= np.array(scan.image.shape) - 0.5).all()


@pytest.mark.parametrize("voxel", [(5, 0, 0), (0, 6, 0), (0, 0, 4), (-1, 0, 0), (4, 5, np.nan)])
def test_a_voxel_that_the_file_does_not_have_is_refused(tmp_path, voxel):
    path, _, _ = random_scan(tmp_path, seed=0)
    with pytest.raises(ValueError, match=r"reaches over x .* mm .*Received voxel \["):
        canonical_index_of_voxel(voxel, grid_of(open_nifti(path), path))
