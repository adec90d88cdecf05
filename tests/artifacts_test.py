"""Files of a run are whole or absent."""

import hashlib

import numpy as np
import pytest

from lsn_tf import artifacts


def test_json_round_trips(tmp_path):
    artifacts.write_json(tmp_path / "new" / "a.json", {"x": [1, 2.5, None]})
    assert artifacts.read_json(tmp_path / "new" / "a.json") == {"x": [1, 2.5, None]}


@pytest.mark.parametrize("content", ["", '{"x": ', "[1, 2]", "\udcff", "1"])
def test_a_file_that_holds_no_json_object_is_refused_by_its_name_in_one_line(tmp_path, content):
    (tmp_path / "a.json").write_text(content, errors="surrogateescape")
    with pytest.raises(ValueError, match=r"a.json: expected a JSON object. Received .*[Cc]opy") as caught:
        artifacts.read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


def test_a_config_that_lacks_what_is_needed_is_refused_by_name(tmp_path):
    run = artifacts.RunDir(tmp_path)
    artifacts.write_json(run.config, {"model": "lsn"})
    assert run.read_config("model") == {"model": "lsn"}
    with pytest.raises(ValueError, match=r"config.json: expected the config of .* with target, image_size"):
        run.read_config("model", "target", "image_size")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    artifacts.write_json(path, {"x": 1})
    with pytest.raises(TypeError):
        artifacts.write_json(path, {"x": object()})
    assert artifacts.read_json(path) == {"x": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_csv_has_a_header_and_a_row_each(tmp_path):
    artifacts.write_csv(tmp_path / "a.csv", [{"n": 1, "s": "x"}, {"n": 2, "s": "y,z"}])
    assert (tmp_path / "a.csv").read_text() == 'n,s\n1,x\n2,"y,z"\n'


def test_the_sha256_of_files_is_that_of_what_they_hold_together(tmp_path):
    first, second = np.random.default_rng(0).bytes(3_000_000), b"end"
    (tmp_path / "a").write_bytes(first)
    (tmp_path / "b").write_bytes(second)
    both = artifacts.sha256_of(tmp_path / "a", tmp_path / "b")
    assert both == hashlib.sha256(first + second).hexdigest() != artifacts.sha256_of(tmp_path / "a")


def test_a_folder_that_is_no_run_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m lsn_tf\.train"):
        artifacts.RunDir(tmp_path).read_config()


def test_the_description_of_a_model_becomes_a_file_name():
    assert artifacts.file_name("lsn:width=8,steps=4") == "lsn-width-8-steps-4"
    assert artifacts.file_name("lsn_2019") == "lsn_2019"


def test_the_highest_version_is_read_and_a_higher_one_is_written(tmp_path):
    run = artifacts.RunDir(tmp_path)
    assert run.saved_model == run.next_saved_model == tmp_path / "saved_model" / "1"
    for version in ("9", "10", "010", "11.unfinished", "old"):
        (run.saved_models / version).mkdir(parents=True)
        (run.saved_models / version / "saved_model.pb").touch()
    (run.saved_models / "12").mkdir()  # of something that was killed
    assert run.saved_model == artifacts.newest_version(run.saved_models) == run.saved_models / "10"
    assert run.next_saved_model == run.saved_models / "13"
