"""Page and figures are files beside the tables; those of an earlier analysis are known by name, and no other is."""

import json
import logging
import sys

import pytest

from lsn_tf.analysis.page.pictures import can_draw, earlier_pictures, pictures


def test_figures_come_in_both_forms_and_the_page_last(make_findings, rng):
    pytest.importorskip("matplotlib")
    files = dict(pictures(make_findings({"conv": rng.normal(size=(20, 3, 3))})))
    assert list(files)[-1] == "index.html" and files["index.html"].startswith(b"<!doctype html>")
    names = {name.rpartition(".")[0] for name in files if name != "index.html"}
    assert {"figures/plane_000_conv", "figures/dc_energy"} <= names
    assert set(files) == {f"{name}.{form}" for name in names for form in ("png", "svg")} | {"index.html"}
    assert all(content.startswith(b"\x89PNG") for name, content in files.items() if name.endswith(".png"))


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_what_is_missing_is_said_in_one_line(missing, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, missing, None)
    with caplog.at_level(logging.WARNING):
        assert not can_draw()
    (record,) = caplog.records
    assert f"that takes {missing}, pip install 'lsn_tf[analysis]'; or pass --nopage" in record.getMessage()


def test_only_names_that_were_given_here_are_taken_from_a_summary(tmp_path):
    path = tmp_path / "summary.json"
    assert earlier_pictures(path) == set()
    listed = ["index.html", "figures/a_1.svg", "../index.html", "figures/../x.svg", "/etc/x.png", "notes.txt", 3, None]
    path.write_text(json.dumps({"pictures": listed}))
    assert earlier_pictures(path) == {"index.html", "figures/a_1.svg"}
    for content in ("{", "[]", '{"pictures": "index.html"}', '{"pictures": {"index.html": 1}}', "{}"):
        path.write_text(content)
        assert earlier_pictures(path) == set()
