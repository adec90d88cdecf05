"""CT passes, clipped or not; MR, values without their offset and pictures of 0 to 1 do not."""

import numpy as np
import pytest

from lsn_tf.data.intensities import check_ct
from lsn_tf.data.nifti import VolumeError

RNG = np.random.default_rng(0)
CT = np.rint(np.concatenate([RNG.normal(-1000, 20, 6000), RNG.normal(-100, 20, 2000), RNG.normal(50, 30, 4000)]))
CT = np.append(CT, RNG.uniform(200, 1500, 300)).astype(np.int16)  # bone


@pytest.mark.parametrize("window", [(-1024, 3071), (-160, 240), (0, 255), (-100, 400), (-1024, 600)])
def test_ct_passes_as_it_is_and_clipped_at_windows(window):
    assert check_ct(np.clip(CT, *window), "ct.nii") is None


@pytest.mark.parametrize(
    "image",
    [
        CT + 1024,
        np.abs(RNG.normal(300, 200, 9000)),
        np.where(RNG.random(9000) < 0.3, -2000, CT[:9000] + 1024 + 500),
        (CT - CT.min()) / (CT.max() - CT.min()),
        np.zeros(99),
        RNG.normal(0, 1, 9000),
    ],
    ids=["without offset", "MR", "padded", "scaled to 1", "empty", "standardised"],
)
def test_what_is_no_ct_is_refused_in_one_line(image):
    with pytest.raises(VolumeError, match=r"^ct.nii: expected a CT scan in HU. Received .* Convert it to HU") as caught:
        check_ct(np.rint(image).astype(np.int16), "ct.nii")
    assert "\n" not in str(caught.value)
