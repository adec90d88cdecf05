"""What comes out lies on what came in, agrees with itself, is whole or not there; bad input ends in one line."""

import json
import math
import os
import pathlib
import resource
import subprocess
import sys

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
import trimesh
from dicom_files import body, ct_slices, write_slices
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import apply_affine, from_matvec
from scipy import ndimage
from scipy.spatial.transform import Rotation
from source_tree import ROOT

from lsn_tf import segmenters
from lsn_tf.artifacts import RunDir, write_json
from lsn_tf.common_flags import InputError
from lsn_tf.layers import Occupancy
from lsn_tf.metrics import dice
from lsn_tf.models import LevelSetNetwork
from lsn_tf.numerics.level_sets import inside
from lsn_tf.predict import Config, predict
from lsn_tf.segmenters import Segmenter, open_segmenter
from lsn_tf.weights import packaged

REAL = pathlib.Path(os.environ.get("LSN_TF_REAL_DATA", ROOT.parent / "shared" / "data")) / "dicom"  # of patients
THRESHOLD_HU = 50.0
SHAPE = (6, 7, 5)  # along the axes of the file


def threshold(batch):
    """Returns phi of a model that takes what is bright for the liver."""
    return THRESHOLD_HU - batch["image"]


@pytest.fixture(autouse=True)
def segmenter(monkeypatch):
    monkeypatch.setattr(segmenters, "open_segmenter", lambda name: Segmenter("a", str(name), "liver", threshold, "sha"))


def noise(shape, seed=0):
    """Returns HU that look like CT, half of them bright."""
    image = np.random.default_rng(seed).choice([-1000, -100, 60, 90], shape)
    image.flat[0], image.flat[1] = -1000, 90
    return image.astype(np.int16)


def store(path, array=None, affine=None):
    affine = from_matvec(np.diag([-0.9, -0.7, 2.5]), [100, 90, -40]) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(noise(SHAPE) if array is None else array, affine), path)
    return path


def run(*inputs, output, **options):
    return predict(Config(tuple(map(str, inputs)), str(output), quiet=True, **options))


