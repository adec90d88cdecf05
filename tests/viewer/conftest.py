"""A scan on disk with a bright cylinder, and a session that looks at it."""

import numpy as np
import pytest
from nibabel.affines import from_matvec
from viewed_scan import RADIUS_MM, SPACING_MM, bright, disc, write

from lsn_tf.viewer.sources import Sources, open_session


@pytest.fixture
def cylinder():
    """(slices, height, width) bool."""
    return disc(RADIUS_MM)


@pytest.fixture
def sources(tmp_path, cylinder):
    """A scan as converters from DICOM write it, and its reference."""
    affine = from_matvec(np.diag([-SPACING_MM[2], -SPACING_MM[1], SPACING_MM[0]]), [30, 20, -40])
    noise = np.random.default_rng(7).normal(0, 8, cylinder.shape)
    image = (np.where(cylinder, 100, -120) + noise).astype(np.int16).transpose(2, 1, 0)
    label = cylinder.astype(np.uint8).transpose(2, 1, 0)
    scan, reference = write(tmp_path / "ct.nii.gz", image, affine), write(tmp_path / "liver.nii.gz", label, affine)
    return Sources(scan, reference=reference)


@pytest.fixture
def session(sources):
    with open_session(sources, [bright("lsn"), bright("unet")]) as opened:
        yield opened
