"""Draws are averaged, each replacement meets its own controls, and the printed table has every number once."""

import numpy as np
import pytest

from lsn_tf.analysis.swapping import Measurement, original
from lsn_tf.studies.swap_tables import averages, comparisons, rows, text_of

SCANS = np.linspace(0, 0.2, 12)


def measured(dice, replacement, control="", draw=0, order="random", share=0.5, unit="network", name="", epochs=0):
    return Measurement(unit, name, order, share, 30, replacement, control, draw, epochs, dice + SCANS)


@pytest.fixture
def measurements():
    return [
        original(0.7 + SCANS),
        measured(0.6, "nearest"),
        measured(0.5, "order_1"),
        measured(0.2, "permuted", "null"),
        measured(0.3, "permuted", "null", 1),
        measured(0.4, "nearest", "turned"),
        measured(0.1, "order_1", "turned"),
        measured(0.65, "nearest", unit="layer", name="encoder_0_conv_1", order="all", share=1.0),
        measured(0.55, "permuted", "null", unit="layer", name="encoder_0_conv_1", order="all", share=1.0),
        original(0.75 + SCANS, 2),
        measured(0.68, "nearest", epochs=2),
    ]


def test_a_row_of_the_table_is_a_measurement(measurements):
    table = rows(measurements)
    assert len(table) == len(measurements)
    assert (table[4]["control"], table[4]["draw"], table[4]["epochs"]) == ("null", 1, 0)
    scores = [table[1][f"dice_per_scan_{name}"] for name in ("mean", "median", "min")]
    assert scores == pytest.approx([0.7, 0.7, 0.6])


def test_draws_are_averaged_and_nothing_else_is(measurements):
    found = averages(measurements)
    assert len(found) == len(measurements) - 1
    (null,) = [row for row in found if row["control"] == "null" and row["unit"] == "network"]
    assert (null["dice"], null["dice_low"], null["dice_high"], null["draws"]) == (0.35, 0.3, 0.4, 2)


def test_a_replacement_is_compared_with_the_null_and_with_itself_turned(measurements):
    found = {(row["replacement"], row["control"]): row for row in comparisons(measurements)}
    assert {key: row["difference"] for key, row in found.items()} == {
        ("nearest", "null"): 0.35,
        ("nearest", "turned"): 0.2,
        ("order_1", "null"): 0.25,
        ("order_1", "turned"): 0.4,
    }
    assert all(row["interval"][0] <= row["difference"] <= row["interval"][1] for row in found.values())
    assert all(row["p_value"] < 0.001 and row["epochs"] == 0 for row in found.values())


def test_people_read_every_mean_in_its_place(measurements):
    options = {"fine_tuning_epochs": 2}
    text = text_of({"dice": 0.8, "results": averages(measurements), "options": options})
    assert text[0].startswith("Dice per scan 0.8000 as trained")
    cells = {line.strip().rsplit(maxsplit=1)[0]: line.split()[-1] for line in text[2:7]}
    assert cells == {
        "nearest named kernel": "0.700",
        "finite differences of order 1": "0.600",
        "null: permuted": "0.350",
        "nearest named kernel, turned": "0.500",
        "finite differences of order 1, turned": "0.200",
    }
    assert text[7] == "and all else fine-tuned for 2 epochs, which alone gives 0.8500:"
    assert text[9].split()[-1] == "0.780"
    assert text[-2].split() == ["replaced", "alone", "kernels", "nearest", "permuted"]
    assert text[-1].split() == ["layer", "encoder_0_conv_1", "30", "0.750", "0.650"]
