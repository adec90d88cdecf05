"""The scores on a model card are those of the table of folds."""

import pytest

from lsn_tf.artifacts import write_csv
from lsn_tf.package import fold_scores


def row(model, fold, score):
    return {"model": model, "fold": fold, "dice_per_scan_mean": score}


def test_seeds_are_averaged_within_folds_and_folds_within_the_model(tmp_path):
    rows = [row("lsn", 0, 0.9), row("lsn", 0, 0.8), row("lsn", 1, 0.95), row("unet", 0, 0.1), row("lsn", 2, "")]
    write_csv(tmp_path / "crossval.csv", rows)
    assert fold_scores(tmp_path / "crossval.csv", "lsn") == {
        "Dice per scan, fold 0 held out": 0.85,
        "Dice per scan, fold 1 held out": 0.95,
        "Dice per scan, mean over the folds": 0.9,
    }


def test_a_table_without_the_model_is_refused(tmp_path):
    write_csv(tmp_path / "crossval.csv", [row("unet", 0, 0.9)])
    with pytest.raises(ValueError, match="must have rows of the model 'lsn'"):
        fold_scores(tmp_path / "crossval.csv", "lsn")
