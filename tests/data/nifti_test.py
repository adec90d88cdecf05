"""Every bad file is refused in one line that names it."""

import gzip

import nibabel
import numpy as np
import pytest

from lsn_tf.data.nifti import VolumeError, open_nifti, read_nifti
from lsn_tf.data.volumes import read_scan, read_shape

AFFINE = np.diag([-0.7, 0.9, 2.5, 1.0])
SHAPE = (5, 4, 3)


def write(path, array, affine=AFFINE):
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


def image(dtype=np.int16):
    return np.random.default_rng(0).integers(-1000, 1000, SHAPE).astype(dtype)


def refuse(call, *paths, match):
    with pytest.raises(VolumeError, match=match) as caught:
        call(*paths)
    message = str(caught.value)
    assert message.startswith(f"{paths[-1]}: expected ") and "Received" in message and "\n" not in message


@pytest.mark.parametrize("name", ["volume-0.nii", "volume-0.nii.gz"])
@pytest.mark.parametrize("kept", [0, 10, 360, 20000, -9, -1])
def test_truncated_files_are_refused(tmp_path, name, kept):
    array = np.random.default_rng(0).integers(-1000, 1000, (64, 64, 8), dtype=np.int16)
    path = write(tmp_path / name, array)
    path.write_bytes(path.read_bytes()[:kept])
    refuse(read_scan, path, match="complete NIfTI file")


def test_a_flipped_bit_fails_the_checksum(tmp_path):
    path = write(tmp_path / "volume-0.nii.gz", np.zeros((64, 64, 16), np.int16))
    content = gzip.decompress(path.read_bytes())
    damaged = content[:-1] + b"\x01"
    checksum_and_size = gzip.compress(content)[-8:]
    path.write_bytes(gzip.compress(damaged)[:-8] + checksum_and_size)
    refuse(read_scan, path, match="incorrect data check")


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x1f\x8bnot gzip", bytes(2000), b"PK" * 500])
@pytest.mark.parametrize("name", ["volume-0.nii", "volume-0.nii.gz"])
def test_files_that_are_no_nifti_are_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    refuse(read_scan, path, match="complete NIfTI file")
    refuse(read_shape, path, match="complete NIfTI file")


def test_missing_files_and_folders_are_refused(tmp_path):
    refuse(read_scan, tmp_path / "volume-0.nii", match="No such file")
    refuse(read_scan, tmp_path, match="complete NIfTI file")


def test_analyze_is_no_nifti(tmp_path):
    nibabel.save(nibabel.Spm99AnalyzeImage(image(), np.eye(4)), tmp_path / "volume-0.img")
    refuse(read_scan, tmp_path / "volume-0.img", match="expected a NIfTI file. Received .*Analyze")


def test_colours_are_refused(tmp_path):
    colours = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    refuse(read_scan, write(tmp_path / "volume-0.nii", colours), match="one number a voxel")


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3, 2), (5, 4, 1, 3)])
def test_scans_that_are_not_three_dimensional_are_refused(tmp_path, shape):
    refuse(read_scan, write(tmp_path / "volume-0.nii", np.zeros(shape, np.int16)), match="one three-dimensional scan")


@pytest.mark.parametrize("size", [0, -3])
def test_a_scan_without_slices_is_refused(tmp_path, size):
    path = write(tmp_path / "volume-0.nii", image())
    content = bytearray(path.read_bytes())
    content[46:48] = np.int16(size).tobytes()  # dim[3]
    path.write_bytes(content)
    refuse(read_scan, path, match="at least one slice")


@pytest.mark.parametrize(
    "affine",
    [
        np.diag([1.0, 1.0, 0.0, 1.0]),
        np.diag([np.nan, 1.0, 1.0, 1.0]),
        np.diag([1.0, 1.0, np.inf, 1.0]),
        np.ones((4, 4)),
    ],
)
def test_affines_without_three_axes_are_refused(tmp_path, affine):
    file = nibabel.Nifti1Image(image(), None)
    file.header.set_sform(affine, code=1)
    path = tmp_path / "volume-0.nii"
    path.write_bytes(file.header.binaryblock + bytes(4) + image().tobytes(order="F"))
    refuse(read_scan, path, match="an affine with three axes")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 32768.0, -40000.0, 1e30])
