"""The tables are means of means that can be checked by hand, and have no number where a run is missing."""

import pytest

from lsn_tf.studies import published
from lsn_tf.studies.fold_tables import average, fold_rows, model_row, paired_rows, scan_scores
from lsn_tf.studies.trained_runs import TrainedRun


def trained(model, fold, seed, *scores, **results):
    """A run whose scans have these scores, numbered from 10 times the fold; strings, as CSV gives them."""
    scans = [{"volume_id": str(10 * fold + n), "dice": str(score)} for n, score in enumerate(scores)]
    return TrainedRun(model, fold, seed, "done", "", results, scans, results.pop("certified", None))


def failed(model, fold, seed):
    return TrainedRun(model, fold, seed, "failed", "collapsed")


def test_an_average_is_over_scans_then_seeds_then_folds():
    runs = [trained("lsn", 0, 0, 0.8, 0.9), trained("lsn", 0, 1, 0.6, 0.7), trained("lsn", 1, 0, 0.5)]
    found = average(runs, [0, 1])
    assert found.dice == pytest.approx(((0.85 + 0.65) / 2 + 0.5) / 2)
    assert (found.seeds, found.deviation) == (1, None)


def test_the_deviation_is_that_over_seeds_of_the_average():
    runs = [trained("lsn", fold, seed, 0.8 + 0.1 * seed + 0.05 * fold) for fold in (0, 1) for seed in (0, 1)]
    assert average(runs, [0]).deviation == pytest.approx(0.1 / 2**0.5)
    assert average(runs, [0, 1]).deviation == pytest.approx(0.1 / 2**0.5)
    opposite = [trained("lsn", fold, seed, 0.8 + (0.1 if fold == seed else 0)) for fold in (0, 1) for seed in (0, 1)]
    assert average(opposite, [0, 1]).deviation == pytest.approx(0)


def test_there_is_no_average_without_one_of_its_folds():
    runs = [trained("lsn", 0, 0, 0.8), failed("lsn", 1, 0)]
    assert average(runs, [0, 1]).dice is None and average(runs, [0]).dice == 0.8
    assert average(runs, [2]).dice is None


def test_the_rows_are_the_folds_their_average_and_that_without_the_fold_that_collapsed():
    runs = [trained("lsn", fold, 0, score) for fold, score in enumerate((0.9, 0.8, 0.1, 0.7, 0.6))]
    rows = fold_rows(runs, ["lsn"], range(5))
    names = [row["row"] for row in rows]
    assert names == [*(f"fold {n}" for n in range(5)), "average", "average without fold 2"]
    assert [row["models"]["lsn"]["dice"] for row in rows[5:]] == pytest.approx([0.62, 0.75])
    assert [row["published"]["LSE"] for row in rows[5:]] == pytest.approx([0.638, 0.677], abs=5e-4)


@pytest.mark.parametrize(
    ("folds", "averages"), [((0,), []), ((0, 1), ["average"]), ((0, 2), ["average"]), ((2, 3, 4), ["average"] * 2)]
)
def test_an_average_is_of_two_folds_at_least(folds, averages):
    rows = fold_rows([], ["lsn"], folds)
    assert [row["row"].split()[0] for row in rows[len(folds) :]] == averages
    for row in rows:
        assert row["published"]["U-Net"] == pytest.approx(published.average("U-Net", row["folds"]), abs=1e-4)


def test_a_model_is_described_over_all_its_runs():
    runs = [
        trained("lsn", 0, 0, 0.8, 0.3, parameters=7, seconds_train=10, hd95_mm_mean=1.0, certified=True),
        trained("lsn", 0, 1, 0.8, 0.7, parameters=7, seconds_train=20, hd95_mm_mean=3.0, certified=False),
        trained("lsn", 1, 0, 0.9, parameters=7, seconds_train=50, hd95_mm_mean=4.0),
        failed("lsn", 2, 0),
        trained("lse", 0, 0, 0.1),
    ]
    row = model_row("lsn", runs)
    assert (row["runs"], row["runs_done"], row["parameters"]) == (4, 3, 7)
    assert row["seconds_train"] == pytest.approx((15 + 50) / 2) and row["hd95_mm_mean"] == pytest.approx((2 + 4) / 2)
    assert (row["worst_dice"], row["worst_volume_id"]) == (0.3, 1)
    assert (row["certified_runs"], row["certificates"]) == (1, 2)
    assert row["surface_dice_mean"] is None
    assert model_row("unet", runs) == {"model": "unet", "runs": 0, "runs_done": 0}


@pytest.mark.parametrize("value", [None, float("inf"), float("nan")])
def test_a_number_that_one_run_does_not_have_is_none(value):
    runs = [trained("lsn", 0, 0, 0.8, assd_mm_mean=1.0), trained("lsn", 1, 0, 0.8, assd_mm_mean=value)]
    assert model_row("lsn", runs)["assd_mm_mean"] is None


def test_scans_are_paired_in_the_folds_that_both_have_done_with_seeds_averaged():
    runs = [
        trained("lsn", 0, 0, 0.8, 0.9),
        trained("lsn", 0, 1, 0.6, 0.9),
        trained("lsn", 1, 0, 0.2),
        trained("unet", 0, 0, 0.9, 0.8),
        failed("unet", 1, 0),
    ]
    assert scan_scores(runs, "lsn", [0]) == pytest.approx({0: 0.7, 1: 0.9})
    (row,) = paired_rows(runs, ["lsn", "unet", "lse"], "unet")
    assert (row["model"], row["folds"], row["scans"]) == ("lsn", [0], 2)
    assert row["mean"] == pytest.approx((-0.2 + 0.1) / 2) and (row["wins"], row["losses"]) == (1, 1)


def test_without_a_reference_nothing_is_paired():
    assert paired_rows([trained("lsn", 0, 0, 0.8)], ["lsn"], None) == []
