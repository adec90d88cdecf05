"""What stands in the tables is what the scans say, and what cannot stand in one table is refused."""

import numpy as np
import pytest
from run_files import dice_of
from scipy import stats

from lsn_tf.reports.contents import make_contents
from lsn_tf.reports.reported_runs import read_folders


def contents_of(*runs, **options):
    return make_contents(read_folders([run.path for run in runs]), **options)


def test_numbers_are_those_of_the_scans_and_tests_those_of_scipy(make_run):
    runs = [make_run(model, fold, seed) for model in ("unet", "lsn") for fold in (0, 3) for seed in (0, 1)]
    contents = contents_of(*runs)
    assert contents.models == ["lsn", "unet"] and contents.folds == [0, 3] and contents.reference == "unet"

    def by_scan(model):
        seeds = [{**dice_of(model, 0, seed), **dice_of(model, 3, seed)} for seed in (0, 1)]
        return {volume: np.mean([of_seed[volume] for of_seed in seeds]) for volume in seeds[0]}

    lsn, unet = by_scan("lsn"), by_scan("unet")
    assert contents.scores("lsn") == pytest.approx(lsn)
    assert contents.scores("lsn", [3]) == pytest.approx({volume: lsn[volume] for volume in lsn if volume >= 30})
    assert contents.fold_of == {volume: 3 if volume >= 30 else 0 for volume in lsn}
    difference = np.round([lsn[volume] - unet[volume] for volume in sorted(lsn)], 9)
    (row,) = contents.paired
    assert row["mean"] == pytest.approx(difference.mean())
    assert row["p_value"] == pytest.approx(stats.wilcoxon(difference, zero_method="pratt").pvalue)
    assert (row["wins"], row["losses"]) == ((difference > 0).sum(), (difference < 0).sum())
    cell = contents.fold_table[1]["models"]["lsn"]
    assert cell["dice"] == pytest.approx(np.mean([list(dice_of("lsn", 3, seed).values()) for seed in (0, 1)]))


def test_classical_ones_come_first_and_the_reference_can_be_chosen(make_run):
    runs = [make_run(model) for model in ("unet", "lsn:width=8", "lse")]
    assert contents_of(*runs).models == ["lse", "lsn:width=8", "unet"]
    assert contents_of(*runs, reference="lse").paired[0]["reference"] == "lse"
    assert contents_of(*runs[1:]).reference == "lsn:width=8"
    assert contents_of(runs[0]).paired == [] and contents_of(runs[1]).reference is None


def test_an_unknown_reference_is_refused(make_run):
    with pytest.raises(ValueError, match="reference must be one of the models, lsn. Received 'unet'"):
        contents_of(make_run("lsn"), reference="unet")


def test_runs_of_different_data_are_not_compared(make_run):
    with pytest.raises(ValueError, match="runs must be of one dataset, .* Received liver_lits, phantom"):
        contents_of(make_run("lsn"), make_run("unet", dataset="liver_lits"))
    with pytest.raises(ValueError, match="runs must be of one target, .* Received liver, tumor"):
        contents_of(make_run("lsn"), make_run("unet", target="tumor"))


def test_one_run_twice_is_refused(make_run):
    with pytest.raises(ValueError, match="Received one and two, both lsn, fold 0, seed 0"):
        contents_of(make_run("lsn", name="one"), make_run("lsn", name="two"))


def test_no_run_is_refused():
    with pytest.raises(ValueError, match="expected --run_dir or --results_dir"):
        make_contents([])


def test_a_run_that_has_not_finished_is_in_no_mean(make_run):
    contents = contents_of(make_run("lsn"), make_run("unet", finished=False))
    assert [run.model for run in contents.done] == ["lsn"] and contents.scores("unet") == {} and contents.paired == []
    assert contents.fold_table[0]["models"]["unet"]["dice"] is None
