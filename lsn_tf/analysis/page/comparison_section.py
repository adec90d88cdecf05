"""The section of two networks side by side, from the rows of compare.csv."""

from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.summary import row_of
from lsn_tf.pages.page_parts import Column, Pictures, Section, some

MOST_DIFFERENCES = 2_000  # rows of the table of the page
COLUMNS = (
    Column("level", "level"),
    Column("layer", "here"),
    Column("other_layer", "there"),
    Column("measure", "measure"),
    Column("value", "here", ".3f", "Share of the kernels, or mean over them"),
    Column("other_value", "there", ".3f", "The same in the other network"),
    Column("difference", "difference", "+.3f", "Here - there; of a divergence, that of both, in nats"),
    Column("interval_low", "95 % from", "+.3f", "Bootstrap interval of the difference, whole filters resampled"),
    Column("interval_high", "to", "+.3f", "Bootstrap interval of the difference, whole filters resampled"),
    Column("chance_high", "chance", ".3f", "95 % of permutations of the filters have at most this |difference|"),
    Column("p_value", "p", ".2g", "Of a |difference| as large, filters permuted"),
    Column("q_value", "q", ".2g", "p adjusted for the false discovery rate over all differences"),
    Column("holds", "holds"),
)


def comparison_section(findings: Findings, pictures: Pictures) -> Section | None:
    """Returns the section; None if there is no other network."""
    if "compare" not in findings.summary:
        return None
    compared = findings.summary["compare"]
    ordered = sorted(findings.differences, key=lambda difference: difference.p_value)
    rows = [
        {**row_of(difference), "holds": "yes" if difference.q_value < compared["hold_at_q"] else "no"}
        for difference in ordered[:MOST_DIFFERENCES]
    ]
    values = {
        "other": compared["model"],
        "matched": compared["layers_matched"],
        "tested": len(ordered),
        "holding": len(compared["differences"]),
        "q": compared["hold_at_q"],
        "rows": rows,
        "columns": COLUMNS,
        "pictures": some(pictures, ("comparison", "differences")),
    }
    return Section("comparison", "Beside another network", values)
