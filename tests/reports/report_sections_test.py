"""Sections show the numbers of the runs, and the options that they share and that they do not."""

import pytest

pytest.importorskip("matplotlib")

from lsn_tf.reports.contents import make_contents
from lsn_tf.reports.report_sections import SECTIONS, Report, fold_cell, options_of
from lsn_tf.reports.reported_runs import read_folders


def sections(*runs, **options):
    report = Report(make_contents(read_folders([run.path for run in runs])), **options)
    found = [section(report, {}) for section in SECTIONS]
    assert len({section.name for section in found}) == len(found)
    return {section.name: section.values for section in found}


def test_a_mean_has_its_deviation_where_there_is_one():
    assert fold_cell({"dice": 0.93456, "deviation": 0.0123}) == "0.935 ± 0.012"
    assert fold_cell({"dice": 0.93456, "deviation": None}) == "0.935" and fold_cell({"dice": None}) == "–"


def test_rows_have_what_their_columns_want(make_run):
    values = sections(make_run("lsn"), make_run("unet"), make_run("unet", 1, finished=False))
    for name in ("models", "pairs", "scans", "made"):
        rows, columns = values[name]["rows"], values[name]["columns"]
        assert rows and all(column.cell(row) for row in rows for column in columns)


def test_the_tables_show_the_numbers_of_the_files(make_run):
    run = make_run("lsn", 1)
    values = sections(run, make_run("lsn", 0, finished=False))
    undone, done = values["made"]["rows"]
    scores = [float(line.split(",")[2]) for line in run.dice.read_text().splitlines()[1:]]
    assert (done["dice"], done["worst"], done["scans"]) == (pytest.approx(sum(scores) / 6), min(scores), 6)
    assert (done["seconds"], done["certified"], done["machine"]) == (12.5, "yes", "an abacus")
    assert undone["status"] == "not finished" and undone["dice"] is None and undone["epochs"] == 3
    (model,) = values["models"]["rows"]
    assert model["runs_text"] == "1 of 2" and model["hd95_mm_mean"] == 3.5 and model["certified"] == "1 of 1"
    assert "assd_mm_mean" not in {column.key for column in values["models"]["columns"]}  # no run has it
    assert [row["volume"] for row in values["scans"]["rows"]] == list(range(10, 16))


def test_options_are_told_once_where_all_share_them(make_run):
    runs = [make_run("lsn", epochs=5, optimizer="muon"), make_run("unet", optimizer="muon", own=None)]
    shared, own = options_of(make_contents(read_folders([run.path for run in runs])))
    assert shared["optimizer"] == "muon" and "epochs" not in shared and "fold" not in shared
    assert own == {"lsn": {"epochs": 5}, "unet": {"epochs": 3, "own": None}}


def test_monitoring_scans_are_said_to_be_trained_on_or_not(make_run):
    def told(*held_back):
        runs = [make_run("lsn", fold, name=f"{held_back}{fold}", hold_back=h) for fold, h in enumerate(held_back)]
        return sections(*runs)["curves"]["monitoring"]

    assert told(False) == "trained on as well" and told(True) == "held back from training"
    assert told(True, False) == "held back from training by some runs only"
