"""The scores on a model card are those of the folds, of trainings like that of the run."""

import pytest

from lsn_tf.artifacts import write_json
from lsn_tf.package import SAME, fold_scores

TRAINED = {"model": "lsn", "dataset": "liver_lits/slices_256", "fold": "none", "target": "liver", "image_size": 128}
TRAINED |= {"window_hu": [0.0, 255.0], "epochs": 50}


def row(model, fold, score, lowest=0.5, **changes):
    scores = {"dice_per_scan_mean": score, "dice_per_scan_min": lowest}
    return {**TRAINED, "model": model, "fold": fold, "status": "done", **scores, **changes}


def record(folder, *rows):
    write_json(folder / "crossval.json", {"runs": rows})
    return str(folder)


def test_seeds_are_averaged_within_folds_and_folds_within_the_model(tmp_path):
    rows = [row("lsn", 1, 0.95), row("lsn", 0, 0.9), row("lsn", 0, 0.8, 0.3), row("unet", 0, 0.1, 0.0)]
    rows.append({"model": "lsn", "fold": 2, "seed": 0, "status": "missing"})
    assert list(fold_scores(record(tmp_path, *rows), TRAINED).items()) == [
        ("Dice per scan, fold 0 held out", 0.85),
        ("Dice per scan, fold 1 held out", 0.95),
        ("Dice per scan, mean over the folds", 0.9),
        ("Dice per scan, the lowest of all scans", 0.3),
    ]


def test_a_record_without_the_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must have trainings of the model 'lsn'"):
        fold_scores(record(tmp_path, row("unet", 0, 0.9)), TRAINED)


@pytest.mark.parametrize("name", [*SAME, "dataset"])
def test_scores_of_another_training_are_refused(tmp_path, name):
    rows = [row("lsn", 0, 0.9), row("lsn", 1, 0.9, **{name: "another"})]
    with pytest.raises(ValueError, match=f"with {name}=.* Received {name}=another on fold 1"):
        fold_scores(record(tmp_path, *rows), TRAINED)


def test_a_data_set_that_was_resized_before_is_the_same(tmp_path):
    assert fold_scores(record(tmp_path, row("lsn", 0, 0.9, dataset="liver_lits/slices_256@128")), TRAINED)


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected the folder that crossval has written"):
        fold_scores(str(tmp_path), TRAINED)
