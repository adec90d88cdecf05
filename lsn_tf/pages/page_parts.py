"""Sections of a page and columns of its tables, as templates take them."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

Pictures = Mapping[str, bytes]  # SVG by name


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: of the anchor and of its template, `NAME.html`.
        title: its heading, as in the list of contents.
        values: of the template.
    """

    name: str
    title: str
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: of its value in a row.
        title: of its header.
        form: of its numbers; "" for text.
        help: what it means, shown at the header.
        scale: that numbers are multiplied by, 100 for per cent.
    """

    key: str
    title: str
    form: str = ""
    help: str = ""
    scale: float = 1.0

    def cell(self, row: Mapping[str, Any]) -> str:
        """Returns the value of a row as text, "–" where there is none; the sign of a number is a true minus."""
        value = row[self.key]
        if value is None or value == "":
            return "–"
        text = format(value * self.scale if self.scale != 1 else value, self.form)
        return text.replace("-", "\N{MINUS SIGN}", 1) if self.form and text.startswith("-") else text


def some(pictures: Pictures, names: Iterable[str]) -> dict[str, bytes]:
    """Returns those of the pictures that are named, in the order of the names."""
    return {name: pictures[name] for name in names if name in pictures}
