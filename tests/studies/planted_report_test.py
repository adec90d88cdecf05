"""The report has a row for each noise, format and null, and says what was not the same."""

import dataclasses

import numpy as np
import pytest

from lsn_tf.analysis.planted import Detection
from lsn_tf.studies import planted_report
from lsn_tf.studies.false_claims import FalseClaims
from lsn_tf.studies.planted_truth import Recovery
from lsn_tf.studies.saved_formats import DESCRIPTIONS

CURVES = {"recall": [1.0, 0.75, 0.5], "named": [0.75, 0.75, 0.5], "precision": [0.5, 0.9, 1.0]}
DETECTION = Detection(
    0.1, np.array([0.8, 0.9, 0.95]), **{k: np.array(v) for k, v in CURVES.items()}, average_precision=0.875
)
RECOVERY = Recovery(
    (3, 3), 40, 10_000, [DETECTION], dict.fromkeys(DESCRIPTIONS, 2_000_000), *[dict.fromkeys(DESCRIPTIONS, True)] * 2
)
FALSE = {(3, 3): [FalseClaims("gaussian", "claims", 40, {"Laplacian": 1, "blur": 0}, 20)]}


def test_curves_have_a_row_for_each_threshold():
    rows = planted_report.curve_rows([RECOVERY])
    assert [float(row["threshold"]) for row in rows] == [0.8, 0.9, 0.95]
    assert rows[1] | {"size": "3x3", "noise": 0.1} == rows[1] and float(rows[1]["precision"]) == 0.9


def test_the_report_has_recall_formats_and_rates():
    text = planted_report.report([RECOVERY], FALSE, ["# Title"])
    assert "| 10 % | 0.7500 | 0.7500 | 0.9000 | 0.5000 | 0.8750 |" in text
    assert all(f"| {description} | 2.0 MB | yes | yes |" in text for description in DESCRIPTIONS.values())
    assert "| gaussian | 40 | claims | 2.50 % | 5.0 % Laplacian |" in text


def test_a_format_that_lost_bits_stands_out():
    lossy = dataclasses.replace(RECOVERY, bit_equal=RECOVERY.bit_equal | {"onnx": False})
    assert "| ONNX | 2.0 MB | **no** | yes |" in planted_report.report([lossy], FALSE, [])


def test_without_matplotlib_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install"):
        planted_report.draw([RECOVERY], FALSE, tmp_path / "figure.png")
