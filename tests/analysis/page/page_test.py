"""The page holds all it needs, nothing of a model's file runs in it, and in a browser it sorts and shows kernels."""

import base64
import hashlib
import html.parser
import json
import re

import numpy as np
import pytest
from browsers import chromium, new_tab

from lsn_tf.analysis.dictionary import named_kernels

page = pytest.importorskip("lsn_tf.analysis.page.page")

HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=document.title='hacked'>\"'&{{7*7}}"
SOBEL = next(entry.kernel for entry in named_kernels() if entry.name == "sobel_x")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><rect width="1" height="1"/></svg>'


class Elements(html.parser.HTMLParser):
    """Collects the start tags of a page with their attributes, and the text of its scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.inside = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        if self.cdata_elem:  # in a script or a style
            self.inside.append((self.tags[-1], text))


def kernel_data(text):
    inside = Elements(text).inside
    return next(json.loads(part) for (_, a), part in inside if a.get("type") == "application/json")


@pytest.fixture(scope="module")
def findings(make_findings, swap_results):
    rng = np.random.default_rng(1)
    kernels = rng.normal(0.2, 1, (60, 3, 3))
    kernels[7] = 2 * SOBEL
    edges = SOBEL + 0.05 * rng.normal(size=(30, 3, 3))
    edges[3] = 0
    others = {"noise": kernels, "other": rng.normal(size=(30, 3, 3))}
    return make_findings({"noise": kernels, HOSTILE: edges}, others=others, swap=swap_results | {"dataset": HOSTILE})


@pytest.fixture(scope="module")
def text(findings):
    return page.page(findings, {"dc_energy": SVG, "eigen_images": SVG, "comparison": SVG, "swap": SVG})


def test_names_from_a_file_make_no_element_and_end_no_script(text):
    elements = Elements(text)
    assert [tag for tag, _ in elements.tags].count("script") == 2
    images = [attributes["src"] for tag, attributes in elements.tags if tag == "img"]
    assert len(images) == 4 and all(source.startswith("data:image/svg+xml;base64,") for source in images)
    assert not [name for _, attributes in elements.tags for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;document.title" in text and "{{7*7}}" in text
    assert [layer["name"] for layer in kernel_data(text)["layers"]] == ["noise", HOSTILE]


def test_the_policy_lets_nothing_be_requested_and_only_our_script_run(text):
    elements = Elements(text)
    policy = next(a["content"] for _, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    for (tag, attributes), inside in elements.inside:
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy or attributes.get("type") == "application/json"
    targets = [a[name] for _, a in elements.tags for name in ("src", "href") if name in a]
    assert len(targets) > 10 and all(target.startswith(("data:", "#")) for target in targets)
    assert "style" not in {name for _, attributes in elements.tags for name in attributes}


def test_every_section_of_the_contents_is_there_with_a_table_for_each_claim_and_layer(text, findings):
    elements = Elements(text)
    names = [a["id"] for tag, a in elements.tags if tag == "section"]
    assert [a["href"][1:] for tag, a in elements.tags if tag == "a" and "class" not in a] == names
    rows = (findings.claims, findings.layers, findings.differences, range(7), range(2))
    assert text.count("<tr") == len(rows) + sum(map(len, rows))
    assert set(re.findall(r"figures/(\w+)\.png", text)) == {"dc_energy", "eigen_images", "comparison", "swap"}


def test_all_kernels_of_the_published_unet_fit_in_8_megabytes(make_findings):
    counts = [16, 256, 256, 256, 256, 256, 512, 1024, 2048, 4096, 3072, 1024, 768, 256, 256, 256]
    rng = np.random.default_rng(0)
    findings = make_findings({f"conv_{n}": rng.normal(size=(c, 3, 3)) for n, c in enumerate(counts)}, most_shown=5000)
    assert findings.summary["kernels"] == sum(counts) == 14_608
    assert len(page.page(findings, {})) < 5e6  # and 2 MB of figures


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def shown(browser, text, tmp_path):
    """The page in a browser; at the end, it must have said nothing and asked for nothing."""
    path = tmp_path / "index.html"
    path.write_text(text, encoding="utf-8")
    tab, said, requests = new_tab(browser, 1200, 900)
    tab.goto(path.as_uri())
    yield tab
    assert said == [] and [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert tab.title() == "Kernels of model.npz"  # the name of a layer would have changed it
    tab.close()


def column(tab, table, number):
    cells = tab.locator(f"#{table} tbody tr:not([hidden]) td:nth-child({number})")
    return cells.all_inner_texts()


@pytest.mark.slow
def test_tables_sort_both_ways_and_find(shown):
    shares = [float(cell) for cell in column(shown, "claim-table", 5)]
    button = shown.locator("#claim-table th:nth-child(5) button")
    for direction, reverse in (("descending", True), ("ascending", False)):
        button.press("Enter")
        assert [float(cell) for cell in column(shown, "claim-table", 5)] == sorted(shares, reverse=reverse)
        assert shown.get_attribute("#claim-table th:nth-child(5)", "aria-sort") == direction
    shown.check("[data-only=claim-table]")
    held = column(shown, "claim-table", 11)
    assert set(held) == {"yes"} and 0 < len(held) < len(shares)
    shown.fill("[data-filters=claim-table]", "noise laplacian")
    assert column(shown, "claim-table", 1) == []


@pytest.mark.slow
def test_differences_from_another_network_sort_and_those_that_hold_are_found(shown, findings):
    difference = 7
    shown.locator(f"#difference-table th:nth-child({difference}) button").press("Enter")
    cells = [float(cell.replace("\N{MINUS SIGN}", "-")) for cell in column(shown, "difference-table", difference)]
    assert cells == sorted(cells, reverse=True) and len(cells) == len(findings.differences)
    shown.check("[data-only=difference-table]")
    held = [found for found in findings.differences if found.q_value < 0.05]
    assert set(column(shown, "difference-table", 13)) == {"yes"} and len(held) > 0
    shown.fill("[data-filters=difference-table]", "divergence")
    assert len(column(shown, "difference-table", 1)) == sum(found.measure == "divergence" for found in held)


@pytest.mark.slow
def test_replaced_kernels_stand_beside_their_controls_and_sort_by_dice(shown):
    dice = 6
    shown.locator(f"#swap-table th:nth-child({dice}) button").press("Enter")
    cells = [float(cell) for cell in column(shown, "swap-table", dice)]
    assert cells == sorted(cells, reverse=True) and cells[0] == 0.78
    by, null, turned = (column(shown, "swap-table", number)[1] for number in (5, 7, 11))
    assert (by, null, turned) == ("nearest named kernel", "0.350", "0.500")
    assert column(shown, "swap-unit-table", 2) == ["noise", "edges"]
    boxes = [shown.locator(f"#{name} img").bounding_box() for name in ("comparison", "swap")]
    assert all(box["width"] > 600 for box in boxes)


@pytest.mark.slow
def test_a_kernel_under_the_pointer_is_shown_with_its_numbers(shown, findings):
    box = shown.locator("#plane").bounding_box()
    shown.locator("#plane").scroll_into_view_if_needed()
    box = shown.locator("#plane").bounding_box()
    assert shown.locator("#kernel-picture rect").count() == 0
    for step in range(60):
        shown.mouse.move(box["x"] + 250 + 5 * step, box["y"] + box["height"] / 2)
        if "input" in shown.inner_text("#kernel-text"):
            break
    output = int(shown.inner_text("#kernel-text").rpartition(" ")[2])
    assert shown.inner_text("#kernel-text") == f"noise, input 0 to output {output}"
    assert shown.locator("#kernel-picture rect").count() == 9
    weights = [float(number) for number in shown.locator("#kernel-picture text").all_text_contents()]
    np.testing.assert_allclose(weights, findings.layers[0].kernels[output].ravel(), rtol=6e-3)
    names, values = (shown.locator(f"#kernel {tag}").all_inner_texts() for tag in ("dt", "dd"))
    numbers = dict(zip(names, values, strict=True))
    row = findings.samples["noise"].columns
    assert numbers["nearest"] == row["nearest"][output] and numbers["cluster"] == row["cluster"][output]
    assert float(numbers["similarity"]) == pytest.approx(row["similarity"][output], abs=6e-4)


@pytest.mark.slow
def test_keys_go_through_all_points_and_layers_change(shown):
    shown.focus("#plane")
    seen = []
    for _ in range(5):
        shown.keyboard.press("ArrowRight")
        seen.append(shown.inner_text("#kernel-text") + str(shown.locator("#kernel-picture text").all_text_contents()))
    assert len(set(seen)) == 5
    shown.click("#plane-after")
    assert shown.input_value("#plane-layer") == HOSTILE and shown.is_disabled("#plane-after")
    assert "1 dead, not drawn" in shown.inner_text("#plane-legend")


@pytest.mark.slow
def test_kernels_are_found_and_sorted(shown):
    assert len(column(shown, "kernel-table", 2)) == 90
    shown.fill("#kernel-search", "noise sobel_x")
    shown.click("#kernel-table th:nth-child(9) button")
    similar = [float(cell) for cell in column(shown, "kernel-table", 9)]
    assert similar[0] == 1 and similar == sorted(similar, reverse=True)
    assert column(shown, "kernel-table", 4)[0] == "7" and set(column(shown, "kernel-table", 2)) == {"noise"}


def test_what_is_drawn_on_the_page_shares_one_plane(text):
    data = kernel_data(text)
    plane = data["layers"][0]["plane"]
    sobel = [entry["name"] for entry in data["named"]].index("sobel_x")
    assert plane["places"][7] == pytest.approx(plane["named"][sobel], abs=1e-4)
    assert data["layers"][1]["plane"]["places"][3] is None and data["layers"][1]["dead"] == [3]
