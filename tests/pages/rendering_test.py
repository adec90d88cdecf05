"""A page is one file: what it holds is escaped, only its own script may run, nothing may be requested."""

import base64
import hashlib
import html.parser
import json
import re

import pytest

from lsn_tf.pages.page_parts import Section

rendering = pytest.importorskip("lsn_tf.pages.rendering")


def test_json_in_html_is_read_back_as_it_was():
    value = {"text": "</script><!-- & \u2028 ü", "numbers": [1.5, None, True]}
    written = rendering.json_in_html(value)
    assert not set("<>&\u2028") & set(written) and json.loads(written) == value


HOSTILE = "</style></script><script>document.title='hacked'</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
PIXEL = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def text(tmp_path):
    (tmp_path / "one.html").write_text(
        '{{ values.text }}<img src="{{ values.picture | data_uri }}" alt="{{ values.text }}">'
    )
    (tmp_path / "page.css").write_text("h1 { color: red; }")
    sections = [Section("one", HOSTILE, {"text": HOSTILE, "picture": PIXEL})]
    return rendering.render(tmp_path, HOSTILE, HOSTILE, sections, skip_to="one", data={"numbers": {"name": HOSTILE}})


def test_what_a_page_is_given_makes_no_element_and_ends_none(text):
    tags = Tags(text)
    assert [tag for tag in tags.names if tag in ("script", "style", "img")] == ["style", "img", "script", "script"]
    assert tags.ended == tags.opened
    assert json.loads(re.search(r'id="numbers">(.*)</script>', text)[1]) == {"name": HOSTILE} and "{{7*7}}" in text


def test_the_policy_names_the_style_and_the_script_that_are_there_and_no_other(text):
    policy = re.search(r'Security-Policy" content="([^"]*)"', text)[1]
    for tag in ("style", "script"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
    assert "h1 { color: red; }" in text and "sortable" in text  # a page's own style, the script of all


def test_a_picture_is_embedded_as_what_it_is(text):
    assert f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}" in text
    assert rendering.data_uri(b"<svg/>") == "data:image/svg+xml;base64,PHN2Zy8+"


class Tags(html.parser.HTMLParser):
    """Counts the elements of a page."""

    VOID = ("meta", "link", "img", "br", "input")

    def __init__(self, text):
        super().__init__()
        self.names, self.opened, self.ended = [], 0, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.opened += tag not in self.VOID

    def handle_endtag(self, tag):
        self.ended += 1
