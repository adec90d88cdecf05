"""The tables and the picture of planted truth: recall and precision, formats, false claims."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.analysis.hits import THRESHOLD
from lsn_tf.artifacts import replaced
from lsn_tf.studies.false_claims import LEVEL, FalseClaims
from lsn_tf.studies.planted_truth import Recovery
from lsn_tf.studies.saved_formats import DESCRIPTIONS

INSTALL = "Expected matplotlib, which draws the curves: pip install 'lsn_tf[solver]'."
CHANCE = "#8a8a8a"


def size_text(shape: Sequence[int]) -> str:
    """Returns a shape in words, e.g. "3 x 3"."""
    return " x ".join(map(str, shape))


def curve_rows(recoveries: Sequence[Recovery]) -> list[dict[str, Any]]:
    """Returns the rows of the table of curves: one for each size, noise and threshold."""
    return [
        {
            "size": size_text(recovery.shape).replace(" ", ""),
            "noise": detection.noise,
            "threshold": f"{threshold:.4g}",
            "recall": f"{recall:.6g}",
            "named": f"{named:.6g}",
            "precision": f"{precision:.6g}",
        }
        for recovery in recoveries
        for detection in recovery.detections
        for threshold, recall, named, precision in zip(
            detection.thresholds, detection.recall, detection.named, detection.precision, strict=True
        )
    ]


def report(recoveries: Sequence[Recovery], false: Mapping[tuple, Sequence[FalseClaims]], lines: Sequence[str]) -> str:
    """Returns the report as Markdown.

    Args:
        recoveries: by size.
        false: by shape of the kernels, the false claims of each null.
        lines: how it was made.
    """
    return "\n".join([*lines, "", *_detections(recoveries), "", *_formats(recoveries), "", *_false(false), ""])


def _detections(recoveries: Sequence[Recovery]) -> Iterator[str]:
    yield "## Recall and precision"
    yield ""
    yield "Noise is i.i.d. Gaussian, its norm over that of the stencil. A kernel is found if its similarity to the"
    yield f"nearest named kernel reaches the threshold. The table has {THRESHOLD}, that of claims, and the lowest one"
    yield "with precision 1; planted_truth.csv has all."
    for recovery in recoveries:
        yield ""
        size = size_text(recovery.shape)
        yield f"{size}: {recovery.planted} planted among {recovery.random:,} random, at each noise."
        yield ""
        yield "| noise | recall | own name | precision | recall at precision 1 | average precision |"
        yield "|---|---|---|---|---|---|"
        for detection in recovery.detections:
            at = int(np.searchsorted(detection.thresholds, THRESHOLD))
            clean = detection.recall[detection.precision == 1]
            cells = (detection.recall[at], detection.named[at], detection.precision[at], clean.max(initial=0))
            row = " | ".join(f"{cell:.4f}" for cell in (*cells, detection.average_precision))
            yield f"| {100 * detection.noise:g} % | {row} |"


def _formats(recoveries: Sequence[Recovery]) -> Iterator[str]:
    yield "## Formats"
    yield ""
    yield "The same network, read back from each. Bit for bit: every kernel, in order, under its layer's name. Same"
    yield "curves: recall, names and precision at every threshold and noise are exactly those before saving."
    yield ""
    yield (
        "| format | "
        + " | ".join(f"{size_text(recovery.shape)} | bit for bit | same curves" for recovery in recoveries)
        + " |"
    )
    yield "|---" * (1 + 3 * len(recoveries)) + "|"
    for form in recoveries[0].bytes:
        cells = [
            f"{recovery.bytes[form] / 1e6:.1f} MB | {_yes(recovery.bit_equal[form])} | {_yes(recovery.same[form])}"
            for recovery in recoveries
        ]
        yield f"| {DESCRIPTIONS[form]} | {' | '.join(cells)} |"


def _false(false: Mapping[tuple, Sequence[FalseClaims]]) -> Iterator[str]:
    error = max(row.error for rows in false.values() for row in rows)
    yield "## False claims"
    yield ""
    yield f"Layers drawn from each null, tested against it: the share of tests with p < {LEVEL}, which must not exceed"
    yield "that, and the family (or order) in which it is largest. Hits are few in a layer, so that the exact tests of"
    spread = f"{100 * error:.1f} %"
    yield f"families stay well below; a rate of {LEVEL} is seen with a standard error of at most {spread}. The"
    yield "initialisers of He and LeCun are Glorot's at another scale, which no test depends on."
    for shape, rows in false.items():
        yield ""
        yield f"{size_text(shape)}:"
        yield ""
        yield "| null | tests | what | false | largest |"
        yield "|---|---|---|---|---|"
        for row in rows:
            name, rate = row.worst
            yield f"| {row.null} | {row.tests:,} | {row.test} | {100 * row.rate:.2f} % | {100 * rate:.1f} % {name} |"


def _yes(flag: bool) -> str:
    return "yes" if flag else "**no**"


def draw(recoveries: Sequence[Recovery], false: Mapping[tuple, Sequence[FalseClaims]], path: pathlib.Path) -> None:
    """Draws recall and precision against the threshold at each noise, and the rate of false claims of each null.

    The band is `LEVEL` with its standard error.

    Raises:
        ImportError: if matplotlib is not installed: pip install 'lsn_tf[solver]'.
    """
    try:
        from matplotlib import colormaps
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(INSTALL) from None
    figure = Figure(figsize=(11.0, 3.5 * len(recoveries)), dpi=150, layout="constrained")
    grid = figure.subplots(len(recoveries), 3, squeeze=False, width_ratios=(1, 1, 0.9))
    for (recall, precision, rates), recovery in zip(grid, recoveries, strict=True):
        colours = colormaps["viridis"](np.linspace(0, 0.9, len(recovery.detections)))
        for detection, colour in zip(recovery.detections, colours, strict=True):
            label = f"{100 * detection.noise:g} % noise"
            recall.plot(detection.thresholds, detection.recall, color=colour, label=label)
            recall.plot(detection.thresholds, detection.named, color=colour, linewidth=0.9, linestyle=":")
            precision.plot(detection.thresholds, detection.precision, color=colour)
        recall.set(ylabel=f"{size_text(recovery.shape)}: recall (dotted: by its own name)")
        precision.set(ylabel="precision")
        for axes in (recall, precision):
            axes.axvline(THRESHOLD, color=CHANCE, linewidth=0.8, linestyle="--")
            axes.set(xlabel="threshold of the similarity", ylim=(-0.02, 1.02))
        _draw_rates(rates, false[recovery.shape])
        for axes in (recall, precision, rates):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(linewidth=0.4, alpha=0.4)
    grid[0][0].legend(fontsize=7.5, frameon=False, loc="lower left")
    FigureCanvasAgg(figure)
    with replaced(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _draw_rates(axes: Any, rows: Sequence[FalseClaims]) -> None:
    names = list(dict.fromkeys(row.null for row in rows))
    for test, marker, filled in (("claims", "o", True), ("mean shares", "s", False)):
        of_test = [row for row in rows if row.test == test]
        places = [len(names) - 1 - names.index(row.null) for row in of_test]
        face = "#00639c" if filled else "white"
        rates = [100 * row.rate for row in of_test]
        axes.plot(rates, places, marker, color="#00639c", markerfacecolor=face, label=test)
    error = max(row.error for row in rows)
    axes.axvline(100 * LEVEL, color=CHANCE, linewidth=0.8, linestyle="--")
    axes.axvspan(100 * (LEVEL - error), 100 * (LEVEL + error), color=CHANCE, alpha=0.15, linewidth=0)
    axes.set(yticks=range(len(names)), xlim=(0, 8), xlabel=f"tests of the null itself with p < {LEVEL}, %")
    axes.set_yticklabels(names[::-1], fontsize=8)
    axes.legend(fontsize=7.5, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
