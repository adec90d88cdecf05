"""A file of named kernels is read as written, and a wrong one ends in one line that says where and why."""

import json

import numpy as np
import pytest

from lsn_tf.analysis.dictionary_file import MOST_BYTES, read_dictionary

RIDGE = [[-1, 2, -1], [-1, 2, -1], [-1, 2.5, -1]]
ENTRY = {"name": "ridge", "family": "mine", "kernel": RIDGE}


def written(path, *entries):
    path.write_text(json.dumps({"kernel": entries}))
    return path


def test_json_and_toml_give_the_same_kernels(tmp_path):
    toml = tmp_path / "own.toml"
    toml.write_text(f'[[kernel]]\nname = "ridge"\nfamily = "mine"\nkernel = {RIDGE}\n')
    for path in (toml, written(tmp_path / "own.json", ENTRY)):
        (kernel,) = read_dictionary(path)
        assert (kernel.name, kernel.family) == ("ridge", "mine")
        np.testing.assert_array_equal(kernel.kernel, RIDGE)


def test_kernels_in_space_are_planes_of_rows(tmp_path, rng):
    cube = rng.normal(size=(3, 3, 3))
    (kernel,) = read_dictionary(written(tmp_path / "own.json", ENTRY | {"kernel": cube.tolist()}))
    np.testing.assert_array_equal(kernel.kernel, cube)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "name must be a text"),
        ({"name": "a\nb"}, "name must be a text"),
        ({"family": 3}, "family must be a text"),
        ({"kernel": [[1, 2], [3, 4]]}, "as many rows as columns"),
        ({"kernel": [[1, 2, 3], [3, 4]]}, "as many rows as columns"),
        ({"kernel": "import os"}, "as many rows as columns"),
        ({"kernel": np.ones((17, 17)).tolist()}, "as many rows as columns"),
        ({"kernel": np.ones((3, 3, 1)).tolist()}, "as many planes"),
        ({"kernel": [[[1]], 2]}, "as many planes"),
        ({"kernel": np.ones((3, 3, 3, 3)).tolist()}, "as many planes"),
        ({"kernel": []}, "as many rows as columns"),
        ({"kernel": [[True]]}, "finite numbers"),
        ({"kernel": [["1"]]}, "finite numbers"),
        ({"kernel": [[float("nan")]]}, "finite numbers"),
        ({"kernel": [[float("inf")]]}, "finite numbers"),
        ({"kernel": [[10**400]]}, "finite numbers"),
        ({"kernel": [[0]]}, "must not be 0"),
        ({"extra": 1}, "name, family and kernel, no more"),
    ],
)
def test_a_wrong_entry_is_named_in_one_line(tmp_path, change, message):
    path = written(tmp_path / "own.json", ENTRY | {"name": "another"}, ENTRY | change)
    with pytest.raises(ValueError, match=message) as error:
        read_dictionary(path)
    assert f"{path}, kernel 2" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kernel": []}', '{"kernel": 3}', "{", "[" * 100_000, '{"kernel": [3]}']
)
def test_what_is_no_dictionary_is_an_error_of_one_line(tmp_path, text):
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="must") as error:
        read_dictionary(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_an_error(tmp_path):
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="UTF-8"):
        read_dictionary(path)


def test_names_twice_other_suffixes_missing_and_huge_files_are_errors(tmp_path):
    with pytest.raises(ValueError, match="unique"):
        read_dictionary(written(tmp_path / "own.json", ENTRY, ENTRY))
    with pytest.raises(ValueError, match=r"\.json or \.toml"):
        read_dictionary(tmp_path / "own.pkl")
    with pytest.raises(ValueError, match="none at"):
        read_dictionary(tmp_path / "missing.toml")
    huge = tmp_path / "huge.json"
    huge.write_text(" " * (MOST_BYTES + 1))
    with pytest.raises(ValueError, match="at most"):
        read_dictionary(huge)
