"""Figures as the sections of the page take them."""

from collections.abc import Iterable, Mapping

Pictures = Mapping[str, bytes]  # SVG by name


def some(pictures: Pictures, names: Iterable[str]) -> dict[str, bytes]:
    """Returns those of the pictures that are named, in the order of the names."""
    return {name: pictures[name] for name in names if name in pictures}