@st.composite
def affines(draw, shear=0.0):
    """Any rotation, so any axes; half of them left-handed; sheared if wanted."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    axes = Rotation.random(random_state=rng).as_matrix() @ np.diag([draw(st.sampled_from([-1, 1])), 1, 1])
    axes = axes @ (np.eye(3) + shear * np.triu(rng.uniform(-1, 1, (3, 3)), 1))
    return from_matvec(axes @ np.diag(rng.uniform(0.5, 5, 3)), rng.uniform(-300, 300, 3))


SIZES = st.tuples(*[st.integers(2, 9)] * 3)
OPTIONS = {"deadline": None, "max_examples": 40}


@settings(**OPTIONS)
@given(affine=affines(shear=0.4), shape=SIZES, suffix=st.sampled_from([".nii", ".nii.gz"]))
def test_every_voxel_of_the_mask_is_that_of_the_scan_by_nibabel(tmp_path_factory, affine, shape, suffix):
    folder = tmp_path_factory.mktemp("scan")
    path = store(folder / f"ct{suffix}", noise(shape), affine)
    row = run(path, output=folder / "mask.nii.gz", save=("phi",))["scans"][0]
    scan, mask, phi = map(nibabel.load, (path, row["files"]["mask"], row["files"]["phi"]))
    for result in (mask, phi):
        np.testing.assert_array_equal(result.affine, scan.affine)
        assert result.shape == scan.shape and result.header.get_zooms() == scan.header.get_zooms()
    np.testing.assert_array_equal(np.asarray(mask.dataobj), np.asarray(scan.dataobj) > THRESHOLD_HU)
    np.testing.assert_array_equal(np.asarray(phi.dataobj), THRESHOLD_HU - np.asarray(scan.dataobj))
    voxels = int((np.asarray(scan.dataobj) > THRESHOLD_HU).sum())
    assert row["volume_ml"] == pytest.approx(voxels * abs(np.linalg.det(affine)) / 1000, abs=6e-4)


@settings(**OPTIONS)
@given(affine=affines(), shape=SIZES)
def test_every_voxel_of_the_mask_is_that_of_the_scan_by_itk(tmp_path_factory, affine, shape):
    """ITK refuses shear."""
    folder = tmp_path_factory.mktemp("scan")
    path = store(folder / "ct.nii.gz", noise(shape), affine)
    run(path, output=folder / "mask.nii.gz")
    scan, mask = (SimpleITK.ReadImage(str(folder / name)) for name in ("ct.nii.gz", "mask.nii.gz"))
    for geometry in ("GetSize", "GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(mask, geometry)() == getattr(scan, geometry)()
    bright = SimpleITK.GetArrayFromImage(scan) > THRESHOLD_HU
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(mask), bright)


@settings(**OPTIONS)
@given(affine=affines(shear=0.4))
def test_the_surface_lies_around_the_bright_ball_in_the_patient(tmp_path_factory, affine):
    folder = tmp_path_factory.mktemp("scan")
    shape, centre = np.array([12, 13, 14]), np.array([5.3, 6.1, 7.4])
    offset = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) - centre
    image = (THRESHOLD_HU + 60 * (3.5 - np.linalg.norm(offset, axis=-1))).astype(np.float32)
    row = run(store(folder / "ct.nii", image, affine), output=folder / "mask.nii", save=("ply", "stl"))["scans"][0]
    mesh = trimesh.load(folder / "mask.ply")
    np.testing.assert_allclose(mesh.center_mass, apply_affine(affine, centre), atol=0.1 * np.abs(affine[:3, :3]).max())
    index = apply_affine(np.linalg.inv(affine), mesh.vertices)
    np.testing.assert_allclose(np.linalg.norm(index - centre, axis=1), 3.5, atol=0.05)
    assert mesh.is_watertight and row["surface_ml"] == pytest.approx(mesh.volume / 1000, abs=1e-3)
    assert trimesh.load(folder / "mask.stl").volume == pytest.approx(mesh.volume, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"largest_component": True},
        {"largest_component": True, "fill_holes": True},
        {"opening_mm": 1.0},
        {"opening_mm": 1.0, "largest_component": True, "fill_holes": True},
    ],
)
def test_mask_phi_and_probability_agree_after_every_option(tmp_path, options):
    path = store(tmp_path / "ct.nii", noise((9, 8, 7)))
    row = run(path, output=tmp_path / "mask.nii", save=("probability", "phi"), **options)["scans"][0]
    mask, phi, probability = (np.asarray(nibabel.load(row["files"][n]).dataobj) for n in ("mask", "phi", "probability"))
    expected = noise((9, 8, 7)) > THRESHOLD_HU
    if options.get("opening_mm"):  # by 0.9 and 0.7 mm in the plane, and no slice is so near
        if options.get("fill_holes"):
            expected = ndimage.binary_fill_holes(expected)
        bright = expected.sum()
        cross = ndimage.generate_binary_structure(3, 1) & [[[False, True, False]]]
        middles = ndimage.binary_erosion(np.pad(expected, 2, mode="edge"), cross, border_value=True)
        expected = ndimage.binary_dilation(middles, cross)[2:-2, 2:-2, 2:-2]
        assert 0 < expected.sum() == bright - row["cut_voxels"]
    if options.get("largest_component"):
        labels, _ = ndimage.label(expected)
        expected = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    if options.get("fill_holes"):
        expected = ndimage.binary_fill_holes(expected)
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(inside(phi), mask)
    np.testing.assert_array_equal(probability > 0.5, mask)
    np.testing.assert_array_equal(np.abs(phi), np.abs(THRESHOLD_HU - noise((9, 8, 7))))
    np.testing.assert_allclose(probability, np.asarray(Occupancy()(phi.astype(np.float32))), atol=1e-6)


def test_a_hole_behind_a_thin_wall_is_filled_before_an_opening_would_open_it(tmp_path):
    solid, image = np.zeros((20, 20, 20), bool), np.full((20, 20, 20), -1000, np.int16)
    solid[2:18, 2:18, 2:18] = True
    image[solid] = 90
    image[4:10, 8:12, 8:12] = -100  # two voxels below the surface
    path = store(tmp_path / "ct.nii", image, np.diag([-0.9, -0.9, 0.9, 1.0]))
    options = {"opening_mm": 1.0, "largest_component": True, "fill_holes": True}
    row = run(path, output=tmp_path / "mask.nii", **options)["scans"][0]
    cut = np.asarray(nibabel.load(tmp_path / "mask.nii").dataobj) != solid
    assert row["filled_voxels"] == 6 * 4 * 4 and not cut[3:17, 3:17, 3:17].any()


@pytest.mark.parametrize("radius_mm", [-1.0, 51.0, math.inf, math.nan])
def test_a_radius_that_is_negative_or_too_large_is_refused(radius_mm):
    with pytest.raises(ValueError, match="opening_mm must be a radius from 0"):
        Config(("ct.nii",), "mask.nii", opening_mm=radius_mm)


@pytest.mark.parametrize("batch_size", [1, 4, 5, 64])
def test_the_size_of_a_batch_changes_nothing(tmp_path, batch_size):
    run(store(tmp_path / "ct.nii"), output=tmp_path / "mask.nii", batch_size=batch_size)
    np.testing.assert_array_equal(nibabel.load(tmp_path / "mask.nii").get_fdata(), noise(SHAPE) > THRESHOLD_HU)


def same_by_both_ways(folder, tmp_path):
    """Segments a series, and the NIfTI file that ITK makes of it: the same. Returns the series' report and mask."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    SimpleITK.WriteImage(reader.Execute(), str(tmp_path / "itk.nii.gz"))
    of_series = run(folder, output=tmp_path / "a.nii.gz", save=("seg",))["scans"][0]
    of_nifti = run(tmp_path / "itk.nii.gz", output=tmp_path / "b.nii.gz")["scans"][0]
    one, other = (nibabel.load(row["output"]) for row in (of_series, of_nifti))
    np.testing.assert_array_equal(one.get_fdata(), other.get_fdata())
    np.testing.assert_allclose(one.affine, other.affine, atol=1e-4)
    assert of_series["volume_ml"] == pytest.approx(of_nifti["volume_ml"], abs=1e-3)
    return of_series, one


