"""A file of arrays gives back the scans that were written, fold by fold, and says when it is not what it should be."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lsn_tf import arrays as command
from lsn_tf.data import arrays, phantoms
from lsn_tf.data.sources import EXTRA, Phantoms, open_source
from lsn_tf.data.volumes import Scan


def _scan(volume_id: int, shape: tuple[int, int, int]) -> Scan:
    rng = np.random.default_rng(volume_id)
    image = rng.integers(-1024, 3072, shape).astype(np.int16)
    spacing_mm = (5.0, 0.7, 0.9 + volume_id / 1000)
    return Scan(volume_id, image, rng.integers(0, 3, shape, dtype=np.uint8), spacing_mm, volume_id == 30, np.eye(4))


SCANS = {1: (0, (3, 8, 6)), 2: (0, (1, 5, 7)), 30: (1, (2, 8, 6)), 131: (EXTRA, (2, 4, 4))}  # number: fold, shape


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "set.npz"
    scans = ((fold, _scan(volume_id, shape)) for volume_id, (fold, shape) in SCANS.items())
    written = arrays.write_arrays(file, "liver_lits/volumes", False, scans)
    assert written == {"scans": 4, "slices": 8, "bytes": file.stat().st_size}
    return file


def test_scans_come_back_bit_for_bit_in_their_folds(file):
    source = open_source("auto", arrays=file)
    assert (source.name, source.synthetic, source.folds) == ("liver_lits/volumes", False, (0, 1, EXTRA))
    for fold in source.folds:
        expected = [_scan(volume_id, shape) for volume_id, (where, shape) in SCANS.items() if where == fold]
        for scan, original in zip(source.scans(fold), expected, strict=True):
            for name in ("image", "label"):
                given, wanted = getattr(scan, name), getattr(original, name)
                assert given.dtype == wanted.dtype
                np.testing.assert_array_equal(given, wanted)
            for name in ("volume_id", "spacing_mm", "spacing_guessed"):
                assert getattr(scan, name) == getattr(original, name)


def test_a_fold_that_is_not_in_it_is_named(file):
    with pytest.raises(ValueError, match=r"\(0, 1, 'extra'\). Received fold=4"):
        next(open_source("auto", arrays=file).scans(4))


@pytest.mark.parametrize("dataset", ["auto", "liver_lits", "liver_lits/volumes"])
def test_its_data_set_may_be_named(file, dataset):
    assert open_source(dataset, arrays=file).file == file


def test_another_data_set_than_the_one_in_it_is_refused(file):
    with pytest.raises(ValueError, match="liver_lits/volumes, which is in .*Received 'phantom'"):
        open_source("phantom", arrays=file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no.npz"):
        arrays.open_arrays(tmp_path / "no.npz")


@pytest.mark.parametrize("position", [0.1, 0.3, 0.5, 0.7])
def test_a_file_with_one_wrong_byte_is_refused(file, position):
    content = bytearray(file.read_bytes())
    content[int(position * len(content))] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(ValueError, match="expected.*whole file"):
        arrays.open_arrays(file)


def test_a_file_that_was_cut_off_is_refused(file):
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="a whole file written by: python -m lsn_tf.arrays"):
        arrays.open_arrays(file)


def test_a_foreign_file_is_refused(tmp_path):
    np.savez(tmp_path / "foreign.npz", image=np.zeros(3))
    with pytest.raises(ValueError, match="expected 'lsn_tf arrays 1'"):
        arrays.open_arrays(tmp_path / "foreign.npz")
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(ValueError, match="expected 'lsn_tf arrays 1'"):
        arrays.open_arrays(tmp_path / "text.npz")


def test_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "evil.npz", format=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        arrays.open_arrays(tmp_path / "evil.npz")


def test_a_kill_while_it_is_written_leaves_no_file(tmp_path):
    def broken():
        yield 0, _scan(1, (1, 4, 4))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        arrays.write_arrays(tmp_path / "set.npz", "liver_lits", False, broken())
    assert list(tmp_path.iterdir()) == []


def test_a_smaller_grid_keeps_the_field_of_view_and_the_means():
    scan = phantoms.make_scan(3, size=32, slices=2)
    small = arrays.on_grid(scan, 8)
    assert small.image.shape == small.label.shape == (2, 8, 8)
    assert small.image.dtype == np.int16 and small.label.dtype == np.uint8
    np.testing.assert_allclose(np.multiply(small.spacing_mm, (1, 8, 8)), np.multiply(scan.spacing_mm, (1, 32, 32)))
    means = scan.image.reshape(2, 8, 4, 8, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(small.image, means, atol=0.5)
    assert small.volume_id == 3


@pytest.fixture
def small_phantoms(monkeypatch):
    """Small patients, two in each fold."""
    make = phantoms.make_scans
    monkeypatch.setattr(phantoms, "DEFAULT_VOLUME_IDS", (0, 26, 27, 52, 53, 78, 79, 104, 105, 130))
    monkeypatch.setattr(phantoms, "make_scans", lambda numbers: make(numbers, size=16, slices=2))


def test_the_file_holds_the_folds_of_the_source(small_phantoms, tmp_path):
    result = command.write(Phantoms(), str(tmp_path / "set.npz"))
    assert (result["dataset"], result["scans"], result["slices"]) == ("phantom", 10, 20)
    written = open_source("phantom", arrays=result["output"])
    assert written.synthetic and written.folds == Phantoms().folds
    for fold in written.folds:
        for scan, original in zip(written.scans(fold), Phantoms().scans(fold), strict=True):
            assert scan.volume_id == original.volume_id
            np.testing.assert_array_equal(scan.image, original.image)


def test_another_grid_is_part_of_the_name(small_phantoms, tmp_path):
    result = command.write(Phantoms(), str(tmp_path / "set.npz"), image_size=8)
    source = open_source("auto", arrays=result["output"])
    assert source.name == "phantom@8"
    assert next(source.scans(0)).image.shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("output", "image_size", "message"), [("set.zip", None, "end with .npz"), ("a.npz", 0, "positive")]
)
def test_bad_input_is_refused(output, image_size, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        command.write(Phantoms(), str(tmp_path / output), image_size)
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_what_it_has_written(tmp_path):
    output = tmp_path / "set.npz"
    options = ["--dataset=phantom", f"--output={output}", "--image_size=4", "--json"]
    done = subprocess.run([sys.executable, "-m", "lsn_tf.arrays", *options], capture_output=True, check=True)
    printed = json.loads(done.stdout.splitlines()[-1])
    assert printed == {"output": str(output), "dataset": "phantom@4", "scans": 44, "slices": 352} | {
        "bytes": output.stat().st_size
    }