def test_intensities_that_are_not_hounsfield_units_are_refused(tmp_path, value):
    array = image(np.float32)
    array[2, 1, 1] = value
    refuse(read_scan, write(tmp_path / "volume-0.nii", array), match="finite intensities in HU")


def test_unsigned_intensities_beyond_int16_are_refused_not_wrapped(tmp_path):
    refuse(read_scan, write(tmp_path / "volume-0.nii", np.full(SHAPE, 40000, np.uint16)), match="40000")


@pytest.mark.parametrize(
    "value, dtype", [(3, np.uint8), (-1, np.int16), (0.5, np.float32), (np.nan, np.float64), (258, np.int16)]
)
def test_labels_other_than_0_1_2_are_refused(tmp_path, value, dtype):
    label = np.zeros(SHAPE, dtype)
    label[1, 2, 1] = value
    paths = write(tmp_path / "volume-0.nii", image()), write(tmp_path / "segmentation-0.nii", label)
    refuse(read_scan, *paths, match=f"expected labels 0 background, 1 liver, 2 tumour. Received {value}")


@pytest.mark.parametrize("call", [read_scan, read_shape])
def test_a_label_of_another_shape_is_refused(tmp_path, call):
    label = np.zeros((5, 4, 2), np.uint8)
    paths = write(tmp_path / "volume-0.nii", image()), write(tmp_path / "segmentation-0.nii", label)
    refuse(call, *paths, match=r"the shape of its image .*volume-0.nii, \(5, 4, 3\). Received \(5, 4, 2\)")


@pytest.mark.parametrize("image_class", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("name", ["volume-0.nii", "volume-0.nii.gz"])
def test_both_versions_of_nifti_are_read_compressed_or_not(tmp_path, image_class, name):
    nibabel.save(image_class(image(), AFFINE), tmp_path / name)
    assert open_nifti(tmp_path / name).shape == SHAPE
    np.testing.assert_array_equal(read_nifti(tmp_path / name).dataobj, image())


def test_gzip_of_several_members_is_read_whole(tmp_path):
    path = write(tmp_path / "volume-0.nii", image())
    content = path.read_bytes()
    members = gzip.compress(content[:100]) + gzip.compress(content[100:]) + bytes(8)
    (tmp_path / "volume-0.nii.gz").write_bytes(members)
    np.testing.assert_array_equal(read_nifti(tmp_path / "volume-0.nii.gz").dataobj, image())


def store_sizes(path, sizes, qform=1, sform=0):
    """Writes pixdim behind nibabel's back, which mends it."""
    written = nibabel.Nifti1Image(image(), AFFINE)
    written.set_qform(AFFINE, qform)
    written.set_sform(AFFINE, sform)
    nibabel.save(written, path)
    content = bytearray((gzip.decompress if path.suffix == ".gz" else bytes)(path.read_bytes()))
    content[80:92] = np.asarray(sizes, "<f4").tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["volume-0.nii", "volume-0.nii.gz"])
@pytest.mark.parametrize("sizes", [(0.7, 0.9, 0), (0, 0, 0), (0.7, -0.9, 2.5), (0.7, 0.9, np.nan)])
@pytest.mark.parametrize("qform", [0, 1])
def test_voxel_sizes_that_are_not_positive_are_refused_where_nothing_else_says_them(tmp_path, name, sizes, qform):
    refuse(open_nifti, store_sizes(tmp_path / name, sizes, qform), match="expected positive voxel sizes")


def test_voxel_sizes_do_not_matter_where_an_affine_says_them(tmp_path):
    path = store_sizes(tmp_path / "volume-0.nii", (0.7, 0.9, 0), sform=1)
    np.testing.assert_allclose(open_nifti(path).affine, AFFINE, atol=1e-6)