def test_dicom_goes_the_way_of_nifti_voxel_by_voxel(tmp_path):
    """ITK makes the NIfTI file of the series; DICOM-SEG, masks and volumes must agree."""
    slices = ct_slices(body((5, 9, 8)))
    folder = write_slices(slices, tmp_path / "series", order=[3, 0, 4, 2, 1])
    of_series, one = same_by_both_ways(folder, tmp_path)
    seg = highdicom.seg.segread(of_series["files"]["seg"])
    uids = [one.SOPInstanceUID for one in slices]
    frames = seg.get_pixels_by_source_instance(
        uids, ignore_spatial_locations=False, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(frames[..., 0].transpose(2, 1, 0), one.get_fdata())


@pytest.mark.slow
@pytest.mark.skipif(not (REAL / "ct-3slice").is_dir(), reason="no real DICOM series there")
def test_a_real_series_comes_back_as_dicom_seg_with_the_liver_in_it(tmp_path, monkeypatch):
    """By the packaged network; the liver is marked by hand in a DICOM-SEG that came with the series."""
    monkeypatch.setattr(segmenters, "open_segmenter", open_segmenter)
    folder = REAL / "ct-3slice"
    of_series, one = same_by_both_ways(folder, tmp_path)
    slices = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.iterdir()]
    slices.sort(key=lambda slice_: slice_.ImagePositionPatient[2])
    mask, liver = (
        highdicom.seg.segread(path).get_pixels_by_source_instance(
            [slice_.SOPInstanceUID for slice_ in slices],
            ignore_spatial_locations=True,
            assert_missing_frames_are_empty=True,
        )[..., 0]
        for path in (of_series["files"]["seg"], REAL / "liver.dcm")
    )
    np.testing.assert_array_equal(mask.transpose(2, 1, 0), one.get_fdata())
    assert dice(liver > 0, mask > 0) > 0.92


