"""The page shows the numbers of the record, and says what it does not have."""

import json

import pytest

from lsn_tf.studies import fold_page
from lsn_tf.studies.fold_page import markdown_table, page
from lsn_tf.studies.fold_tables import fold_rows, model_row, paired_rows
from lsn_tf.studies.trained_runs import TrainedRun


def record(**changes):
    numbers = {"parameters": 50276, "seconds_train": 441.9, "hd95_mm_mean": 12.34}
    runs = []
    for model, gain in (("lsn", 0.0), ("unet", 0.02)):
        for seed in (0, 1):
            scans = [{"volume_id": n, "dice": 0.8 + 0.01 * n + gain + 0.1 * seed} for n in range(7)]
            runs.append(TrainedRun(model, 0, seed, "done", "", numbers, scans, model == "lsn"))
        runs.append(TrainedRun(model, 1, 0, "failed", "collapsed: twice"))
    models, folds = ["lsn", "unet"], [0, 1]
    return {
        "command": "python -m lsn_tf.crossval --models=lsn,unet",
        "dataset": "liver_lits/slices_256",
        "synthetic": False,
        "target": "liver",
        "models": models,
        "folds": folds,
        "seeds": {"0": [0, 1], "1": [0]},
        "machines": ["an abacus"],
        "fold_table": fold_rows(runs, models, folds),
        "model_table": [model_row(model, runs) for model in models],
        "paired": paired_rows(runs, models, "unet"),
        "runs": [
            {
                "model": r.model,
                "fold": r.fold,
                "seed": r.seed,
                "status": r.status,
                "reason": r.reason,
                "image_size": 128,
            }
            for r in runs
        ],
        **changes,
    }


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return {cells[1].strip(): [cell.strip() for cell in cells[2:-1]] for cells in (line.split("|") for line in lines)}


def test_many_models_are_rows(monkeypatch):
    wide = page(record())
    monkeypatch.setattr(fold_page, "MOST_COLUMNS", 1)
    table = rows(page(record()).partition("Dice per scan: over")[2].partition("After ours")[0])
    assert table["model"] == ["fold 0", "fold 1", "average"]
    assert table["lsn"] == ["0.880 ± 0.071", "–", "–"] and table["U-Net (talk)"][0] == "0.912"
    assert rows(wide)["fold 0"][0] == table["lsn"][0]


def test_the_tables_show_the_numbers():
    text = page(record())
    table = rows(text.partition("|")[1] + text.partition("|")[2].partition("\n\n")[0])
    assert table["fold 0"] == ["0.880 ± 0.071", "0.900 ± 0.071", "0.736", "0.837", "0.619", "0.912"]
    assert table["fold 1"][:2] == table["average"][:2] == ["–", "–"]
    assert table["average"][2] == "0.668"
    for shown in ("50,276", "442", "12.3", "0.800 (scan 0)", "-0.0200", "0/0/7", "an abacus", "128 × 128 pixels"):
        assert shown in text
    assert "seeds: 2 on fold 0, 1 on fold 1" in text


def test_means_over_some_of_the_trainings_say_so():
    assert "| lsn, 2 of 3 trainings " in page(record())
    whole = record()
    whole["runs"] = [run for run in whole["runs"] if run["status"] == "done"]
    assert "trainings " not in page(whole)


def test_what_no_run_has_is_no_column():
    text = page(record())
    assert "HD95" in text and "ASSD" not in text and "surface Dice" not in text


def test_the_page_is_the_same_from_the_file():
    assert page(json.loads(json.dumps(record()))) == page(record())


def test_synthetic_data_and_undone_runs_are_named():
    text = page(record(synthetic=True))
    assert "say nothing of patients" in text and "say nothing of patients" not in page(record())
    assert "* lsn, fold 1, seed 0: failed: collapsed: twice" in text


@pytest.mark.parametrize(("proven", "shown"), [(0, "no"), (1, "1 of 2"), (2, "yes")])
def test_a_certificate_counts_only_if_all_runs_have_it(proven, shown):
    given = record()
    given["model_table"][0] |= {"certified_runs": proven, "certificates": 2}
    assert f"| {shown:>9} |" in page(given)


def test_a_page_without_pairs_says_nothing_of_pairs():
    assert "Wilcoxon" in page(record()) and "Wilcoxon" not in page(record(paired=[]))


def test_columns_are_aligned():
    table = markdown_table(["a", "Dice"], [["long name", "1"], ["b", "0.25"]])
    lines = table.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| --------- | ---: |" and lines[3] == "| b         | 0.25 |"
