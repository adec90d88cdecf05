"""The files that are looked at -> the session."""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

from lsn_tf.data.scan_files import check_intensities, open_scan
from lsn_tf.data.volumes import read_mask
from lsn_tf.segmenters import Segmenter
from lsn_tf.viewer.session import Session


@dataclasses.dataclass(frozen=True)
class Sources:
    """What to look at.

    Attributes:
        scan: NIfTI file, or folder of a DICOM series.
        mask: NIfTI file of a mask on it; None for none.
        reference: NIfTI file of a mask that scores compare with; None for none.
        check_intensities: whether what does not look like CT in HU is refused.
    """

    scan: str
    mask: str | None = None
    reference: str | None = None
    check_intensities: bool = True


@contextlib.contextmanager
def open_session(sources: Sources, segmenters: Sequence[Segmenter] = ()) -> Iterator[Session]:
    """Reads a scan and the masks on it, and gives the session.

    Raises:
        ValueError: if one of them cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="lsn_tf-") as scratch, open_scan(sources.scan, scratch) as file:
        image = file.slices(slice(None))
        if sources.check_intensities:
            check_intensities(file)
        given = {"mask": sources.mask, "reference": sources.reference}
        masks = {key: read_mask(path, sources.scan, file.grid) for key, path in given.items() if path}
        session = Session(pathlib.Path(sources.scan).name, image, file.grid, file, segmenters, masks)
        try:
            yield session
        finally:
            session.close()