def test_many_scans_become_a_folder_and_are_not_done_twice(tmp_path, monkeypatch):
    for number in range(3):
        store(tmp_path / f"ct-{number}.nii.gz", noise(SHAPE, number))
    first = run(tmp_path / "ct-*.nii.gz", output=tmp_path / "out", save=("phi",))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"ct-{number}{end}" for number in range(3) for end in (".json", "-mask.nii.gz", "-phi.nii.gz")
    )
    for path in (tmp_path / "out").glob("ct-1*"):  # as if the command had been stopped before
        path.unlink()
    again = run(tmp_path / "ct-*.nii.gz", output=tmp_path / "out", save=("phi",))
    assert [row.get("done_before", False) for row in again["scans"]] == [True, False, True]
    assert [row["volume_ml"] for row in again["scans"]] == [row["volume_ml"] for row in first["scans"]]


@pytest.mark.parametrize("scans", [".", "*.nii.gz", "*"])
def test_a_folder_of_scans_that_is_given_again_as_its_own_output_goes_on_where_it_stopped(tmp_path, monkeypatch, scans):
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        store(tmp_path / f"volume-{number}.nii.gz", noise(SHAPE, number))
    run("volume-0.nii.gz", output=".", save=("phi", "probability", "stl"))
    again = run(scans, output=".", save=("phi", "probability", "stl"))
    assert [row["input"] for row in again["scans"]] == ["volume-0.nii.gz", "volume-1.nii.gz"]
    assert [row.get("done_before", False) for row in again["scans"]] == [True, False] and not again["failures"]


def test_results_in_the_folder_of_a_series_are_no_part_of_it(tmp_path):
    folder = write_slices(ct_slices(body((5, 9, 8))), tmp_path / "ct")
    run(folder, output=folder, save=("phi", "seg"))
    assert run(folder, output=folder, save=("phi", "seg"))["scans"][0]["done_before"]


def test_results_made_in_another_way_are_not_taken_for_done(tmp_path):
    store(tmp_path / "ct.nii")
    run(tmp_path / "ct.nii", output=tmp_path / "out")
    for change in ({"fill_holes": True}, {"opening_mm": 1.0}):
        with pytest.raises(ValueError, match="of the same scan, made in the same way. They differ; use --overwrite"):
            run(tmp_path / "ct.nii", output=tmp_path / "out", **change)
    assert (
        "done_before"
        not in run(tmp_path / "ct.nii", output=tmp_path / "out", fill_holes=True, overwrite=True)["scans"][0]
    )


@pytest.mark.parametrize("kind", ["file", "series"])
def test_a_scan_is_known_again_by_what_is_in_it_not_by_its_name(tmp_path, kind):
    def make(number, folder):
        (tmp_path / folder).mkdir()
        if kind == "file":
            return store(tmp_path / folder / "scan.nii", noise(SHAPE, number))
        return write_slices(ct_slices(body((5, 9, 8)) + np.int16(number)), tmp_path / folder / "scan")

    run(make(1, "a"), output=tmp_path / "out")
    (tmp_path / "a").rename(tmp_path / "moved")
    (moved,) = (tmp_path / "moved").iterdir()
    assert run(moved, output=tmp_path / "out")["scans"][0]["done_before"]
    with pytest.raises(ValueError, match="expected results of the same scan"):
        run(make(2, "b"), output=tmp_path / "out")


def test_a_model_is_known_again_by_its_weights_not_by_its_path(tmp_path, monkeypatch):
    store(tmp_path / "ct.nii")
    run(tmp_path / "ct.nii", output=tmp_path / "out", model="runs/lsn")
    assert run(tmp_path / "ct.nii", output=tmp_path / "out", model="moved/lsn")["scans"][0]["done_before"]
    other = Segmenter("a", "runs/lsn", "liver", threshold, "another sha")
    monkeypatch.setattr(segmenters, "open_segmenter", lambda _: other)
    with pytest.raises(ValueError, match="made in the same way"):
        run(tmp_path / "ct.nii", output=tmp_path / "out", model="runs/lsn")


