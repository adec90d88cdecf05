"""The data set holds every slice once, in order, in the published folds; bad input leaves no data set behind."""

import json
import logging
import pathlib
import shutil
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import tensorflow_datasets as tfds

from lsn_tf.data import volumes
from lsn_tf.data.resampling import resize_image, resize_label

from . import liver_lits_dataset_builder, make_dummy_data

SLICES = make_dummy_data.SHAPE[2]


class SlicesTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = liver_lits_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["slices_256", "slices_512"]
    SPLITS = {"fold_0": 2 * SLICES, "fold_1": SLICES}


class VolumesTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = liver_lits_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["volumes"]
    SPLITS = {"fold_0": 2, "fold_1": 1}


@pytest.fixture(autouse=True)
def _no_progress_bars():
    tfds.disable_progress_bar()


def build(manual_dir, data_dir, config="slices_256"):
    builder = liver_lits_dataset_builder.Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def examples(builder, split):
    return list(tfds.as_numpy(builder.as_dataset(split=split)))


def write_scans(folder, numbers, slices=2, size=16):
    """Writes scans of different lengths, number + slices, in LiTS' layout; returns them."""
    scans = []
    for number in numbers:
        rng = np.random.default_rng(number)
        shape = (slices + number % 3, size, size)
        affine = np.diag([-0.9, -0.7, 2.5, 1.0])
        image = rng.integers(-1024, 1500, shape, dtype=np.int16)
        label = rng.integers(0, 3, shape, dtype=np.uint8)
        scans.append(volumes.Scan(number, image, label, (2.5, 0.7, 0.9), False, affine))
        volumes.write_scan(scans[-1], folder)
    return scans


def prepared(data_dir):
    return [path for path in data_dir.rglob("dataset_info.json") if "incomplete" not in str(path)]


def test_splits_are_the_folds_that_have_scans_and_extra_takes_the_rest(tmp_path):
    scans = write_scans(tmp_path / "lits", (26, 27, 130, 131, 400))
    splits = build(tmp_path / "lits", tmp_path / "data").info.splits
    slices = {scan.volume_id: len(scan.image) for scan in scans}
    expected = {"fold_0": slices[26], "fold_1": slices[27], "fold_4": slices[130], "extra": slices[131] + slices[400]}
    assert {name: split.num_examples for name, split in splits.items()} == expected


def test_slices_are_those_of_the_scan_area_averaged_in_order(tmp_path):
    scans = write_scans(tmp_path / "lits", (2, 10, 1), size=300)
    stored = iter(examples(build(tmp_path / "lits", tmp_path / "data"), "fold_0"))
    for scan in sorted(scans, key=lambda scan: scan.volume_id):
        for index in range(len(scan.image)):
            example = next(stored)
            np.testing.assert_array_equal(example["image"][..., 0], resize_image(scan.image[index], (256, 256)))
            np.testing.assert_array_equal(example["label"][..., 0], resize_label(scan.label[index], (256, 256)))
            np.testing.assert_allclose(example["spacing_mm"], (2.5, 0.7 * 300 / 256, 0.9 * 300 / 256), rtol=1e-6)
            place = example["volume_id"], example["slice_index"], example["num_slices"]
            assert place == (scan.volume_id, index, len(scan.image))
    assert next(stored, None) is None


def test_volumes_are_the_scans_themselves(tmp_path):
    scans = write_scans(tmp_path / "lits", (1, 2))
    for example, scan in zip(
        examples(build(tmp_path / "lits", tmp_path / "data", "volumes"), "fold_0"), scans, strict=True
    ):
        np.testing.assert_array_equal(example["image"][..., 0], scan.image)
        np.testing.assert_array_equal(example["label"][..., 0], scan.label)
        np.testing.assert_allclose(example["spacing_mm"], scan.spacing_mm, rtol=1e-6)
        assert example["volume_id"] == scan.volume_id and not example["spacing_guessed"]


