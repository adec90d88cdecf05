"""Formats agree or they do not: by phi, and by the mask wherever phi decides it."""

import numpy as np
import pytest

from lsn_tf.exported.parity import TOLERANCE_MM, parity

PHI = np.float32([[-3.0, -0.5 * TOLERANCE_MM], [0.5 * TOLERANCE_MM, 4.0]])


def given(phi):
    return {"phi": phi, "mask": np.uint8(phi < 0)}


def test_the_model_agrees_with_itself():
    row = {"largest_difference_mm": 0.0, "dice": 1.0, "differing_pixels": 0, "pixels": 4, "agree": True}
    assert parity(PHI, given(PHI)) == row


def test_rounding_may_move_pixels_on_the_contour_only():
    row = parity(PHI, given(PHI - np.float32(0.9 * TOLERANCE_MM)))
    assert row["agree"] and row["differing_pixels"] == 1 and row["dice"] == pytest.approx(2 * 2 / (2 + 3))


@pytest.mark.parametrize("wrong", [1.2 * TOLERANCE_MM, np.nan, np.inf])
def test_another_phi_does_not_agree(wrong):
    phi = PHI + np.float32([[0, 0], [0, wrong]])
    row = parity(PHI, given(phi))
    assert not row["agree"] and row["differing_pixels"] == 0


def test_another_mask_does_not_agree_though_phi_does():
    row = parity(PHI, {"phi": PHI, "mask": np.uint8([[0, 1], [0, 0]])})
    assert not row["agree"] and row["largest_difference_mm"] == 0 and row["differing_pixels"] == 1