def test_one_bad_scan_of_several_does_not_stop_the_others(tmp_path):
    store(tmp_path / "a.nii")
    (tmp_path / "b.nii").write_bytes(b"")
    store(tmp_path / "c.nii")
    results = run(tmp_path / "a.nii", tmp_path / "b.nii", tmp_path / "c.nii", output=tmp_path / "out")
    assert len(results["scans"]) == 2
    assert [failure["input"] for failure in results["failures"]] == [str(tmp_path / "b.nii")]
    assert not list((tmp_path / "out").glob("b*"))


def rgb(path):
    voxels = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([0.9, 0.7, 2.5, 1])), path)


def flat(path):
    image = nibabel.Nifti1Image(noise(SHAPE), None)
    image.header.set_sform(np.diag([0.9, 0.7, 0, 1]), code=1)
    nibabel.save(image, path)


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda path: path.write_bytes(b""), "expected a complete NIfTI file"),
        (lambda path: path.write_text("liver"), "expected a complete NIfTI file"),
        (rgb, "expected one number a voxel"),
        (lambda path: store(path, np.zeros((4, 5, 6, 2), np.int16)), "expected one three-dimensional scan"),
        (lambda path: store(path, noise(SHAPE) + np.int16(1024)), "MR, or values without their offset"),
        (lambda path: store(path, noise(SHAPE) * np.float32(1e-3)), "one that was scaled"),
        (lambda path: store(path, affine=np.diag([9e-4, 7e-4, 2e-3, 1])), "Write the header in mm"),
        (flat, "expected an affine with three axes"),
    ],
)
def test_bad_scans_are_refused_and_nothing_is_written(tmp_path, make, match):
    make(tmp_path / "ct.nii")
    with pytest.raises(ValueError, match=match) as caught:
        run(tmp_path / "ct.nii", output=tmp_path / "mask.nii")
    assert "\n" not in str(caught.value) and str(tmp_path / "ct.nii") in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["ct.nii"]


@pytest.mark.parametrize("output", ["new/out", "new/mask.nii.gz"])
def test_a_scan_that_is_refused_leaves_no_folder(tmp_path, output):
    store(tmp_path / "ct.nii.gz", noise(SHAPE) + np.int16(1024))
    with pytest.raises(ValueError, match="expected a CT scan in HU"):
        run(tmp_path / "ct.nii.gz", output=tmp_path / output, save=("phi",))
    assert [path.name for path in tmp_path.iterdir()] == ["ct.nii.gz"]


def test_a_mask_with_its_ending_in_capitals_is_compressed_nifti_in_that_file(tmp_path):
    store(tmp_path / "ct.nii.gz")
    run(tmp_path / "ct.nii.gz", output=tmp_path / "LIVER.NII.GZ")
    assert (tmp_path / "LIVER.NII.GZ").read_bytes().startswith(b"\x1f\x8b")
    np.testing.assert_array_equal(nibabel.load(tmp_path / "LIVER.NII.GZ").get_fdata(), noise(SHAPE) > THRESHOLD_HU)


def test_one_slice_of_a_series_is_answered_with_the_folder_to_give(tmp_path):
    folder = series(tmp_path / "ct")
    (folder / "2.dcm").rename(folder / "IM2")
    for name in ("1.dcm", "IM2"):
        with pytest.raises(
            ValueError, match=f"ct/{name}: .* Received one DICOM file. Give the folder .*: {folder}"
        ) as e:
            run(folder / name, output=tmp_path / "mask.nii")
        assert "\n" not in str(e.value)


def test_a_single_scan_is_refused_by_its_header_before_the_model_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(segmenters, "open_segmenter", None)
    store(tmp_path / "time.nii", np.zeros((4, 5, 6, 2), np.int16))
    unreadable = series(tmp_path / "mixed", of_two_series)
    for scan, match in ((tmp_path / "time.nii", "three-dimensional"), (unreadable, "expected one series")):
        with pytest.raises(InputError, match=match) as caught:
            run(scan, output=tmp_path / "mask.nii")
        assert caught.value.failures == [{"input": str(scan), "reason": str(caught.value)}]


