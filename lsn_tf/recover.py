"""Proves the kernel analysis on planted truth: what is hidden in a network is found, and noise is not.

    python -m lsn_tf.recover --output_dir=results/kernels/planted

Named kernels are hidden among 10,000 random ones at noise of 0 to 30 %, as squares and as cubes, and the network is
saved in every format that `analyze` reads, read back and identified. Kernels of each null are tested against it.
Written are

    planted.csv   recall and precision at each threshold and noise
    planted.md    the same at the threshold of claims, what came back from each format, the rates of false claims
    planted.png   the curves and the rates

Without noise all are found by their own names; every format gives the same bits; at most 5 % of the null's tests have
p < 0.05. It takes a few minutes, and what writes the files: pip install 'lsn_tf[test]'.
"""

import logging
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from absl import flags

from lsn_tf import common_flags
from lsn_tf.analysis.templates import make_templates
from lsn_tf.artifacts import machine, replaced, write_csv
from lsn_tf.studies.false_claims import false_claims
from lsn_tf.studies.planted_report import curve_rows, draw, report, size_text
from lsn_tf.studies.planted_truth import recover

logger = logging.getLogger(__name__)
SHAPES = ((3, 3), (3, 3, 3))
NULLS = (
    "gaussian",
    "permuted",
    "untrained",
    "glorot_normal",
    "glorot_uniform",
)  # the others are these at another scale


def prove(output_dir: pathlib.Path, *, each: int, random: int, rounds: int, layers: int, kernels: int, seed: int):
    """Runs the study, writes its files and returns what matters: worst recall without noise, formats, false claims.

    Args:
        output_dir: folder for the files.
        each: how often each named kernel is hidden, at each noise.
        random: kernels among which they are.
        rounds, layers, kernels: of the null, see `false_claims`.
        seed: of all draws.
    """
    recoveries, false = [], {}
    for shape in SHAPES:
        templates = make_templates(size=shape)
        recoveries.append(recover(templates, each=each, random=random, seed=seed))
        logger.info("%s: %d planted at each noise, read from every format", size_text(shape), recoveries[-1].planted)
        false[shape] = []
        for number, null in enumerate(NULLS):
            sizes = {"rounds": rounds, "layers": layers, "kernels": kernels}
            false[shape] += false_claims(null, templates, **sizes, seed=[seed, number])
            logger.info("%s: %s, %.2f %% false claims", size_text(shape), null, 100 * false[shape][-2].rate)
    command = " ".join(["python -m lsn_tf.recover", *sys.argv[1:]])
    lines = [
        "# Planted truth",
        "",
        f"    {command}",
        "",
        f"{machine()}. {rounds * layers} layers of {kernels} kernels of each null, seed {seed}.",
    ]
    write_csv(output_dir / "planted.csv", curve_rows(recoveries))
    draw(recoveries, false, output_dir / "planted.png")
    with replaced(output_dir / "planted.md") as temporary:
        temporary.write_text(report(recoveries, false, lines), encoding="utf-8")
    return {
        "output_dir": str(output_dir),
        "sizes": [
            {
                "size": size_text(recovery.shape),
                "planted": recovery.planted,
                "random": recovery.random,
                "recall_without_noise": float(recovery.detections[0].named.min()),
                "formats": recovery.bit_equal,
                "same_curves": all(recovery.same.values()),
                "largest_rate_of_false_claims": max(row.rate for row in false[recovery.shape]),
            }
            for recovery in recoveries
        ],
    }


def print_results(results: Mapping[str, Any]) -> None:
    """Prints a row for each size."""
    for row in results["sizes"]:
        formats = row["formats"]
        print(
            f"{row['size']}: {row['planted']} named kernels among {row['random']:,}, without noise "
            f"{100 * row['recall_without_noise']:g} % found by name; {sum(formats.values())} of {len(formats)} formats "
            f"bit for bit; false claims at p < 0.05: at most {100 * row['largest_rate_of_false_claims']:.2f} %"
        )
    print(f"see {results['output_dir']}/planted.md")


def main() -> dict[str, Any]:
    """Reads the flags and proves."""
    values = flags.FLAGS
    names = ("each", "random", "rounds", "layers", "kernels", "seed")
    return prove(pathlib.Path(values.output_dir), **{name: values[name].value for name in names})


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string("output_dir", None, "Folder for planted.csv, planted.md and planted.png.", required=True)
    flags.DEFINE_integer("each", 10, "How often each named kernel is hidden.", lower_bound=1)
    flags.DEFINE_integer("random", 10_000, "Random kernels among which they are.", lower_bound=1)
    flags.DEFINE_integer("rounds", 2, "Samples of each null, for the false claims.", lower_bound=1)
    flags.DEFINE_integer("layers", 50, "Layers that are tested against each sample.", lower_bound=1)
    flags.DEFINE_integer("kernels", 100, "Kernels of such a layer.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Of all draws.", lower_bound=0)


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
