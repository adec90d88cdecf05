"""Proves the kernel analysis on planted truth: what is hidden in a network is found, and noise is not.

    python docs/planted_truth.py

Named kernels are hidden among 10,000 random ones at noise of 0 to 30 %, as squares and as cubes, and the network is
saved in every format that `lsn_tf.analyze` reads, read back and identified. Kernels of each null are tested against it.
Written are, beside this file,

    planted_truth.csv   recall and precision at each threshold and noise
    planted_truth.md    the same at the threshold of claims, what came back from each format, the rates of false claims
    planted_truth.png   the curves and the rates

Without noise all are found by their own names; every format gives the same bits; at most 5 % of the null's tests have
p < 0.05. It takes a few minutes, and what writes the files: pip install -e '.[test]'.
"""

import pathlib
from collections.abc import Sequence

from lsn_tf.analysis.templates import make_templates
from lsn_tf.artifacts import machine, replaced, write_csv
from lsn_tf.studies.false_claims import FalseClaims, false_claims
from lsn_tf.studies.planted_report import curve_rows, draw, report
from lsn_tf.studies.planted_truth import Recovery, recover

SHAPES = ((3, 3), (3, 3, 3))
NULLS = ("gaussian", "permuted", "untrained", "glorot_normal", "glorot_uniform")  # others are these at another scale
Found = tuple[list[Recovery], dict[tuple[int, ...], list[FalseClaims]]]


def prove(
    folder: pathlib.Path,
    *,
    nulls: Sequence[str] = NULLS,
    each: int = 10,
    random: int = 10_000,
    rounds: int = 2,
    layers: int = 50,
    kernels: int = 100,
    seed: int = 0,
) -> Found:
    """Runs the study, writes its files, and returns what was recovered, by size, and the false claims, by shape.

    Args:
        folder: for the files.
        nulls: of `share_tests.NULLS`.
        each, random: how often each named kernel is hidden, and among how many random ones; see `recover`.
        rounds, layers, kernels: of each null, see `false_claims`.
        seed: of all draws.
    """
    recoveries, false = [], {}
    sizes = {"rounds": rounds, "layers": layers, "kernels": kernels}
    for shape in SHAPES:
        templates = make_templates(size=shape)
        recoveries.append(recover(templates, each=each, random=random, seed=seed))
        of_nulls = [false_claims(null, templates, **sizes, seed=[seed, number]) for number, null in enumerate(nulls)]
        false[shape] = [row for rows in of_nulls for row in rows]
    how = f"{machine()}. {rounds * layers} layers of {kernels} kernels of each null, seed {seed}."
    lines = ["# Planted truth", "", "    python docs/planted_truth.py", "", how]
    path = folder / pathlib.Path(__file__).with_suffix("").name
    write_csv(path.with_suffix(".csv"), curve_rows(recoveries))
    draw(recoveries, false, path.with_suffix(".png"))
    with replaced(path.with_suffix(".md")) as temporary:
        temporary.write_text(report(recoveries, false, lines), encoding="utf-8")
    return recoveries, false


if __name__ == "__main__":
    prove(pathlib.Path(__file__).parent)
