"""Cells of the tables are numbers that can be read."""

import pytest

from lsn_tf.pages.page_parts import Column


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Column("x", "x", ".1f", scale=100), 0.0156, "1.6"),
        (Column("x", "x", ",d"), 14608, "14,608"),
        (Column("x", "x", ".3f"), "", "–"),
        (Column("x", "x", ".3f"), None, "–"),
        (Column("x", "x", ".2g"), 5.2e-5, "5.2e-05"),
        (Column("x", "x", "+.4f"), -0.0371, "\N{MINUS SIGN}0.0371"),
        (Column("x", "x"), "conv", "conv"),
        (Column("x", "x"), "-conv", "-conv"),
    ],
)
def test_a_cell_is_its_value_in_the_form_of_its_column(column, value, text):
    assert column.cell({"x": value}) == text
