"""Which scans and slices are drawn, that the fronts drawn are those that are scored, and what is refused."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from lsn_tf import evaluate, fronts
from lsn_tf.artifacts import RunDir, write_csv, write_json
from lsn_tf.data.volumes import Scan
from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.prediction import predict

DICE = {3: 0.9, 4: 0.5, 5: 0.7}
WINDOW = (-100.0, 400.0)


@dataclasses.dataclass(frozen=True)
class FakeSource:
    """Three scans in fold 1, each with its largest liver in slice 1; neither square nor on the network's grid."""

    name: str = "phantom"
    synthetic: bool = True
    folds: tuple = (1,)

    def scans(self, fold):
        for number in DICE:
            label = np.zeros((3, 20, 24), np.uint8)
            for n, height in enumerate((6, 12, 12)):
                label[n, 4 : 4 + height, 5 : 9 + number] = 1
            yield Scan(number, np.where(label, 100, -50).astype(np.int16), label, (5.0, 0.7, 0.9), False, np.eye(4))


@pytest.fixture
def run(tmp_path, monkeypatch) -> RunDir:
    """An untrained network that has held out fold 1, whose front moves nevertheless."""
    run = RunDir(tmp_path / "run")
    record = {"model": "lsn", "dataset": "phantom", "data_dir": None, "fold": 1, "target": "liver", "image_size": 16}
    write_json(run.config, {**record, "window_hu": WINDOW})
    write_csv(run.dice, [{"volume_id": number, "dice": dice} for number, dice in DICE.items()])
    LevelSetNetwork(WINDOW, width=2, scales=2, steps=2, balloon=1.0).save(run.model)
    monkeypatch.setattr(fronts, "open_run_source", lambda *_, **__: FakeSource())
    return run


def draw(run, **options):
    return fronts.fronts(fronts.Config(str(run.path), output=str(run.path / "fronts.png"), **options))


def test_rows_are_the_best_the_median_and_the_worst_scan_by_dice():
    assert list(fronts.choose(DICE, fronts.RANKS).items()) == [
        ((3, 0.9), ["best"]),
        ((5, 0.7), ["median"]),
        ((4, 0.5), ["worst"]),
    ]
    assert fronts.choose(DICE, ["4", "best"]) == {(4, 0.5): [], (3, 0.9): ["best"]}


def test_a_run_that_has_held_out_no_fold_is_refused(run):
    write_json(run.config, {**run.read_config(), "fold": "none"})
    run.dice.unlink()  # it has none
    with pytest.raises(ValueError, match="expected a run with a held-out fold"):
        draw(run)


def test_equal_scans_and_the_order_of_the_table_leave_no_choice():
    equal = {7: 0.5, 2: 0.5, 9: 0.5, 4: 0.5}
    for dice in (equal, dict(reversed(equal.items()))):
        assert [number for number, _ in fronts.choose(dice, fronts.RANKS)] == [2, 7, 9]


def test_a_scan_with_two_names_is_drawn_once():
    assert fronts.choose({8: 0.6}, [*fronts.RANKS, "8"]) == {(8, 0.6): ["best", "median", "worst"]}
    assert fronts.choose({8: 0.6, 9: 0.7}, fronts.RANKS) == {(9, 0.7): ["best"], (8, 0.6): ["median", "worst"]}


@pytest.mark.parametrize("wanted", [[], ["good"], ["best", "6"]])
def test_scans_that_are_not_there_are_refused(wanted):
    with pytest.raises(
        ValueError, match=r"scans must be of best, median, worst and the numbers.*\[3, 4, 5\]. Received"
    ):
        fronts.choose(DICE, wanted)


def test_the_slice_is_that_of_the_largest_reference_the_first_of_equal_ones(rng):
    reference = np.arange(4)[:, None, None] + np.zeros((4, 3, 3)) >= 2
    assert fronts.slice_number(reference, "largest", 7) == 2
    assert fronts.slice_number(reference[::-1], "largest", 7) == 0
    assert fronts.slice_number(reference, "3", 7) == 3
    for wanted in ("4", "-1", "last"):
        with pytest.raises(ValueError, match=rf"slice must be largest or a number in \[0, 4\).*scan 7. .*{wanted}"):
            fronts.slice_number(reference, wanted, 7)


def test_the_end_of_the_fronts_is_the_phi_that_is_scored(run):
    segmenter, scan = evaluate.load_segmenter(run), next(FakeSource().scans(1))
    scored = predict(segmenter, evaluate.scan_inputs(segmenter, scan, "liver"), 16)[..., 0]
    for n in (0, 2):
        row = fronts.slice_fronts(segmenter, scan, n, "liver", "", 0.9)
        np.testing.assert_allclose(row.phi, scored[n], atol=1e-4)
        assert [grid.steps for grid in row.grids] == [2, 2]
        for grid in row.grids:
            np.testing.assert_allclose(np.multiply(grid.phis.shape[1:], grid.spacing_mm), (24 * 0.7, 24 * 0.9))
        assert row.margin == ((2, 2), (0, 0))
        assert row.reference.sum() == (scan.label[n] > 0).sum()


def test_the_picture_is_written_and_told(run):
    pytest.importorskip("matplotlib")
    results = draw(run)
    assert [(row["scan"], row["slice"], row["rank"]) for row in results["rows"]] == [
        (3, 1, ["best"]),
        (5, 1, ["median"]),
        (4, 1, ["worst"]),
    ]
    assert (run.path / "fronts.png").read_bytes()[1:4] == b"PNG"
    (row,) = draw(run, scans=["4"], slice="0")["rows"]
    assert row == {"scan": 4, "slice": 0, "dice": 0.5, "rank": []}


def test_the_image_is_left_out_where_that_is_wanted(run):
    image = pytest.importorskip("matplotlib.image")
    white = []
    for with_image in (True, False):
        draw(run, scans=["best"], with_image=with_image)
        white.append((image.imread(run.path / "fronts.png")[..., :3] == 1).all(axis=2).mean())
    assert white[1] - white[0] > 0.2


@pytest.mark.parametrize("lost", ["model", "dice"])
def test_a_run_that_has_not_finished_is_refused(run, lost):
    getattr(run, lost).unlink()
    with pytest.raises(
        FileNotFoundError, match=f"must be a finished run.*without {lost}.* Go on with: python -m lsn_tf.train"
    ):
        draw(run)


def test_a_unet_has_no_fronts(run):
    UNet(WINDOW, (4, 4)).save(run.model)
    with pytest.raises(ValueError, match="must be a run of a level set network.* Received .*, a UNet. Train one with"):
        draw(run)


def test_scans_that_the_data_no_longer_has_are_refused(run):
    write_csv(run.dice, [{"volume_id": 6, "dice": 0.5}])
    with pytest.raises(ValueError, match=r"phantom must hold the scans \[6\] of fold 1.* Received only \[\]"):
        draw(run)


@pytest.mark.parametrize("options", [{"slice": "3"}, {"scans": ["first"]}])
def test_nothing_is_written_for_bad_input(run, options):
    with pytest.raises(ValueError, match="must be"):
        draw(run, **options)
    assert not (run.path / "fronts.png").exists()


def test_bad_usage_gets_one_line_and_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "lsn_tf.fronts", f"--run_dir={tmp_path}", "--output=fronts.jpg", "--quiet"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1] == "fronts: output must end in .png. Received fronts.jpg."
