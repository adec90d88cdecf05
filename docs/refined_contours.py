"""Compares contours with what a refiner has made of them, scan by scan over all folds.

    python docs/refined_contours.py results/lits_mini/refiner

Reads from-START-foldN/dice.csv in that folder, as `python -m lsn_tf.evaluate` of an `lsn_refiner` writes them, and
writes refined_contours.md beside them: a table for every START.
"""

import csv
import pathlib
import re
import sys
from collections import defaultdict

from lsn_tf.artifacts import replaced
from lsn_tf.studies.fold_page import markdown_table
from lsn_tf.studies.paired import BLOCK, paired_difference

SCORES = {
    "dice": ("Dice", 4),
    "surface_dice": ("surface Dice, 2 mm", 3),
    "assd_mm": ("ASSD, mm", 2),
    "hd95_mm": ("HD95, mm", 1),
}
HEADER = ("score", "given", "refined", "difference", "95 %", "95 %, blocks", "higher", "lower", "p")
HOW = (
    "Means over scans, each held out; mean difference with 95 % bootstrap intervals (BCa): scans resampled, and blocks "
    f"of {BLOCK} neighbouring volume numbers, which may be one patient. p: Wilcoxon's signed-rank test, not corrected."
)


def compare(folder: pathlib.Path) -> str:
    """Writes refined_contours.md. Returns it.

    Raises:
        FileNotFoundError: if there is no score of a refiner in the folder.
    """
    scans, folds = defaultdict(list), defaultdict(list)
    for path in sorted(folder.glob("from-*-fold*/dice.csv")):
        start, fold = re.fullmatch(r"from-(.+)-fold(\d+)", path.parent.name).groups()
        with path.open(newline="", encoding="utf-8") as file:
            scans[start] += csv.DictReader(file)
        folds[start].append(fold)
    if not scans:
        raise FileNotFoundError(
            f"expected from-START-foldN/dice.csv in {folder}, as `python -m lsn_tf.evaluate` writes them."
        )
    parts = ["# Contours refined", "    python docs/refined_contours.py results/lits_mini/refiner", HOW]
    for start, rows in scans.items():
        parts += [
            f"## From {start}, folds {', '.join(folds[start])}, {len(rows)} scans",
            markdown_table(HEADER, lines(rows)),
        ]
    text = "\n\n".join(parts) + "\n"
    with replaced(folder / "refined_contours.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text


def lines(rows: list[dict[str, str]]) -> list[list[str]]:
    """Returns a line for each score, of the scans whose spacing is known if it is in mm."""
    found = []
    for name, (title, digits) in SCORES.items():
        known = [row for row in rows if name == "dice" or row["spacing_guessed"] == "False"]
        given, refined = (
            {int(row["volume_id"]): float(row[column]) for row in known} for column in (f"start_{name}", name)
        )
        difference = paired_difference(refined, given)
        means = [f"{sum(scores.values()) / len(scores):.{digits}f}" for scores in (given, refined)]
        intervals = [
            "–" if ends is None else "{:+.{d}f} to {:+.{d}f}".format(*ends, d=digits)
            for ends in (difference.interval, difference.block_interval)
        ]
        counts = [str(difference.wins), str(difference.losses)]
        found.append(
            [title, *means, f"{difference.mean:+.{digits}f}", *intervals, *counts, f"{difference.p_value:.1g}"]
        )
    return found


if __name__ == "__main__":
    print(compare(pathlib.Path(sys.argv[1])))
