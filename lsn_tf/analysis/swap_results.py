"""What the causal test has found, from the swap.json that `lsn_tf.swap` has written of a network."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.swapping import NETWORK, NULL, TURNED

WORDS = ("unit", "name", "order", "replacement", "control")
NUMBERS = ("share", "kernels", "epochs", "dice", "dice_low", "dice_high")
Row = dict[str, Any]


def read_swap_results(path: str, network: Sequence[Layer]) -> dict[str, Any]:
    """Returns what is in swap.json.

    Args:
        path: of the file.
        network: the layers of the network that it must be of.

    Raises:
        ValueError: if it is no such file, or of another network.
    """
    try:
        found = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        layers, kernels = _checked(found)
    except (OSError, ValueError, LookupError, TypeError):
        raise ValueError(f"swap_results must be a swap.json that lsn_tf.swap has written. Received {path}.") from None
    counts = {layer.name: layer.count for layer in network}
    if sum(counts.get(name, -1) for name in layers) != kernels:
        raise ValueError(
            f"swap_results must be of this model. Received {path}, of {kernels} kernels in {', '.join(layers)}."
        )
    return found


def _checked(found: Mapping[str, Any]) -> tuple[list[str], int]:
    """Returns the layers and how many kernels they have; raises LookupError, TypeError or ValueError for what lacks."""
    for row in found["results"]:
        _ = [str(row[name]) for name in WORDS], [float(row[name]) for name in NUMBERS]
    for row in found["comparisons"]:
        _ = _key(row), [float(number) for number in (row["difference"], row["p_value"], *(row["interval"] or ()))]
    _ = float(found["dice"]), len(found["scans"]), str(found["dataset"]), str(found["fold"])
    _ = str(found["options"]["null"]), int(found["options"]["draws"])
    return [str(name) for name in found["layers"]], int(found["kernels"])


def against_controls(found: Mapping[str, Any]) -> list[Row]:
    """Returns a row for each replacement of a set of the whole network: its Dice, and that of its controls.

    Beside the Dice stand "null" and "turned", the mean Dice of these controls, with the mean difference from each, its
    interval and p-value; None where there is no such control.
    """
    dice = {_key(row): row["dice"] for row in found["results"] if row["unit"] == NETWORK}
    differences = {_key(row): row for row in found["comparisons"]}
    rows = []
    for row in found["results"]:
        if row["unit"] != NETWORK or row["control"] or not row["kernels"]:
            continue
        place = {name: row[name] for name in ("order", "share", "epochs", "replacement", "kernels", "dice")}
        for control in (NULL, TURNED):
            key = (*_key(row)[:-1], control)
            difference = differences.get(key, {"difference": None, "interval": None, "p_value": None})
            low, high = difference["interval"] or (None, None)
            place |= {
                control: _null_dice(dice, key) if control == NULL else dice.get(key),
                f"{control}_difference": difference["difference"],
                f"{control}_low": low,
                f"{control}_high": high,
                f"{control}_p_value": difference["p_value"],
            }
        rows.append(place)
    return rows


def of_units(found: Mapping[str, Any]) -> list[Row]:
    """Returns a row for each replacement of one stage, cluster or layer alone, with the Dice of its null."""
    alone = [row for row in found["results"] if row["unit"] != NETWORK]
    nulls = {(row["unit"], row["name"]): row["dice"] for row in alone if row["control"] == NULL}
    return [{**row, NULL: nulls.get((row["unit"], row["name"]))} for row in alone if not row["control"]]


def _key(row: Mapping[str, Any]) -> tuple:
    return row["order"], row["share"], row["epochs"], row["replacement"], row["control"]


def _null_dice(dice: Mapping[tuple, float], key: tuple) -> float | None:
    """Returns the Dice of the null, which is one for all replacements."""
    return next((value for other, value in dice.items() if other[:3] == key[:3] and other[-1] == NULL), None)
