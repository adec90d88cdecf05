"""An analysis replaces its own files all at once, removes those of an earlier one, and leaves all others alone."""

import functools
import json
import sys

import analysed_networks
import pytest
from analysed_networks import FILES, planted_kernel, random_kernel, read_table, run

from lsn_tf.analysis import analyzing
from lsn_tf.artifacts import read_json


@pytest.fixture
def save(tmp_path):
    return functools.partial(analysed_networks.save, tmp_path)


def test_equal_runs_write_equal_files(rng, save, tmp_path):
    model = save(conv=planted_kernel(rng), more=random_kernel(rng))
    for folder in ("one", "two", "two"):  # the second over files of its own
        run(model, tmp_path / folder, seed=3)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    run(model, tmp_path / "other", seed=4)
    assert (tmp_path / "one" / "claims.csv").read_bytes() != (tmp_path / "other" / "claims.csv").read_bytes()


def test_page_and_figures_lie_beside_the_tables_and_go_with_their_analysis(rng, save, tmp_path):
    model = save(first=random_kernel(rng), second=random_kernel(rng))
    summary = run(model, tmp_path / "out", page=True)
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {*FILES, *summary["pictures"]} and "index.html" in files
    assert {"figures/plane_000_first.svg", "figures/plane_001_second.png"} <= files
    page = (tmp_path / "out" / "index.html").read_text()
    assert "second" in page and read_json(tmp_path / "out" / "summary.json")["pictures"] == summary["pictures"]
    (tmp_path / "out" / "figures" / "mine.png").write_text("mine")
    run(save(first=random_kernel(rng)), tmp_path / "out", page=True)
    assert not (tmp_path / "out" / "figures" / "plane_001_second.png").exists()
    assert run(model, tmp_path / "out")["pictures"] == []
    rest = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert rest == {*FILES, "figures/mine.png"}


def test_equal_runs_draw_equal_pages_and_figures(rng, save, tmp_path):
    model = save(conv=random_kernel(rng))
    first, second = (run(model, tmp_path / folder, page=True)["pictures"] for folder in ("one", "two"))
    assert first == second
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in first)


def test_without_the_packages_that_draw_the_tables_are_written(rng, save, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    summary = run(save(conv=random_kernel(rng)), tmp_path / "out", page=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES) and summary["pictures"] == []
    assert "pip install 'lsn_tf[analysis]'" in caplog.text


def test_other_files_in_the_folder_stay(rng, save, tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("notes.txt", "compare.csv"):  # the second is of no earlier analysis: there is no summary
        (tmp_path / "out" / name).write_text("mine")
    (tmp_path / "out" / "kernels.csv").write_text("old")
    summary = run(save(conv=random_kernel(rng)), tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*FILES, "notes.txt", "compare.csv"])
    assert len(read_table(tmp_path / "out" / "kernels.csv")) == 120
    written = read_json(tmp_path / "out" / "summary.json")
    assert written | {"output_dir": str(tmp_path / "out")} == json.loads(json.dumps(summary))


def test_what_fails_while_writing_leaves_the_earlier_analysis_whole(rng, save, tmp_path, monkeypatch):
    model = save(conv=random_kernel(rng))
    run(model, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(analyzing, "row_of", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        run(model, tmp_path / "out", seed=1)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_files_that_are_not_written_again_are_removed(rng, save, tmp_path):
    model = save(conv=random_kernel(rng))
    run(model, tmp_path / "out", table="parquet", projector=True, compare=str(model))
    projector = {
        f"projector/{name}" for name in ("metadata.tsv", "projector_config.pbtxt", "sprite.png", "vectors.tsv")
    }
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert names == {*FILES, "kernels.parquet", "compare.csv", *projector} - {"kernels.csv"}
    run(model, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").rglob("*.*")} == set(FILES)
