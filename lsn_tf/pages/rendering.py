"""A page as one HTML file that works offline: its sections, style, script and figures are in it.

All text that comes from files is escaped by Jinja or, in JSON, has no character that could end the script around it;
and a content security policy lets nothing run but the page's own script, and nothing be requested.
"""

import base64
import hashlib
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import markupsafe

from lsn_tf.pages.page_parts import Section

TEMPLATES = pathlib.Path(__file__).parent / "templates"
STYLES, SCRIPTS = ("base.css", "page.css"), ("tables.js", "page.js")  # those of all pages, then a page's own


def render(
    templates: pathlib.Path,
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    skip_to: str,
    data: Mapping[str, Any] | None = None,
) -> str:
    """Returns a page.

    Args:
        templates: folder of `NAME.html` of each section and, if wanted, of page.css and page.js.
        title: of the page.
        subtitle: below it, as code: what the page is of.
        sections: in their order.
        skip_to: name of the section that those go to who use no mouse.
        data: values for the script, by the id of the element that holds them as JSON.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    style, script = (_joined(templates, names) for names in (STYLES, SCRIPTS))
    return environment.get_template("base.html").render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        skip_to=skip_to,
        data={name: json_in_html(value) for name, value in (data or {}).items()},
        style=markupsafe.Markup(style),
        script=markupsafe.Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def json_in_html(value: Any) -> markupsafe.Markup:
    """Returns a value as JSON that may stand in a script element: it has no <, > or & and no separator of lines."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # ASCII only
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return markupsafe.Markup(text)


def data_uri(content: bytes) -> str:
    """Returns a PNG or an SVG as a URI that holds all of it; in an image, an SVG can run no script."""
    kind = "png" if content.startswith(b"\x89PNG") else "svg+xml"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _joined(templates: pathlib.Path, names: Sequence[str]) -> str:
    paths = [folder / name for name, folder in zip(names, (TEMPLATES, templates), strict=True)]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