def test_the_decathlons_layout_gives_the_same_examples(tmp_path):
    lits, msd = tmp_path / "lits", tmp_path / "Task03_Liver"
    write_scans(lits, (3, 12))
    for name, folder in (("volume", "imagesTr"), ("segmentation", "labelsTr")):
        (msd / folder).mkdir(parents=True)
        for number in (3, 12):
            shutil.copy(lits / f"{name}-{number}.nii.gz", msd / folder / f"liver_{number}.nii.gz")
            (msd / folder / f"._liver_{number}.nii.gz").write_bytes(b"Mac OS X")
    one, other = examples(build(lits, tmp_path / "1"), "fold_0"), examples(build(msd, tmp_path / "2"), "fold_0")
    for a, b in zip(one, other, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_unknown_spacing_is_flagged(tmp_path):
    builder = build(make_dummy_data.FOLDER, tmp_path)
    assert [bool(example["spacing_guessed"]) for example in examples(builder, "fold_1")] == [True] * SLICES
    assert not any(example["spacing_guessed"] for example in examples(builder, "fold_0"))


def test_order_survives_tfds_sorting_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("tensorflow_datasets.core.shuffle.MAX_MEM_BUFFER_SIZE", 0)
    scans = write_scans(tmp_path / "lits", range(8))
    places = [
        (e["volume_id"], e["slice_index"]) for e in examples(build(tmp_path / "lits", tmp_path / "data"), "fold_0")
    ]
    assert places == [(scan.volume_id, index) for scan in scans for index in range(len(scan.image))]


@pytest.mark.parametrize("scans", [1, 27, 131])
def test_keys_ascend_and_use_the_whole_width(scans):
    places = [(position, index) for position in range(scans) for index in (0, 1, 986, 2**16 - 1)]
    keys = [liver_lits_dataset_builder._key(position, index, scans) for position, index in places]
    assert keys == sorted(set(keys)) and keys[0] == 0
    assert 2**128 * (1 - 1e-4) < keys[-1] < 2**128


def test_a_prepared_set_is_read_without_the_builder(tmp_path):
    build(make_dummy_data.FOLDER, tmp_path)
    code = (
        "import sys, tensorflow_datasets as tfds\n"
        f"data = tfds.load('liver_lits', split='fold_0+fold_1', data_dir={str(tmp_path)!r})\n"
        f"assert len(list(data)) == {3 * SLICES} and not [name for name in sys.modules if 'liver_lits' in name]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    features = json.loads(next(tmp_path.rglob("features.json")).read_text())["featuresDict"]["features"]
    assert all(f["pythonClassName"].startswith("tensorflow_datasets.core.features.") for f in features.values())


def test_a_prepared_set_is_used_again(tmp_path):
    write_scans(tmp_path / "lits", (1,))
    build(tmp_path / "lits", tmp_path / "data")
    (path,) = (tmp_path / "data").rglob("*fold_0*")
    written = path.stat().st_mtime_ns
    shutil.rmtree(tmp_path / "lits")
    build(tmp_path / "lits", tmp_path / "data")
    assert path.stat().st_mtime_ns == written


def test_what_a_killed_build_left_is_pointed_out_and_no_data_set(tmp_path, caplog):
    left = tmp_path / "data" / "liver_lits" / "slices_256" / "incomplete.ABC123_1.0.0"
    left.mkdir(parents=True)
    (left / "liver_lits-fold_0.tfrecord-00000-of-00001").write_bytes(b"half")
    assert not liver_lits_dataset_builder.Builder(config="slices_256", data_dir=tmp_path / "data").is_prepared()
    write_scans(tmp_path / "lits", (1,))
    with caplog.at_level(logging.WARNING, logger="absl"):
        assert len(examples(build(tmp_path / "lits", tmp_path / "data"), "fold_0")) == 3
    assert f"{left} is left from a build that was broken off" in caplog.text
    assert caplog.text.count("is left from") == 1


@pytest.mark.parametrize("config", ["slices_256", "volumes"])
def test_a_scan_that_fails_while_building_names_itself_and_leaves_nothing(tmp_path, config):
    write_scans(tmp_path / "lits", (0, 1, 2, 30))
    bad = tmp_path / "lits" / "volume-30.nii.gz"
    bad.write_bytes(bad.read_bytes()[:-20])
    with pytest.raises(volumes.VolumeError, match=f"{bad}: expected a complete NIfTI"):
        build(tmp_path / "lits", tmp_path / "data", config)
    assert not prepared(tmp_path / "data") and not list((tmp_path / "data").rglob("incomplete*"))


class RecordingBar:
    """Stands in for the progress bar; the bars of TFDS, which wrap iterables, are left out."""

    def __init__(self, total):
        self.n, self.total, self.closed = 0, total, False

    def update(self, n):
        assert not self.closed
        self.n += n

    def close(self):
        self.closed = True


@pytest.fixture
def bars(monkeypatch):
    made = []

    def tqdm(iterable=None, total=None, **_):
        if iterable is None:
            made.append(RecordingBar(total))
        return made[-1] if iterable is None else iterable

    monkeypatch.setattr("tensorflow_datasets.core.utils.tqdm", tqdm)
    return made


def test_progress_knows_its_total_and_reaches_it(tmp_path, bars):
    scans = write_scans(tmp_path / "lits", (0, 1, 30, 200))
    build(tmp_path / "lits", tmp_path / "data")
    (bar,) = bars
    assert bar.n == bar.total == sum(len(scan.image) for scan in scans) and bar.closed


def test_progress_is_closed_before_an_error_so_that_the_message_comes_last(tmp_path, bars):
    write_scans(tmp_path / "lits", (0, 30))
    (tmp_path / "lits" / "volume-0.nii.gz").write_bytes((tmp_path / "lits" / "volume-0.nii.gz").read_bytes()[:-20])
    with pytest.raises(volumes.VolumeError):
        build(tmp_path / "lits", tmp_path / "data")
    assert bars[0].closed


def _drop_label(lits: pathlib.Path) -> None:
    (lits / "segmentation-1.nii.gz").unlink()


def _mismatch(lits: pathlib.Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 9), np.uint8), np.eye(4)), lits / "segmentation-1.nii.gz")


def _empty(lits: pathlib.Path) -> None:
    for path in lits.iterdir():
        path.rename(path.with_suffix(".old"))


def _four_dimensional(lits: pathlib.Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 3, 2), np.int16), np.eye(4)), lits / "volume-1.nii.gz")


@pytest.mark.parametrize(
    "harm, message",
    [
        (_drop_label, "1 images without a label"),
        (_mismatch, "expected the shape of its image"),
        (_empty, "expected scans in the layout of LiTS"),
        (_four_dimensional, "expected one three-dimensional scan"),
    ],
)
def test_what_headers_tell_is_refused_before_any_scan_is_read(tmp_path, monkeypatch, harm, message):
    write_scans(tmp_path / "lits", (0, 1))
    harm(tmp_path / "lits")
    monkeypatch.setattr(volumes, "read_scan", lambda *paths: pytest.fail(f"read {paths}"))
    with pytest.raises(ValueError, match=message):
        build(tmp_path / "lits", tmp_path / "data")
    assert not prepared(tmp_path / "data")


if __name__ == "__main__":
    tfds.testing.test_main()
