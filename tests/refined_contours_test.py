"""docs/refined_contours.py: the tables are those of the scores, and those that are written are true."""

import runpy

import pytest
from source_tree import ROOT

from lsn_tf.artifacts import write_csv

COMPARE = runpy.run_path(str(ROOT / "docs/refined_contours.py"))["compare"]
WRITTEN = ROOT / "results/lits_mini/refiner"


def store(folder, start, fold, volumes, gain):
    """Writes scores of contours that gain so much Dice and lose as many mm; the spacing of odd scans is guessed."""
    rows = [
        {"volume_id": n, "spacing_guessed": bool(n % 2), "dice": 0.9 + gain, "start_dice": 0.9}
        | {"surface_dice": 0.7 + gain, "start_surface_dice": 0.7}
        | {name: 5.0 - gain for name in ("assd_mm", "hd95_mm")}
        | {f"start_{name}": 5.0 for name in ("assd_mm", "hd95_mm")}
        for n in volumes
    ]
    path = folder / f"from-{start}-fold{fold}" / "dice.csv"
    path.parent.mkdir()
    write_csv(path, rows)


def test_folds_of_one_start_are_pooled_and_mm_are_those_of_known_spacing(tmp_path):
    store(tmp_path, "unet", 0, range(0, 4), 0.04)
    store(tmp_path, "unet", 2, range(53, 57), 0.02)
    store(tmp_path, "lsn", 0, range(0, 4), -0.01)
    text = COMPARE(tmp_path)
    assert (tmp_path / "refined_contours.md").read_text(encoding="utf-8") == text
    assert "## From lsn, folds 0, 4 scans" in text and "## From unet, folds 0, 2, 8 scans" in text
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    of_lsn, of_unet = ({row[0]: row for row in part} for part in (rows[:6], rows[6:]))
    assert of_unet["Dice"][1:4] == ["0.9000", "0.9300", "+0.0300"]
    assert of_unet["Dice"][6:] == ["8", "0", "0.008"]  # 2 / 2**8, the smallest p of eight scans
    assert of_unet["ASSD, mm"][1:4] == ["5.00", "4.97", "-0.03"]
    assert of_unet["HD95, mm"][6:8] == ["0", "4"]
    assert of_lsn["Dice"][1:4] == ["0.9000", "0.8900", "-0.0100"] and of_lsn["Dice"][6:8] == ["0", "4"]


def test_a_folder_without_scores_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected from-START-foldN/dice.csv"):
        COMPARE(tmp_path)


@pytest.mark.skipif(not WRITTEN.is_dir(), reason="the results are not at hand")
def test_the_written_tables_are_those_of_the_written_scores(tmp_path):
    for path in WRITTEN.glob("from-*-fold*/dice.csv"):
        copy = tmp_path / path.parent.name / path.name
        copy.parent.mkdir()
        copy.write_bytes(path.read_bytes())
    assert COMPARE(tmp_path) == (WRITTEN / "refined_contours.md").read_text(encoding="utf-8")
