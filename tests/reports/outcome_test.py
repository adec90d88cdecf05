"""The outcome says what the numbers say: which differences are more than chance, and what is missing."""

import pytest

from lsn_tf.reports.contents import make_contents
from lsn_tf.reports.outcome import compared, outcome, signed
from lsn_tf.reports.reported_runs import read_folders

ROW = {"model": "lsn", "reference": "unet", "scans": 121, "mean": -0.0017}


@pytest.mark.parametrize(
    ("interval", "block", "p", "verdict"),
    [
        ((-0.02, -0.01), (-0.02, -0.01), 0.001, "more than the choice of scans explains."),
        ((-0.02, 0.01), (-0.02, 0.01), 0.3, "the choice of scans explains it, no difference is shown."),
        ((-0.02, 0.01), (-0.02, 0.01), 0.04, "intervals and test do not agree, so it stays open."),
        ((-0.02, -0.01), (-0.02, 0.01), 0.04, "intervals and test do not agree, so it stays open."),
        ((-0.02, -0.01), (-0.02, -0.01), 0.3, "intervals and test do not agree, so it stays open."),
        (None, None, 1.0, "the choice of scans explains it, no difference is shown."),
    ],
)
def test_a_difference_is_one_where_intervals_and_test_agree(interval, block, p, verdict):
    sentence = compared({**ROW, "interval": interval, "block_interval": block, "p_value": p})
    assert sentence.startswith("lsn is 0.0017 below unet in the mean over 121 scans, paired (") and sentence.endswith(
        verdict
    )
    assert f"p = {p:.2g}" in sentence and ("95 % interval" in sentence) == (interval is not None)


def test_a_sign_is_a_true_minus():
    assert signed(-0.00171) == "\N{MINUS SIGN}0.0017" and signed(0.5) == "+0.5000"


def test_what_is_reached_certified_and_missing_is_told(make_run):
    runs = [make_run("lsn"), make_run("unet"), make_run("unet", 1, finished=False)]
    collapsed = make_run("lsn", 1, finished=False)
    collapsed.failure.write_text('{"collapses": ["seed 0: the masks fill 99%."]}')
    contents = make_contents(read_folders([run.path for run in [*runs, collapsed]]))
    sentences = outcome(contents)
    scores = contents.scores("lsn")
    worst = min(scores, key=scores.get)
    reached = (
        f"lsn (50,276 parameters) reaches a Dice per scan of {sum(scores.values()) / 6:.3f} on the 6 held-out scans"
    )
    assert sentences[0].startswith(reached) and f"the worst has {scores[worst]:.3f} (scan {worst})." in sentences[0]
    assert "of fold 0" in sentences[0]
    assert "Certified as stable for every image: lsn (1 of 1 runs)." in sentences
    assert sentences[-1].startswith("Not in the tables are 2 of 4 runs: ")
    assert "unet, fold 1, seed 0: not finished" in sentences[-1]
    assert "lsn, fold 1, seed 0: failed, collapsed: seed 0: the masks fill 99%" in sentences[-1]
    assert any(sentence.startswith("With one seed") for sentence in sentences)


def test_with_nothing_finished_nothing_is_claimed(make_run):
    contents = make_contents(read_folders([make_run("lsn", finished=False).path]))
    first, last = outcome(contents)
    assert first == "lsn: no run has finished." and last.startswith("Not in the tables are 1 of 1 runs: ")
