"""The page of an analysis: one HTML file that works offline, with its tables, figures and kernels in it."""

import pathlib
from collections.abc import Mapping

from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.page.sections import sections
from lsn_tf.analysis.page.shown_kernels import shown_kernels
from lsn_tf.pages.rendering import render

TEMPLATES = pathlib.Path(__file__).parent / "templates"


def page(findings: Findings, pictures: Mapping[str, bytes]) -> str:
    """Returns the page.

    Args:
        findings: what it shows.
        pictures: figures of the whole network as SVG, by name, see `gallery.network_pictures`.
    """
    model = findings.summary["model"]
    return render(
        TEMPLATES,
        title=f"Kernels of {pathlib.PurePath(model).name or model}",
        subtitle=model,
        sections=list(sections(findings, pictures)),
        skip_to="conclusions",
        data={"kernel-data": shown_kernels(findings)},
    )
