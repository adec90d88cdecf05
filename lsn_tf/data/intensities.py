"""Does a scan look like CT in Hounsfield units? Air is -1000 HU, fat -100 HU, soft tissue 0 to 100 HU by definition."""

import os

import numpy as np

from lsn_tf.data.nifti import VolumeError

LEAST_RANGE_HU = 50  # less than between fat and liver
NEGATIVE_HU = -50  # fat is below it; only intensities that were clipped at a window have nothing there
HIGHEST_CLIPPED_HU = 300  # and those windows end here at the latest, [0, 255] for one
DENSE_HU = 500  # denser than all but bone and metal, a few percent of a body
LARGEST_DENSE_SHARE = 0.25


def check_ct(image: np.ndarray, path: str | os.PathLike) -> None:
    """Refuses what is not CT in HU: MR, stored values without their offset, pictures of 0 to 1.

    Args:
        image: some slices of the scan, HU.
        path: for the message.

    Raises:
        VolumeError: if this is no CT. A picture of 256 shades of grey passes, as CT clipped to [0, 255] HU does.
    """
    lowest, highest = int(image.min()), int(image.max())
    dense = float(np.mean(image > DENSE_HU))
    if highest - lowest < LEAST_RANGE_HU:
        reason = f"all intensities within [{lowest}, {highest}]: an empty scan, or one that was scaled"
    elif lowest > NEGATIVE_HU and highest > HIGHEST_CLIPPED_HU:
        reason = f"intensities of [{lowest}, {highest}], with neither air nor fat: MR, or values without their offset"
    elif dense > LARGEST_DENSE_SHARE:
        reason = f"{dense:.0%} of the voxels above {DENSE_HU} HU: MR, or values without their offset"
    else:
        return
    raise VolumeError(
        f"{path}: expected a CT scan in HU. Received {reason}. Convert it to HU; if it is CT, go on with "
        "--nocheck_intensities."
    )
