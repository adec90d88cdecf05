"""A corpus has every model once, in its order, whatever becomes of one of them."""

import pathlib

import pytest

from lsn_tf.analysis import corpus
from lsn_tf.analysis.corpus import Member, find_members


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/a/model.keras", "runs/b/model.keras", "runs/b-model.keras", "runs/c/model.h5"):
        pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(name).touch()


@pytest.mark.usefixtures("models")
def test_each_model_is_found_once_and_has_a_folder_of_its_own():
    found = find_members("runs/*/*.keras,runs/b/model.keras, runs/*.keras")
    folders = {member.model: member.folder for member in found}
    assert folders == {
        "runs/a/model.keras": "a-model.keras",
        "runs/b-model.keras": "b-model.keras",
        "runs/b/model.keras": "b-model.keras-2",
    }
    assert len(found) == 3


@pytest.mark.usefixtures("models")
def test_a_list_in_a_file_names_the_same_models():
    pathlib.Path("list.txt").write_text("runs/*/*.keras\n\nruns/c/model.h5\n")
    assert find_members("list.txt") == find_members("runs/*/*.keras,runs/c/model.h5")


def test_a_path_that_is_missing_is_a_member_and_a_pattern_without_models_is_none(tmp_path):
    assert [member.folder for member in find_members(f"{tmp_path}/gone.keras")] == ["gone.keras"]
    for models in (f"{tmp_path}/*.keras", "", " , "):
        with pytest.raises(ValueError, match="There is none of"):
            find_members(models)


def analysed(member):
    if member.folder == "bad":
        raise ValueError("damaged,\nor not a model.")
    if member.folder == "worse":
        raise MemoryError("too large")
    return [{"layer": f"{member.folder} {depth}"} for depth in range(2)]


def written(rows, path):
    path.write_text(repr(rows))


def test_the_table_has_the_rows_of_all_models_in_order_and_the_errors_of_those_that_fail(tmp_path):
    import functools

    members = [Member(f"/models/{name}", name) for name in ("z", "bad", "a", "worse", "m")]
    corpus.analyze_members(members, analysed, functools.partial(written, path=tmp_path / "table"))
    rows = eval((tmp_path / "table").read_text())
    assert [row["folder"] for row in rows] == ["z", "z", "bad", "a", "a", "worse", "m", "m"]
    assert [row.get("layer") for row in rows] == ["z 0", "z 1", None, "a 0", "a 1", None, "m 0", "m 1"]
    assert {row["folder"]: row["error"] for row in rows if row["error"]} == {
        "bad": "damaged, or not a model.",
        "worse": "MemoryError: too large",
    }


def test_a_model_that_the_runner_has_lost_is_told(monkeypatch):
    members, rows = [Member("a", "a"), Member("b", "b")], []
    corpus._written(("", [("b", [{"model": "b", "folder": "b", "layer": "conv", "error": ""}])]), members, rows.extend)
    assert [row["model"] for row in rows] == ["a", "b"]
    assert "lost" in rows[0]["error"] and rows[1]["error"] == ""
