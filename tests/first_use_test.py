"""docs/first_use.md is what its script wrote, and names no path; the script clicks what is missed and saves it."""

import json
import runpy

import numpy as np
import pytest
from browsers import chromium
from source_tree import ROOT

from lsn_tf.data.phantoms import make_scan
from lsn_tf.data.volumes import write_scan

SCRIPT = runpy.run_path(str(ROOT / "docs/first_use.py"))
WRITTEN = json.loads((ROOT / "docs/first_use.json").read_text())


def test_the_page_is_the_written_numbers():
    assert (ROOT / "docs/first_use.md").read_text() == SCRIPT["page"](WRITTEN)


def test_records_name_scans_without_their_paths():
    names = [walked["scan"] for walked in WRITTEN["scans"]]
    assert names and not [text for text in (*names, WRITTEN["command"].partition(" --")[2]) if "/" in text]


def test_a_click_goes_to_the_middle_of_the_largest_spot_that_is_missed():
    truth = np.zeros((3, 12, 16), bool)
    truth[1, 2:9, 3:14] = truth[2, 4:6, 4:6] = True
    mask = truth.copy()
    mask[1, 3:6, 8:11] = mask[2] = False
    assert SCRIPT["largest_gap"](mask, truth) == (9, 4, 1)
    assert SCRIPT["largest_gap"](mask) == (9, 4, 1)  # a hole
    with pytest.raises(ValueError, match="--click must say where"):
        SCRIPT["largest_gap"](truth, truth)


@pytest.mark.slow
def test_what_is_missed_is_added_and_saved_on_the_voxels_of_the_scan(tmp_path):
    with chromium():  # there is one
        scan, reference = map(str, write_scan(make_scan(3, size=96, slices=6), tmp_path))
    (walked,) = SCRIPT["first_use"]([(scan, reference, "")])["scans"]
    found = walked["outcome"]
    assert walked["voxels"] == [96, 96, 6] and min(walked["steps"].values()) >= 0 and len(walked["steps"]) == 6
    assert found["same_affine_and_shape"] and found["slices_changed"] == 1 and found["voxels_changed"] > 0
    assert found["dice_of_the_slice"][1] != found["dice_of_the_slice"][0]
