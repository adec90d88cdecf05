"""Each section has a name of its own, by which its template is found, and rows for the columns of its tables."""

from lsn_tf.analysis.page.sections import CLAIM_COLUMNS, LAYER_COLUMNS, SECTIONS


def test_each_section_has_a_name_of_its_own_and_rows_for_its_columns(make_findings, rng):
    findings = make_findings({"conv": rng.normal(size=(20, 3, 3))})
    sections = {section.name: section for section in (make(findings, {}) for make in SECTIONS)}
    assert len(sections) == len(SECTIONS)
    for name, columns in (("layers", LAYER_COLUMNS), ("claims", CLAIM_COLUMNS)):
        (first, *_) = sections[name].values["rows"]
        assert all(column.cell(first) for column in columns)
    p_values = [row["p_value"] for row in sections["claims"].values["rows"]]
    assert p_values == sorted(p_values) and len(p_values) == 17
