"""docs/joined_records.py: what is trained in parts is recorded as if one command had trained it."""

import json
import runpy

import pytest
from crossval_test import FAKE, configured, read_csv
from source_tree import ROOT

from lsn_tf import crossval
from lsn_tf.artifacts import read_json, write_json

JOIN = runpy.run_path(str(ROOT / "docs/joined_records.py"))["join"]
RESULTS = ROOT / "results/lits_mini"


def trained(folder, models="lse,unet", **options):
    """Returns where the record of a cross-validation with the fake trainer lies."""
    crossval.crossval(configured(folder, models, dataset="phantom", **options), FAKE)
    return folder / "results"


def told(folder):
    """Returns what a record says, but for commands, places and times."""
    record = read_json(folder / "crossval.json")
    models = [{name: of for name, of in row.items() if "seconds" not in name} for row in record["model_table"]]
    same = [record[name] for name in ("models", "folds", "seeds", "reference", "fold_table", "paired", "missing")]
    return json.dumps([models, same]), read_csv(folder / "scans.csv")


def test_parts_that_overlap_are_joined_to_what_one_command_would_have_written(tmp_path):
    whole = trained(tmp_path / "whole", folds=(0, 1), seeds=2)
    parts = [
        trained(tmp_path / "a", "unet,lse,lsn", folds=(1, 0)),
        trained(tmp_path / "b", folds=(0,), first_seed=1),
        trained(tmp_path / "c", folds=(1,), seeds=2),
    ]
    JOIN(parts, "lse,unet", tmp_path / "joined")
    assert told(tmp_path / "joined") == told(whole)
    assert {path.name for path in (tmp_path / "joined").iterdir()} == {
        *("crossval.md", "crossval.json", "crossval.csv", "scans.csv", "crossval.png")
    }


def test_the_others_are_compared_with_the_reference_that_is_asked_for(tmp_path):
    parts = [trained(tmp_path / "a", "unet", folds=(0,)), trained(tmp_path / "b", "lse", folds=(0,))]
    joined = JOIN(parts, "lse,unet", tmp_path / "joined", reference="lse")
    assert [(row["model"], row["reference"]) for row in joined["paired"]] == [("unet", "lse")]
    with pytest.raises(ValueError, match="reference must be one of the models"):
        JOIN(parts, "unet", tmp_path / "none", reference="lse")
    assert not (tmp_path / "none").exists()


def test_records_that_contradict_one_another_are_refused(tmp_path):
    one, other = (trained(tmp_path / name, folds=(0,)) for name in "ab")
    with pytest.raises(ValueError, match="Received 'lsn'"):
        JOIN([one, other], "lsn,unet", tmp_path / "joined")
    with pytest.raises(FileNotFoundError, match="crossval.json"):
        JOIN([one, tmp_path / "c"], "lse", tmp_path / "joined")
    record = read_json(other / "crossval.json")
    changed = [{**row, "seed": 1, "epochs": 77} for row in record["runs"]]
    write_json(other / "crossval.json", {**record, "runs": changed})
    with pytest.raises(ValueError, match="the same epochs of lse"):
        JOIN([one, other], "lse,unet", tmp_path / "joined")
    write_json(other / "crossval.json", {**record, "target": "tumour"})
    with pytest.raises(ValueError, match="the same target. Received 'liver' and 'tumour'"):
        JOIN([one, other], "lse,unet", tmp_path / "joined")
    write_json(other / "crossval.json", record)
    text = (other / "scans.csv").read_text()
    (other / "scans.csv").write_text(text.replace("lse,0,", "lse,0,9", 1))
    with pytest.raises(ValueError, match="must have the scores of"):
        JOIN([one, other], "lse,unet", tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


@pytest.mark.skipif(not RESULTS.is_dir(), reason="the results are not at hand")
@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("seeds", ["crossval", "seeds/folds_0_2", "seeds/folds_1_3_4"]),
        ("ablations", ["ablations/networks", "ablations/classical"]),
    ],
)
def test_the_written_record_is_that_of_its_parts(tmp_path, written, parts):
    record = read_json(RESULTS / written / "crossval.json")
    JOIN([RESULTS / part for part in parts], " ".join(record["models"]), tmp_path, record["reference"])
    assert told(tmp_path) == told(RESULTS / written)
