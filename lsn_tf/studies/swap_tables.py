"""What the causal test has found, in tables: means over draws, and each replacement against its controls."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.analysis.swapping import NETWORK, NULL, TURNED, Measurement, label
from lsn_tf.studies.paired import paired_difference

DIGITS = 4
PLACE = ("unit", "name", "order", "share", "kernels", "replacement", "control", "epochs")


def rows(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Returns a row for each measurement, for swap.csv."""
    return [
        {
            **{name: getattr(measured, name) for name in (*PLACE[:-1], "draw", "epochs")},
            "dice_per_scan_mean": round(float(measured.dice.mean()), 6),
            "dice_per_scan_median": round(float(np.median(measured.dice)), 6),
            "dice_per_scan_min": round(float(measured.dice.min()), 6),
        }
        for measured in measurements
    ]


def averages(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Returns a row for each part and replacement: mean Dice over scans and draws, the lowest and highest of draws."""
    groups: dict[tuple, list[float]] = {}
    for measured in measurements:
        key = tuple(getattr(measured, name) for name in PLACE)
        groups.setdefault(key, []).append(float(measured.dice.mean()))
    return [
        {
            **dict(zip(PLACE, key, strict=True)),
            "dice": round(float(np.mean(dice)), DIGITS),
            "dice_low": round(min(dice), DIGITS),
            "dice_high": round(max(dice), DIGITS),
            "draws": len(dice),
        }
        for key, dice in groups.items()
    ]


def comparisons(measurements: Sequence[Measurement], seed: int = 0) -> list[dict[str, Any]]:
    """Returns each replacement in sets of the whole network against its controls, scan by scan.

    The control's Dice of a scan is the mean over its draws. Intervals are of the mean difference, 95 %, by bootstrap.
    """
    sets = itertools.groupby(sorted((m for m in measurements if m.unit == NETWORK and m.kernels), key=_set), key=_set)
    found = []
    for (order, share, epochs), in_set in sets:
        members = list(in_set)
        for own in (member for member in members if not member.control):
            for control in (NULL, TURNED):
                if draws := [m.dice for m in members if m.control == control and _matches(own, m)]:
                    scores, reference = (dict(enumerate(dice.tolist())) for dice in (own.dice, np.mean(draws, axis=0)))
                    difference = paired_difference(scores, reference, seed)
                    found.append(
                        {
                            "order": order,
                            "share": share,
                            "epochs": epochs,
                            "replacement": own.replacement,
                            "control": control,
                            "difference": round(difference.mean, DIGITS),
                            "interval": difference.interval and [round(end, DIGITS) for end in difference.interval],
                            "p_value": difference.p_value,
                        }
                    )
    return found


def _set(measured: Measurement) -> tuple[str, float, int]:
    return measured.order, measured.share, measured.epochs


def _matches(own: Measurement, control: Measurement) -> bool:
    """Tells whether a control is one of this replacement: the null is of all."""
    return control.control == NULL or control.replacement == own.replacement


def text_of(results: Mapping[str, Any]) -> list[str]:
    """Returns the lines that tell people what is in swap.json."""
    found, epochs = results["results"], results["options"]["fine_tuning_epochs"]
    lines = [f"Dice per scan {results['dice']:.4f} as trained; with kernels replaced, norms kept:", *curves_text(found)]
    if tuned := [row["dice"] for row in found if row["epochs"] and not row["kernels"]]:
        lines.append(f"and all else fine-tuned for {epochs} epochs, which alone gives {tuned[0]:.4f}:")
        lines += curves_text(found, epochs)
    return lines + units_text(found)


def curves_text(found: Sequence[Mapping[str, Any]], epochs: int = 0) -> list[str]:
    """Returns the lines of the table of Dice against the share replaced, of rows of `averages`."""
    of_network = [row for row in found if row["unit"] == NETWORK and row["epochs"] == epochs]
    shares = sorted({row["share"] for row in of_network if row["share"]})
    if not shares:
        return []
    width = max(len(label(row)) for row in of_network) + 2
    lines = []
    for order in dict.fromkeys(row["order"] for row in of_network if 0 < row["share"] < 1) or ["all"]:
        lines.append(f"{'replaced, ' + order:<{width}}" + "".join(f"{share:>8g}" for share in shares))
        chosen = [row for row in of_network if row["order"] in (order, "all") and row["share"]]
        for name in dict.fromkeys(map(label, chosen)):
            of_name = {row["share"]: row["dice"] for row in chosen if label(row) == name}
            lines.append(f"  {name:<{width - 2}}" + "".join(_cell(of_name.get(share)) for share in shares))
    return lines


def units_text(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the lines of the table of Dice with one stage, cluster or layer replaced, of rows of `averages`."""
    of_units = [row for row in found if row["unit"] != NETWORK]
    if not of_units:
        return []
    columns = list(dict.fromkeys((row["replacement"], row["control"]) for row in of_units))
    units = dict.fromkeys((row["unit"], row["name"], row["kernels"]) for row in of_units)
    width = max(len(f"{unit} {name}") for unit, name, _ in units)
    lines = [f"{'replaced alone':<{width}} {'kernels':>8}" + "".join(f"{name:>10}" for name, _ in columns)]
    for unit, name, kernels in units:
        dice = {
            (row["replacement"], row["control"]): row["dice"]
            for row in of_units
            if (row["unit"], row["name"]) == (unit, name)
        }
        cells = "".join(_cell(dice.get(column), 10) for column in columns)
        lines.append(f"{f'{unit} {name}':<{width}} {kernels:>8,}{cells}")
    return lines


def _cell(dice: float | None, width: int = 8) -> str:
    return " " * width if dice is None else f"{dice:>{width}.3f}"
