"""What is written on a scan's grid lies in the patient where the scan lies, however the scan's file stores it."""

import gzip

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine, from_matvec
from scipy.spatial import distance
from scipy.spatial.transform import Rotation

from lsn_tf.data.results import write_like
from lsn_tf.data.volumes import read_scan

SHAPE = (5, 6, 4)  # along the axes of the file
SEEDS = range(32)
BOTH = (nibabel.Nifti1Image, nibabel.Nifti2Image)


def random_affine(rng, shear=0.0):
    """Any rotation, axes permuted and reflected by it, about every second one left-handed."""
    axes = Rotation.random(random_state=rng).as_matrix() @ np.diag([rng.choice([-1, 1]), 1, 1])
    sheared = axes @ (np.eye(3) + shear * np.triu(rng.uniform(-1, 1, (3, 3)), 1))
    return from_matvec(sheared @ np.diag(rng.uniform(0.5, 5, 3)), rng.uniform(-300, 300, 3))


def random_reference(folder, seed, shear=0.0, kinds=BOTH):
    """Stores a scan of 0 HU with a few voxels of 1000 HU in one of the many ways that NIfTI knows."""
    rng = np.random.default_rng(seed)
    voxels = np.zeros(SHAPE, rng.choice([np.int16, np.float32, np.uint16]))
    voxels.ravel()[rng.choice(voxels.size, 9, replace=False)] = 1000
    voxels = voxels[..., np.newaxis] if rng.random() < 0.3 else voxels
    image = kinds[rng.integers(len(kinds))](voxels, None)
    affine = random_affine(rng, shear)
    image.set_sform(affine, code=int(rng.integers(1, 5)))
    image.set_qform(affine, code=int(rng.integers(0, 5)))
    path = folder / f"volume-{seed}{rng.choice(['.nii', '.nii.gz'])}"
    nibabel.save(image, path)
    return path


def store(folder, array=None, affine=None, kind=nibabel.Nifti1Image, name="volume-1.nii.gz"):
    """Stores an oblique, left-handed scan; what it holds is its own."""
    array = np.random.default_rng(0).integers(-1000, 1000, SHAPE).astype(np.int16) if array is None else array
    affine = random_affine(np.random.default_rng(0)) if affine is None else affine
    nibabel.save(kind(array, affine), folder / name)
    return folder / name


def world_of_nibabel(path):
    image = nibabel.load(path)
    return apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj).reshape(SHAPE)))


def world_of_itk(path):
    itk = pytest.importorskip("SimpleITK")
    image = itk.ReadImage(str(path))
    voxels = np.argwhere(itk.GetArrayViewFromImage(image))[:, ::-1].tolist()
    points = np.array([image.TransformIndexToPhysicalPoint(voxel) for voxel in voxels])
    return points[:, :3] * (-1, -1, 1)  # ITK's axes grow to the left and the back


def assert_same_points(one, other):
    apart = distance.cdist(one, other)
    assert apart.shape[0] == apart.shape[1] == 9
    assert apart.min(axis=0).max() < 1e-3 and apart.min(axis=1).max() < 1e-3


@pytest.mark.parametrize("shear", [0.0, 0.3])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_mask_lies_where_the_scan_has_it(tmp_path, seed, shear):
    path = random_reference(tmp_path, seed, shear)
    write_like(read_scan(path).image > 500, path, tmp_path / "mask.nii.gz")
    assert_same_points(world_of_nibabel(tmp_path / "mask.nii.gz"), world_of_nibabel(path))


@pytest.mark.parametrize("seed", SEEDS)
def test_another_reader_finds_a_mask_at_the_same_place(tmp_path, seed):
    """ITK refuses shear and does not know NIfTI-2."""
    path = random_reference(tmp_path, seed, kinds=BOTH[:1])
    write_like(read_scan(path).image > 500, path, tmp_path / "mask.nii.gz")
    assert_same_points(world_of_itk(tmp_path / "mask.nii.gz"), world_of_nibabel(path))


@pytest.mark.parametrize("shear", [0.0, 0.3])
@pytest.mark.parametrize("seed", SEEDS)
def test_voxels_go_out_as_they_came_in(tmp_path, seed, shear):
    path = random_reference(tmp_path, seed, shear)
    write_like(read_scan(path).image, path, tmp_path / "again.nii")
    stored, again = nibabel.load(path), nibabel.load(tmp_path / "again.nii")
    np.testing.assert_array_equal(again.dataobj.get_unscaled(), stored.dataobj.get_unscaled())
    np.testing.assert_array_equal(again.affine, stored.affine)
    np.testing.assert_array_equal(read_scan(tmp_path / "again.nii").image, read_scan(path).image)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_header_differs_in_the_type_of_the_voxels_alone(tmp_path, seed):
    path = random_reference(tmp_path, seed, shear=0.3)
    write_like(np.zeros(read_scan(path).image.shape, np.uint8), path, tmp_path / "mask.nii")
    stored, mask = nibabel.load(path).header, nibabel.load(tmp_path / "mask.nii").header
    assert type(mask) is type(stored) and mask.get_data_dtype() == np.uint8
    for name in set(stored) - {"datatype", "bitpix"}:
        np.testing.assert_array_equal(mask[name], stored[name], err_msg=name)


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (-1, -1)])
@pytest.mark.parametrize("code", [0, 1])
def test_a_file_without_geometry_stays_without(tmp_path, signs, code):
    image = nibabel.Nifti1Image(np.arange(120, dtype=np.int16).reshape(SHAPE), None)
    image.set_sform(np.diag([*signs, 1, 1]), code=code)
    nibabel.save(image, tmp_path / "volume-28.nii")
    scan = read_scan(tmp_path / "volume-28.nii")
    assert scan.spacing_guessed
    write_like(scan.image, tmp_path / "volume-28.nii", tmp_path / "again.nii")
    assert (tmp_path / "again.nii").read_bytes() == (tmp_path / "volume-28.nii").read_bytes()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.float32, np.float64])
