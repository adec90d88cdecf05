"""The files of an analysis that are looked at, page and figures, as bytes to write with the tables."""

import importlib.util
import json
import logging
import pathlib
import re
from collections.abc import Iterator

from lsn_tf.analysis.figures.gallery import layer_pictures, network_pictures
from lsn_tf.analysis.figures.style import saved, styled
from lsn_tf.analysis.findings import Findings

logger = logging.getLogger(__name__)
PAGE = "index.html"
FOLDER = "figures"
FORMS = ("png", "svg")
PACKAGES = ("matplotlib", "jinja2")
OURS = re.compile(rf"{re.escape(PAGE)}|{FOLDER}/[\w.-]+\.(png|svg)", re.ASCII)


def can_draw() -> bool:
    """Tells whether the packages are installed that draw; logs what to do if not."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        logger.warning(
            "%s and figures were not made: that takes %s, pip install 'lsn_tf[analysis]'; or pass --nopage.",
            PAGE,
            " and ".join(missing),
        )
    return not missing


def pictures(findings: Findings) -> Iterator[tuple[str, bytes]]:
    """Yields the figures, each as PNG and SVG, then the page: path in the folder of the analysis, and content."""
    from lsn_tf.analysis.page.page import page  # needs Jinja, which is optional

    on_the_page = {}
    with styled():
        for picture in network_pictures(findings):
            for form in FORMS:
                content = saved(picture.figure, form)
                yield f"{FOLDER}/{picture.name}.{form}", content
            on_the_page[picture.name] = content
        for picture in layer_pictures(findings):
            for form in FORMS:
                yield f"{FOLDER}/{picture.name}.{form}", saved(picture.figure, form)
    yield PAGE, page(findings, on_the_page).encode()


def earlier_pictures(summary: pathlib.Path) -> set[str]:
    """Returns the paths of page and figures that an earlier analysis wrote, as its summary has them; none if unclear.

    Only names such as this module gives are returned: whatever is deleted by them is in the folder of the analysis.
    """
    try:
        listed = json.loads(summary.read_text(encoding="utf-8"))["pictures"]
    except (OSError, ValueError, LookupError, TypeError):
        return set()
    names = listed if isinstance(listed, list) else []
    return {name for name in names if isinstance(name, str) and OURS.fullmatch(name)}
