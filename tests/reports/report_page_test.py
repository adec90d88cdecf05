"""The page has every section that it claims, holds all it needs, and nothing of a file runs in it."""

import html.parser
import re

import numpy as np
import pytest
from browsers import chromium, new_tab
from run_files import dice_of

from lsn_tf.reports.contents import make_contents
from lsn_tf.reports.kernel_shares import KernelShares
from lsn_tf.reports.overlays import Overlay, ShownScan
from lsn_tf.reports.reported_runs import read_folders

pytest.importorskip("matplotlib")
report_page = pytest.importorskip("lsn_tf.reports.report_page")
from lsn_tf.reports.report_sections import Report  # noqa: E402  (as report_page, it needs Jinja)

HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=document.title='hacked'>$\\alpha${{7*7}}"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="2" height="1"><rect width="1" height="1"/></svg>'


class Elements(html.parser.HTMLParser):
    """Collects the elements of a page with their attributes, and its tables as text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables = [], {}
        self.cell = self.table = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == "table":
            self.table = self.tables.setdefault(attributes["id"], [])
        if tag == "tr":
            self.table.append([])
        self.cell = tag in ("td", "th")
        if self.cell:
            self.table[-1].append("")

    def handle_data(self, text):
        if self.cell:
            self.table[-1][-1] += text

    def handle_endtag(self, tag):
        self.cell = self.cell and tag not in ("td", "th")


def overlay(model):
    reference = np.zeros((20, 30), bool)
    reference[5:12, 8:20] = True
    image = np.where(reference, 100, -50).astype(np.int16)
    return Overlay(model, image, reference, np.where(reference, -1.0, 1.0), np.array([0.7, 0.9]), 0.93, 0.95)


@pytest.fixture
def report(make_run):
    """A report with all parts; a model has a hostile name, and a run has not finished."""
    runs = [make_run(model, fold) for model in ("lsn", "unet") for fold in (0, 1)]
    runs.append(make_run("lsn:" + HOSTILE, name="hostile", command=HOSTILE, optimizer=HOSTILE))
    runs.append(make_run("unet", 2, finished=False))
    contents = make_contents(read_folders([run.path for run in runs]))
    summary = {"kernels": 40, "layers": 2, "claims_tested": 4, "claims_hold_at_q": 0.05, "claims": [], "model": HOSTILE}
    family = {"family": HOSTILE, "hits": 1, "kernels": 40, "share": 0.025, "chance": 0.02, "held": 0}
    return Report(
        contents,
        shown=[ShownScan(["best", HOSTILE], 3, 0, 1, 4, [overlay("lsn"), overlay(HOSTILE)])],
        kernels=[KernelShares(HOSTILE, summary, [family], picture=SVG)],
        command=HOSTILE,
        commands=[HOSTILE],
        versions={"python": "3"},
    )


@pytest.fixture
def text(report):
    return report_page.page(report)


def test_every_section_of_the_contents_is_there(text):
    tags = Elements(text).tags
    names = [attributes["id"] for tag, attributes in tags if tag == "section"]
    linked = [a["href"][1:] for tag, a in tags if tag == "a" and "class" not in a]
    assert names == linked == [
        *("outcome", "folds", "models", "pairs", "boxes", "curves", "overlays", "kernels"),
        *("certificate", "scans", "made"),
    ]  # fmt: skip


def test_the_tables_show_what_the_files_say(text):
    tables = Elements(text).tables
    lsn = np.mean(list(dice_of("lsn", 1, 0).values()))
    fold = {row[0]: row[1:] for row in tables["fold-table"]}
    assert fold["fold 1"][0] == f"{lsn:.3f}" and fold["fold 1"][3:] == ["0.600", "0.847", "0.729", "0.919"]
    assert fold["fold 2"][:3] == ["–", "–", "–"]
    scans = {int(row[0]): row[2] for row in tables["scan-table"][1:]}
    assert scans == {v: f"{dice:.3f}" for fold in (0, 1) for v, dice in dice_of("lsn", fold, 0).items()}
    differences = {v: dice_of("lsn", f, 0)[v] - d for f in (0, 1) for v, d in dice_of("unet", f, 0).items()}
    pair = next(row for row in tables["pair-table"] if row[0] == "lsn")
    assert pair[:4] == [
        "lsn",
        "unet",
        "12",
        f"{np.mean(list(differences.values())):+.4f}".replace("-", "\N{MINUS SIGN}"),
    ]
    assert [row[3] for row in tables["run-table"][1:]].count("done") == 5
    assert tables["families-0"][1][1:] == ["1", "2.5", "2.0", "0"]


def test_names_from_files_make_no_element_and_nothing_is_requested(text):
    tags = Elements(text).tags
    assert [tag for tag, _ in tags].count("script") == 1
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"]
    targets = [a[name] for _, a in tags for name in ("src", "href") if name in a]
    assert len(targets) > 15 and all(target.startswith(("data:", "#")) for target in targets)
    assert "{{7*7}}" in text and "hacked'</script>" not in re.sub(r"<script>.*?</script>$", "", text)


def test_figures_are_there_where_there_is_something_to_draw(text, make_run):
    images = [a for tag, a in Elements(text).tags if tag == "img"]
    assert len(images) == 4 + 2 + 1 and all(image["alt"] for image in images)
    bare = report_page.page(
        Report(make_contents(read_folders([make_run("lse", 4, finished=False, history=False).path])))
    )
    assert "img" not in {tag for tag, _ in Elements(bare).tags}
    for said in (
        "No run has finished",
        "one model only",
        "There is no certificate",
        "lse, fold 4, seed 0: not finished",
    ):
        assert said in bare


def test_equal_reports_are_equal_pages(report, text):
    assert report_page.page(report) == text


@pytest.mark.slow
def test_in_a_browser_it_says_nothing_asks_for_nothing_and_sorts(text, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    with chromium() as browser:
        tab, said, requests = new_tab(browser, 390, 800)
        tab.goto(path.as_uri())
        assert tab.title().startswith("Segmentation of the liver: lsn")
        assert tab.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
        assert tab.evaluate("document.documentElement.scrollWidth") == 390  # wide tables scroll, the page does not
        tab.click("#scan-table th:nth-child(3) button")
        shown = [float(cell) for cell in tab.locator("#scan-table tbody td:nth-child(3)").all_inner_texts()]
        assert shown == sorted(shown, reverse=True) and len(shown) == 12
        tab.fill("[data-filters=scan-table]", "15")
        rows = tab.locator("#scan-table tbody tr").all_text_contents()
        shown = tab.locator("#scan-table tbody tr:not([hidden])").all_text_contents()
        assert shown == [row for row in rows if "15" in row] and 0 < len(shown) < len(rows)
        assert said == [] and [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