def test_help_names_the_weights_that_come_with_the_package_and_the_default():
    command = [sys.executable, "-m", "lsn_tf.predict", "--help"]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = [line for line in process.stdout.splitlines() if line.startswith("  --model:")]
    assert all(name in line for name in packaged.names()) and f"(default: {segmenters.DEFAULT})" in line
    assert process.stderr == ""


def test_a_bad_scan_gets_one_line_on_standard_error_and_a_report_on_standard_output(tmp_path):
    """All by itself, without TensorFlow's greetings."""
    store(tmp_path / "time.nii", np.zeros((4, 5, 6, 2), np.int16))
    inputs = [str(tmp_path / "time.nii"), f"--output={tmp_path / 'mask.nii'}", "--json"]
    command = [sys.executable, "-m", "lsn_tf.predict", *inputs]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(process.stdout)
    assert process.returncode == 2 and process.stderr == f"predict: {report['reason']}\n"
    assert report["status"] == "failed" and report["failures"] == [{"input": inputs[0], "reason": report["reason"]}]


def test_who_knows_better_can_have_any_intensities(tmp_path):
    store(tmp_path / "ct.nii", noise(SHAPE) + np.int16(1024))
    run(tmp_path / "ct.nii", output=tmp_path / "mask.nii", check_intensities=False)
    assert nibabel.load(tmp_path / "mask.nii").get_fdata().any()


