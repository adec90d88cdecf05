"""The command writes curves, report and picture, and its result says what was found."""

import csv

from lsn_tf import recover
from lsn_tf.studies.saved_formats import FORMATS


def test_a_small_study_writes_its_files_and_finds_what_it_hid(tmp_path, monkeypatch):
    monkeypatch.setattr(recover, "NULLS", ("permuted", "untrained"))
    results = recover.prove(tmp_path, each=1, random=200, rounds=1, layers=3, kernels=20, seed=1)
    assert [row["size"] for row in results["sizes"]] == ["3 x 3", "3 x 3 x 3"]
    for row in results["sizes"]:
        assert (
            row["recall_without_noise"] == 1 and row["same_curves"] and row["formats"] == dict.fromkeys(FORMATS, True)
        )
        assert row["random"] >= 200 and 0 <= row["largest_rate_of_false_claims"] < 0.2
    with (tmp_path / "planted.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    clean = [row for row in rows if float(row["noise"]) == 0]
    assert {row["size"] for row in rows} == {"3x3", "3x3x3"} and {row["recall"] for row in clean} == {"1"}
    assert (tmp_path / "planted.png").read_bytes().startswith(b"\x89PNG")
    assert "| permuted |" in (tmp_path / "planted.md").read_text()