def test_the_arrays_type_is_the_files(tmp_path, dtype):
    path = store(tmp_path)
    values = (np.random.default_rng(1).normal(0, 1e3, read_scan(path).image.shape)).astype(dtype)
    write_like(values, path, tmp_path / "result.nii.gz")
    written = nibabel.load(tmp_path / "result.nii.gz")
    assert written.get_data_dtype() == (np.uint8 if dtype is bool else dtype)
    assert np.isin(values, np.asarray(written.dataobj)).all()


def test_nothing_is_scaled_though_the_reference_is(tmp_path):
    image = nibabel.Nifti1Image(np.random.default_rng(0).normal(0, 500, SHAPE), np.diag([0.9, 0.7, 2.5, 1]))
    image.set_data_dtype(np.int16)  # nibabel scales on writing
    nibabel.save(image, tmp_path / "volume-1.nii.gz")
    assert nibabel.load(tmp_path / "volume-1.nii.gz").dataobj.slope != 1
    phi = read_scan(tmp_path / "volume-1.nii.gz").image.astype(np.float32) / 7
    write_like(phi, tmp_path / "volume-1.nii.gz", tmp_path / "phi.nii.gz")
    header = nibabel.Nifti1Header.from_fileobj(gzip.open(tmp_path / "phi.nii.gz"))
    assert (header["scl_slope"], header["scl_inter"]) == (1, 0)
    assert np.isin(phi, nibabel.load(tmp_path / "phi.nii.gz").dataobj.get_unscaled()).all()


def test_what_belongs_to_the_image_alone_is_left_out(tmp_path):
    image = nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), np.diag([0.9, 0.7, 2.5, 1]))
    image.header["cal_min"], image.header["cal_max"] = -100, 250
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Jane Doe, born 1970"))
    nibabel.save(image, tmp_path / "volume-1.nii")
    write_like(np.ones(SHAPE[::-1], bool), tmp_path / "volume-1.nii", tmp_path / "mask.nii")
    header = nibabel.load(tmp_path / "mask.nii").header
    assert (header["cal_min"], header["cal_max"], len(header.extensions)) == (0, 0, 0)
    assert b"Jane Doe" not in (tmp_path / "mask.nii").read_bytes()
    assert np.asarray(nibabel.load(tmp_path / "mask.nii").dataobj).all()


def test_only_the_suffix_decides_on_compression(tmp_path):
    path = store(tmp_path)
    for name in ("mask.nii", "mask.nii.gz", "volume-1.nii.nii.gz"):
        write_like(read_scan(path).image, path, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")


def test_writing_twice_gives_equal_bytes(tmp_path):
    path = store(tmp_path)
    for name in ("1.nii.gz", "2.nii.gz"):
        write_like(read_scan(path).image, path, tmp_path / name)
    assert (tmp_path / "1.nii.gz").read_bytes() == (tmp_path / "2.nii.gz").read_bytes()


@pytest.mark.parametrize("name", ["mask.nrrd", "mask", "mask.nii.bz2", "mask.hdr", "nii"])
def test_other_suffixes_are_refused(tmp_path, name):
    path = store(tmp_path)
    with pytest.raises(ValueError, match=r"must end in .nii or .nii.gz. Received .*"):
        write_like(read_scan(path).image, path, tmp_path / name)
    assert list(tmp_path.iterdir()) == [path]


def test_another_shape_is_refused(tmp_path):
    path = store(tmp_path)
    shape = read_scan(path).image.shape
    with pytest.raises(ValueError, match="Received " + str(shape[::-1]).replace("(", r"\(").replace(")", r"\)")):
        write_like(np.zeros(shape[::-1], bool), path, tmp_path / "mask.nii")
    assert shape != shape[::-1] and list(tmp_path.iterdir()) == [path]


def test_a_failing_write_leaves_everything_as_it_was(tmp_path, monkeypatch):
    path = store(tmp_path)
    (tmp_path / "mask.nii").write_bytes(b"old")

    def fail(image, filename):
        filename.write_bytes(b"half a file")
        raise OSError("disk full")

    monkeypatch.setattr(nibabel.Nifti1Image, "to_filename", fail)
    for name in ("mask.nii", "new.nii.gz"):
        with pytest.raises(OSError, match="disk full"):
            write_like(read_scan(path).image, path, tmp_path / name)
    assert {file.name for file in tmp_path.iterdir()} == {path.name, "mask.nii"}
    assert (tmp_path / "mask.nii").read_bytes() == b"old"


def test_a_scan_may_be_written_over_its_own_file(tmp_path):
    """The reference is read before it is replaced."""
    path = store(tmp_path)
    before = path.read_bytes()
    write_like(read_scan(path).image, path, path)
    assert path.read_bytes() == before
