"""Each section has a name of its own, by which its template is found, and rows for the columns of its tables."""

from lsn_tf.analysis.page.sections import CLAIM_COLUMNS, LAYER_COLUMNS, MAKERS, sections


def test_each_section_has_a_name_of_its_own_and_rows_for_its_columns(make_findings, rng):
    findings = make_findings({"conv": rng.normal(size=(20, 3, 3))})
    found = {section.name: section for section in sections(findings, {})}
    assert len(found) == len(MAKERS) - 2 and not {"comparison", "swap"} & found.keys()
    for name, columns in (("layers", LAYER_COLUMNS), ("claims", CLAIM_COLUMNS)):
        (first, *_) = found[name].values["rows"]
        assert all(column.cell(first) for column in columns)
    p_values = [row["p_value"] for row in found["claims"].values["rows"]]
    assert p_values == sorted(p_values) and len(p_values) == 17


def test_another_network_and_replaced_kernels_have_sections_with_all_their_rows(make_findings, rng, swap_results):
    kernels = {"noise": rng.normal(size=(60, 3, 3)), "edges": rng.normal(size=(30, 3, 3))}
    findings = make_findings(kernels, others=kernels, swap=swap_results)
    found = {section.name: section.values for section in sections(findings, {})}
    assert len(found) == len(MAKERS)
    compared, swapped = found["comparison"], found["swap"]
    assert len(compared["rows"]) == compared["tested"] == len(findings.differences) and compared["holding"] == 0
    assert all(column.cell(row) for row in compared["rows"] for column in compared["columns"])
    assert len(swapped["network"]) == 7 and len(swapped["units"]) == 2
    assert all(column.cell(row) for row in swapped["network"] for column in swapped["network_columns"])
    assert all(column.cell(row) for row in swapped["units"] for column in swapped["unit_columns"])
