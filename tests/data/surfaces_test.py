"""The surface lies where phi is zero, to second order, in the patient's millimetres, closed, and turned outwards."""

import numpy as np
import pytest
import trimesh
from nibabel.affines import apply_affine, from_matvec
from scipy.spatial.transform import Rotation

from lsn_tf.data.surfaces import SUFFIXES, front_surface, write_surface
from lsn_tf.numerics.level_sets import ball, box, inside

RADIUS_MM, CENTRE_MM = 13.0, (19.3, 17.1, 18.6)  # along z, y, x
EXTENT_MM = 40.0


def grid_affine(spacing_mm):
    return from_matvec(np.diag(spacing_mm[::-1]))


def sphere(cells):
    """Returns phi of a sphere and its affine on a grid of so many cells; voxels are not cubes."""
    spacing = EXTENT_MM / np.array([cells, 2 * cells, 1.5 * cells])
    return ball((cells, 2 * cells, 3 * cells // 2), spacing, CENTRE_MM, RADIUS_MM), grid_affine(spacing)


def test_volume_and_vertices_converge_to_those_of_the_sphere_with_order_2():
    volume_errors, distance_errors = [], []
    for cells in (16, 32, 64):
        mesh = front_surface(*sphere(cells))
        volume_errors.append(abs(mesh.volume / (4 / 3 * np.pi * RADIUS_MM**3) - 1))
        radii = np.linalg.norm(mesh.vertices - CENTRE_MM[::-1], axis=1)
        distance_errors.append(np.abs(radii - RADIUS_MM).max())
    for errors in (volume_errors, distance_errors):
        assert np.polyfit(np.log([4, 2, 1]), np.log(errors), 1)[0] == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("seed", range(6))
def test_it_follows_any_affine_and_its_normals_point_outwards(seed):
    """Sheared and left-handed ones too; the volume is that of the voxels' space times the determinant."""
    rng = np.random.default_rng(seed)
    axes = Rotation.random(random_state=rng).as_matrix() @ (np.eye(3) + 0.4 * np.triu(rng.uniform(-1, 1, (3, 3)), 1))
    affine = from_matvec(axes @ np.diag(rng.choice([-1, 1], 3) * rng.uniform(0.5, 3, 3)), rng.uniform(-300, 300, 3))
    phi, _ = sphere(16)
    plain, turned = front_surface(phi, np.eye(4)), front_surface(phi, affine)
    assert plain.is_watertight and turned.is_watertight
    np.testing.assert_allclose(turned.vertices, apply_affine(affine, plain.vertices), rtol=1e-9, atol=1e-9)
    assert turned.volume == pytest.approx(plain.volume * abs(np.linalg.det(affine)), rel=1e-9)


def test_a_plane_between_voxels_is_found_where_it_is():
    """A box whose faces lie at any fraction of a voxel: linear phi, so that nothing is approximated."""
    lower, upper, spacing = (2.3, 3.1, 2.9), (6.6, 8.2, 7.7), (1.0, 0.5, 0.8)
    mesh = front_surface(box((10, 24, 14), spacing, lower, upper), grid_affine(spacing))
    np.testing.assert_allclose(mesh.bounds, [lower[::-1], upper[::-1]], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 3), (3, 4, 5)])
def test_what_fills_the_scan_is_closed_at_the_faces_of_its_voxels(shape):
    """A full scan is the box of its voxels but for edges and corners, which marching cubes cuts."""
    mesh = front_surface(np.full(shape, -2.0, np.float32), np.eye(4))
    assert mesh.is_watertight and mesh.volume > 0
    np.testing.assert_allclose(mesh.bounds, [[-0.5] * 3, np.array(shape)[::-1] - 0.5])


def test_only_the_box_around_the_inside_matters():
    phi, affine = sphere(32)
    far = np.pad(phi, ((40, 3), (0, 9), (5, 0)), constant_values=50.0)
    corner = apply_affine(affine, (5, 0, 40))
    np.testing.assert_allclose(
        front_surface(far, affine).vertices, front_surface(phi, affine).vertices + corner, atol=1e-9
    )


def test_nothing_inside_has_no_surface():
    assert front_surface(np.full((3, 4, 5), 2.0), np.eye(4)) is None


def test_phi_of_a_mask_encloses_its_voxels():
    phi = np.where(np.random.default_rng(0).random((6, 7, 8)) < 0.4, -1.0, 1.0)
    mesh = front_surface(phi, np.eye(4))
    centres = np.argwhere(np.ones(phi.shape, bool))
    assert mesh.is_watertight
    np.testing.assert_array_equal(_winding_number(mesh, centres[:, ::-1]) > 0.5, inside(phi).ravel())


def _winding_number(mesh, points):
    """Returns how often a surface goes around points: 1 inside, 0 outside (van Oosterom and Strackee, 1983)."""
    a, b, c = np.moveaxis(mesh.triangles[:, :, None, :] - points, 1, 0)
    la, lb, lc = (np.linalg.norm(x, axis=-1) for x in (a, b, c))
    over = np.einsum("...i,...i", a, np.cross(b, c))
    dots = [np.einsum("...i,...i", x, y) * length for x, y, length in ((a, b, lc), (b, c, la), (c, a, lb))]
    return np.arctan2(over, la * lb * lc + sum(dots)).sum(axis=0) / (2 * np.pi)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_come_back_and_name_their_axes(tmp_path, suffix):
    mesh = front_surface(*sphere(16))
    write_surface(mesh, tmp_path / f"surface{suffix}", suffix)
    again = trimesh.load(tmp_path / f"surface{suffix}")
    np.testing.assert_allclose(again.bounds, mesh.bounds, rtol=1e-6)
    assert again.is_watertight and again.volume == pytest.approx(mesh.volume, rel=1e-5)
    assert len(again.faces) == len(mesh.faces)
    assert b"SPACE=RAS" in (tmp_path / f"surface{suffix}").read_bytes()[:400]
