"""The section of the causal test: what the network still does with its kernels replaced, from swap.json."""

from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.swap_results import against_controls, of_units
from lsn_tf.analysis.swapping import label
from lsn_tf.pages.page_parts import Column, Pictures, Section, some

MINUS = "Dice with the replacement - Dice with the control, mean over the scans"
NETWORK_COLUMNS = (
    Column("order", "order", "", "Which kernels first: the most similar to a named one, or at random"),
    Column("share", "replaced, %", ".0f", "Of the kernels of all hidden convolutions", 100),
    Column("kernels", "kernels", ",d"),
    Column("epochs", "fine-tuned", "d", "Epochs for which all other weights were trained on"),
    Column("by", "by"),
    Column("dice", "Dice", ".3f", "Per scan, mean over the held-out scans"),
    Column("null", "null", ".3f", "Dice with the same kernels replaced by their null, mean over its draws"),
    Column("null_difference", "difference", "+.3f", MINUS),
    Column("null_low", "95 % from", "+.3f", "Bootstrap interval over the scans"),
    Column("null_high", "to", "+.3f", "Bootstrap interval over the scans"),
    Column("turned", "turned", ".3f", "Dice with the same replacement in a random frame of the weights"),
    Column("turned_difference", "difference", "+.3f", MINUS),
    Column("turned_low", "95 % from", "+.3f", "Bootstrap interval over the scans, of the frames that were drawn"),
    Column("turned_high", "to", "+.3f", "Bootstrap interval over the scans, of the frames that were drawn"),
)
UNIT_COLUMNS = (
    Column("unit", "unit"),
    Column("name", "name"),
    Column("kernels", "kernels", ",d"),
    Column("by", "by"),
    Column("dice", "Dice", ".3f", "Per scan, mean over the held-out scans"),
    Column("null", "null", ".3f", "Dice with the same kernels replaced by their null"),
)


def swap_section(findings: Findings, pictures: Pictures) -> Section | None:
    """Returns the section; None if no kernel was replaced."""
    if "swap" not in findings.summary:
        return None
    found = findings.summary["swap"]
    network, units = (
        [{**row, "by": label({**row, "control": ""})} for row in rows]
        for rows in (against_controls(found), of_units(found))
    )
    values = {
        "found": found,
        "network": network,
        "network_columns": NETWORK_COLUMNS,
        "units": units,
        "unit_columns": UNIT_COLUMNS,
        "pictures": some(pictures, ("swap",)),
    }
    return Section("swap", "With kernels replaced", values)
