"""Cells of the tables are numbers that can be read, and a section is found by its template."""

import pytest

from lsn_tf.analysis.page.sections import CLAIM_COLUMNS, LAYER_COLUMNS, SECTIONS, Column


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Column("x", "x", ".1f", scale=100), 0.0156, "1.6"),
        (Column("x", "x", ",d"), 14608, "14,608"),
        (Column("x", "x", ".3f"), "", "–"),
        (Column("x", "x", ".3f"), None, "–"),
        (Column("x", "x", ".2g"), 5.2e-5, "5.2e-05"),
        (Column("x", "x"), "conv", "conv"),
    ],
)
def test_a_cell_is_its_value_in_the_form_of_its_column(column, value, text):
    assert column.cell({"x": value}) == text


def test_each_section_has_a_name_of_its_own_and_rows_for_its_columns(make_findings, rng):
    findings = make_findings({"conv": rng.normal(size=(20, 3, 3))})
    sections = {section.name: section for section in (make(findings, {}) for make in SECTIONS)}
    assert len(sections) == len(SECTIONS)
    for name, columns in (("layers", LAYER_COLUMNS), ("claims", CLAIM_COLUMNS)):
        (first, *_) = sections[name].values["rows"]
        assert all(column.cell(first) for column in columns)
    p_values = [row["p_value"] for row in sections["claims"].values["rows"]]
    assert p_values == sorted(p_values) and len(p_values) == 17
