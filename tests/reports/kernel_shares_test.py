"""Shares of families are those of the claims, weighted by the kernels of the layers."""

import pytest

from lsn_tf.artifacts import write_csv, write_json
from lsn_tf.reports.kernel_shares import family_rows, read_kernel_shares

CLAIMS = [
    {"layer": "a", "family": "blur", "hits": 3, "kernels": 10, "chance": 0.1, "q_value": 0.01},
    {"layer": "b", "family": "blur", "hits": 1, "kernels": 30, "chance": 0.2, "q_value": 0.05},
    {"layer": "a", "family": "Gabor", "hits": 0, "kernels": 10, "chance": 0.0, "q_value": 1.0},
    {"layer": "dead", "family": "none", "hits": 0, "kernels": 0, "chance": 0.0, "q_value": 1.0},
]
SUMMARY = {
    "kernels": 40,
    "layers": 2,
    "claims_tested": 4,
    "claims_hold_at_q": 0.05,
    "claims": [{"layer": "a"}],
    "model": "m",
}


@pytest.fixture
def analysis(tmp_path):
    folder = tmp_path / "analysis"
    write_json(folder / "summary.json", SUMMARY)
    write_csv(folder / "claims.csv", CLAIMS)
    return folder


def test_shares_are_weighted_by_kernels():
    blur, gabor = family_rows([{name: str(value) for name, value in row.items()} for row in CLAIMS], 0.05)
    assert blur == {"family": "blur", "hits": 4, "kernels": 40, "chance": pytest.approx(0.175), "held": 1, "share": 0.1}
    assert gabor["share"] == gabor["held"] == 0


def test_an_analysis_is_read_with_its_page_and_figure(analysis):
    found = read_kernel_shares(analysis)
    assert found.label == "analysis" and found.page is None and found.picture is None and len(found.families) == 2
    assert found.headline().startswith("analysis, 40 kernels: 1 of 4 claims holds (q < 0.05) that a layer has more")
    assert found.headline().endswith("explains, in 1 of 2 layers.")
    (analysis / "figures").mkdir()
    (analysis / "figures" / "family_shares.png").write_bytes(b"png")
    (analysis / "index.html").touch()
    assert read_kernel_shares(analysis, "lsn").picture == b"png"
    assert read_kernel_shares(analysis, "lsn").page == analysis / "index.html"
    assert read_kernel_shares(analysis, "lsn", stays=False).page is None


def test_a_folder_without_an_analysis_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected the output of an analysis, summary.json and claims.csv"):
        read_kernel_shares(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"), [("summary.json", "{}"), ("summary.json", "{"), ("claims.csv", "layer\na\n")]
)
def test_damaged_files_are_named_in_one_line(analysis, name, content):
    (analysis / name).write_text(content)
    with pytest.raises(ValueError, match=f"{analysis} must hold an analysis by lsn_tf.analyze"):
        read_kernel_shares(analysis)