@pytest.mark.parametrize(
    "options, match",
    [
        ({"output": "ct.nii"}, "expected an output that is not the input"),
        ({"output": "old.nii"}, "expected a new file. It exists"),
        ({"output": "mask.nii", "save": ("obj",)}, "--save must be among"),
        ({"output": "mask.nii", "save": ("seg",)}, "expected a DICOM series for --save=seg"),
        ({"output": "mask.nii", "input": ("none.nii",)}, "Received no such file"),
        ({"output": "mask.nii", "input": ("ct.nii", "ct2.nii")}, "must be a folder for 2 scans"),
        ({"output": "out", "input": ("ct.nii", "ct.nii.gz")}, "scans must have names of their own"),
    ],
)
def test_bad_usage_is_refused_and_nothing_is_written(tmp_path, monkeypatch, options, match):
    monkeypatch.chdir(tmp_path)
    for name in ("ct.nii", "ct2.nii", "ct.nii.gz", "old.nii"):
        store(tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=match):
        run(*options.pop("input", ("ct.nii",)), **options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("largest_bytes", [0, 40_000, 80_000, 120_000])
def test_a_full_disk_leaves_nothing_behind(tmp_path, largest_bytes):
    """Nothing fits, then the uncompressed scan does not, then phi, at last the surface, when the mask is written."""
    store(tmp_path / "ct.nii.gz", noise((30, 30, 30)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, limits[1]))
    try:
        with pytest.raises(RuntimeError, match="expected a folder to write into, with space"):
            run(tmp_path / "ct.nii.gz", output=tmp_path / "mask.nii", save=("stl",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["ct.nii.gz"]


def test_an_empty_mask_has_all_files_but_a_surface_and_that_is_said(tmp_path):
    folder = write_slices(ct_slices(np.minimum(body((5, 9, 8)), 0)), tmp_path / "ct")
    everything = ("probability", "phi", "stl", "ply", "seg")
    out = tmp_path / "out"
    out.mkdir()
    (out / "ct.stl").touch()  # of other weights
    row = run(folder, output=out, save=everything, overwrite=True)["scans"][0]
    assert row["volume_ml"] == 0
    assert row["warnings"] == [f"{folder}: nothing was found, so there is no surface."]
    assert row["files"].keys() == {"mask", "probability", "phi", "seg"}
    names = ["ct-mask.nii.gz", "ct-phi.nii.gz", "ct-probability.nii.gz", "ct-seg.dcm", "ct.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert not highdicom.seg.segread(row["files"]["seg"]).pixel_array.any()
    assert run(folder, output=out, save=everything)["scans"][0]["done_before"]


def test_an_empty_mask_is_said_where_no_surface_was_asked_for(tmp_path):
    path = store(tmp_path / "ct.nii", np.minimum(noise(SHAPE), -100))
    assert run(path, output=tmp_path / "mask.nii")["scans"][0]["warnings"] == [f"{path}: nothing was found."]


def test_a_thickness_that_was_taken_for_lack_of_one_is_in_the_report_and_in_the_log(tmp_path, caplog):
    (one,) = ct_slices(body((1, 9, 8)))
    del one.SliceThickness
    folder = write_slices([one], tmp_path / "ct")
    row = run(folder, output=tmp_path / "out")["scans"][0]
    assert len(row["warnings"]) == 1 and "says no thickness; 1 mm was taken" in row["warnings"][0]
    assert row["warnings"][0] in caplog.messages and json.loads((tmp_path / "out/ct.json").read_text()) == row


def series(folder, change=lambda slices: None):
    slices = ct_slices(body((5, 9, 8)))
    change(slices)
    return write_slices(slices, folder)


def rewritten(folder, change):
    path = series(folder) / "2.dcm"
    path.write_bytes(change(path.read_bytes()))


def nan_at_the_end(path):
    image = noise((4, 5, 40)).astype(np.float32)
    image[..., -1] = np.nan
    store(path, image)


def cut_short(path):
    path.write_bytes(store(path, noise((30, 30, 30))).read_bytes()[:-100])


def in_micrometres(path):
    image = nibabel.Nifti1Image(noise(SHAPE), np.diag([0.9, 0.7, 2.5, 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, path)


def of_two_series(slices):
    slices[1].SeriesInstanceUID = "1.2.3"


def tilted(slices):
    for number, one in enumerate(slices):
        one.ImagePositionPatient[1] += number


FAILURES = {  # name of a scan: how it is made, what is said of it
    "empty.nii": (lambda path: path.write_bytes(b""), "expected a complete NIfTI file"),
    "rgb.nii": (rgb, "expected one number a voxel"),
    "time.nii": (lambda path: store(path, np.zeros((4, 5, 6, 2), np.int16)), "expected one three-dimensional scan"),
    "mr.nii": (lambda path: store(path, noise(SHAPE) + np.int16(1024)), "expected a CT scan in HU"),
    "units.nii": (in_micrometres, "expected a header in mm"),
    "nan.nii": (nan_at_the_end, "expected finite intensities in HU"),
    "short.nii": (cut_short, "expected a complete NIfTI file"),
    "short.nii.gz": (cut_short, "expected a complete NIfTI file"),
    "unreadable.nii": (lambda path: store(path).chmod(0), "expected a scan that can be read"),
    "unreadable-folder": (lambda path: series(path).chmod(0), "expected a scan that can be read"),
    "gap": (lambda path: series(path, lambda slices: slices.pop(2)), "1 missing. Fetch the whole series"),
    "mixed": (lambda path: series(path, of_two_series), "expected one series"),
    "tilted": (lambda path: series(path, tilted), "gantry tilted by 21.8 degrees"),
    "empty-slice": (lambda path: rewritten(path, lambda old: b""), "expected whole files. Received the empty 2.dcm"),
    "short-slice": (lambda path: rewritten(path, lambda old: old[:-20]), "expected pixels that pydicom can read"),
    "unreadable-slice": (lambda path: (series(path) / "2.dcm").chmod(0), "expected a scan that can be read"),
    "no-slices": (lambda path: path.mkdir(), "without any DICOM image"),
    "taken.nii": (store, "expected a new file. It exists"),
    "full.nii.gz": (lambda path: store(path, noise((30, 30, 30))), "with space for the uncompressed scan"),
}
COMMANDS = """
import json, os, resource, sys
from lsn_tf import common_flags, predict as verb, segmenters
from lsn_tf.segmenters import Segmenter

segmenters.open_segmenter = lambda _: Segmenter("threshold", "", "liver", lambda batch: 50 - batch["image"], "sha")
os.chdir(sys.argv[1])
for name, largest_bytes in json.loads(sys.argv[2]):
    if not os.fork():
        os.dup2(os.open(f"{name}.said", os.O_WRONLY | os.O_CREAT), 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, -1))
        if name.startswith("unreadable") and os.geteuid() == 0:
            os.seteuid(65534)  # root may read everything
        sys.argv = ["predict", f"--input={name}", f"--output=out-{name}.nii", "--save=phi,ply", "--quiet"]
        common_flags.run_command(verb.main, verb.define_flags, "", print)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.mark.slow
def test_every_failure_ends_in_one_line_and_its_exit_code_and_nothing_half_written(tmp_path):
    for name, (make, _) in FAILURES.items():
        make(tmp_path / name)
    (tmp_path / "out-taken.nii.nii").write_text("mine")
    tmp_path.chmod(0o755)
    before = sorted(tmp_path.rglob("*"))
    limits = [(name, 60_000 if name.startswith("full") else -1) for name in FAILURES]
    command = [sys.executable, "-c", COMMANDS, str(tmp_path), json.dumps(limits)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    codes = dict(zip(FAILURES, map(int, process.stdout.split()), strict=True))
    assert codes == {name: 1 if name.startswith("full") else 2 for name in FAILURES}
    for name, (_, words) in FAILURES.items():
        said = (tmp_path / f"{name}.said").read_text()
        assert words in said and name in said and said.count("\n") == 1, said
        (tmp_path / f"{name}.said").unlink()
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "out-taken.nii.nii").read_text() == "mine"


STOPPED = """
import os, signal
from lsn_tf import common_flags, predict as verb, segmenters
from lsn_tf.segmenters import Segmenter

stop = lambda _: os.kill(os.getpid(), signal.SIGTERM)
segmenters.open_segmenter = lambda _: Segmenter("stop", "", "liver", stop, "sha")
common_flags.run_command(verb.main, verb.define_flags, "", print)
"""


@pytest.mark.slow
def test_a_job_that_is_stopped_leaves_nothing_behind(tmp_path):
    path = store(tmp_path / "ct.nii.gz")
    command = [sys.executable, "-c", STOPPED, f"--input={path}", f"--output={tmp_path / 'mask.nii'}", "--save=phi"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 1 and process.stderr.endswith("interrupted.\n")
    assert list(tmp_path.iterdir()) == [path]


MEASURE = """
import resource, sys
import numpy as np
from lsn_tf import predict as verb, segmenters
from lsn_tf.segmenters import Segmenter

segmenters.open_segmenter = lambda _: Segmenter("threshold", "", "liver", lambda batch: 50 - batch["image"], "sha")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
save = ("phi", "probability", "ply")
changes = {"opening_mm": 6.0, "largest_component": True, "fill_holes": True}
verb.predict(verb.Config((sys.argv[1],), sys.argv[2], save=save, **changes, quiet=True))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory otherwise")
def test_memory_grows_by_no_more_than_2_gb_for_a_thousand_slices(tmp_path):
    """A tenth of them here; everything that can be written is."""
    image = np.full((512, 512, 100), -1000, np.int16)
    image[150:360, 150:360, 10:90] = 100
    image[200:220, 200:220, 40:50] = -100
    store(tmp_path / "ct.nii.gz", image)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "ct.nii.gz"), str(tmp_path / "mask.nii")]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(process.stdout.splitlines()[-1]) < 2.0 / 10


@pytest.mark.slow
def test_the_command_keeps_its_contract(tmp_path):
    """One bad scan of two: exit code 1, the reason on standard error, and a report as the last line."""
    trained = RunDir(tmp_path / "run")
    record = {"model": "lsn", "target": "liver", "image_size": 16, "fold": 0}
    write_json(trained.config, record)
    LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=1).save(trained.model)
    store(tmp_path / "a.nii.gz")
    store(tmp_path / "b.nii.gz", noise((4, 5, 6, 2)))
    command = [sys.executable, "-m", "lsn_tf.predict", f"--model={trained.path}", f"--output={tmp_path / 'out'}"]
    inputs = [f"--input={tmp_path / 'a.nii.gz'}", f"--input={tmp_path / 'b.nii.gz'}"]
    process = subprocess.run([*command, *inputs, "--json"], capture_output=True, text=True, check=False)
    report = json.loads(process.stdout.splitlines()[-1])
    assert process.returncode == 1 and "three-dimensional" in process.stderr
    assert [len(report[name]) for name in ("scans", "failures")] == [1, 1] and report["status"] == "failed"
