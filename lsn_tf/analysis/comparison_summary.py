"""A comparison of two networks, as it goes into summary.json and before people."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lsn_tf.analysis.comparison import DIVERGENCE, Difference
from lsn_tf.analysis.share_tests import HOLDS


def summarize_comparison(path: str, differences: Sequence[Difference]) -> dict[str, Any]:
    """Returns what goes into summary.json: what holds, and a row for each place that was compared."""
    places: dict[tuple[str, str, str], list[Difference]] = {}
    for difference in differences:
        places.setdefault((difference.level, difference.layer, difference.other_layer), []).append(difference)
    holding = [difference for difference in differences if difference.q_value < HOLDS]
    return {
        "model": path,
        "layers_matched": sum(level == "layer" for level, *_ in places),
        "tested": len(differences),
        "hold_at_q": HOLDS,
        "differences": [{"sentence": found.sentence(), **dataclasses.asdict(found)} for found in holding],
        "by_place": [_place(*place, found) for place, found in places.items()],
    }


def comparison_lines(summary: Mapping[str, Any]) -> list[str]:
    """Returns the table of a comparison for people: a line for each place, and how many differences hold."""
    rows = summary["by_place"]
    names = [
        row["layer"] if row["layer"] == row["other_layer"] else f"{row['layer']} | {row['other_layer']}" for row in rows
    ]
    width = max(map(len, ("compared", *names)))
    lines = [f"{'compared':<{width}} {'DC energy':>9} {'other':>6} {'divergence':>10} {'chance':>7}  what differs"]
    for name, row in zip(names, rows, strict=True):
        energies = [_digits(row[key]) for key in ("dc_energy", "other_dc_energy", "divergence", "divergence_by_chance")]
        differs = ", ".join(row["differs"]) or "-"
        lines.append(f"{name:<{width}} {energies[0]:>9} {energies[1]:>6} {energies[2]:>10} {energies[3]:>7}  {differs}")
    lines.append(
        f"{len(summary['differences'])} of {summary['tested']} differences from {summary['model']} hold at "
        f"q < {summary['hold_at_q']}; {summary['layers_matched']} layers match"
    )
    return lines


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _place(level: str, layer: str, other_layer: str, found: Iterable[Difference]) -> dict[str, Any]:
    by_measure = {difference.measure: difference for difference in found}
    energy, divergence = by_measure.get("mean_dc_energy"), by_measure.get(DIVERGENCE)
    return {
        "level": level,
        "layer": layer,
        "other_layer": other_layer,
        "dc_energy": energy and energy.value,
        "other_dc_energy": energy and energy.other_value,
        "divergence": divergence and divergence.difference,
        "divergence_by_chance": divergence and divergence.chance_high,
        "differs": [name for name, difference in by_measure.items() if difference.q_value < HOLDS],
    }
