"""The page of an analysis: one HTML file that works offline, with its tables, figures and kernels in it.

All that comes from the model's file is escaped by Jinja or, in JSON, has no character that could end the script around
it; and a content security policy lets nothing run but the page's own script, and nothing be requested.
"""

import base64
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jinja2
import markupsafe

from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.page.sections import SECTIONS
from lsn_tf.analysis.page.shown_kernels import shown_kernels

TEMPLATES = pathlib.Path(__file__).parent / "templates"


def page(findings: Findings, pictures: Mapping[str, bytes]) -> str:
    """Returns the page.

    Args:
        findings: what it shows.
        pictures: figures of the whole network as SVG, by name, see `gallery.network_pictures`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    style, script = (TEMPLATES.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return environment.get_template("page.html").render(
        title=f"Kernels of {pathlib.PurePath(findings.summary['model']).name or findings.summary['model']}",
        model=findings.summary["model"],
        sections=[section(findings, pictures) for section in SECTIONS],
        style=markupsafe.Markup(style),
        script=markupsafe.Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        kernels=json_in_html(shown_kernels(findings)),
    )


def json_in_html(value: Any) -> markupsafe.Markup:
    """Returns a value as JSON that may stand in a script element: it has no <, > or & and no separator of lines."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # ASCII only
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)


def data_uri(content: bytes) -> str:
    """Returns an SVG as a URI that holds all of it; in an image, it can run no script."""
    return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
