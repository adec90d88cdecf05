"""Measures how fast the solver converges, and writes what docs/convergence.md shows: its tables, numbers and picture.

    python docs/convergence.py

Needs the tools to compare with, and matplotlib: pip install -e '.[test]'.
"""

import dataclasses
import json
import pathlib
import re

import numpy as np

from lsn_tf.studies.comparison import comparisons
from lsn_tf.studies.convergence import AREA, DIFFERENCE, DISTANCE, FRONT, PHI, TIME, studies
from lsn_tf.studies.refinement import Study

PAGE = pathlib.Path(__file__).with_suffix(".md")
PANELS = {  # title: how the problems in it begin, and which of their errors
    "Expanding and shrinking circle": (("circle that expands", "circle that shrinks"), PHI),
    "Expanding and shrinking sphere": (("sphere that expands", "sphere that shrinks"), PHI),
    "Transported circle": (("circle that is transported",), PHI),
    "Collapse by mean curvature": (("circle that collapses", "sphere that collapses"), PHI),
    "Reinitialisation": (("distorted",), DISTANCE, FRONT),
    "Arrival time": (("arrival time",), TIME),
    "Zalesak's disc, one turn": (("Zalesak",), AREA),
    "Zalesak's disc, one turn ": (("Zalesak",), DIFFERENCE),
}
HUES = {  # how a method begins: its colour
    "first order, ": "#31688e",
    "ENO2": "#35b779",
    "WENO5": "#440154",
    "central": "#440154",
    "monotone": "#31688e",
    "first-order": "#31688e",
    "fast sweeping": "#440154",
    "fast marching, order 1": "#31688e",
    "fast marching, order 2": "#35b779",
}


def convergence_table(rows: list[Study]) -> str:
    """Returns a row of Markdown for each study."""
    lines = ["| problem | method | error | pixel (mm) | error on each grid | stated | observed |", "|---|" + "---|" * 6]
    for row in rows:
        pixel, ks = ", ".join(f"{h:g}" for h in row.pixel_mm), ", ".join(f"{k:g}" for k in row.refinements)
        errors, stated = ", ".join(map(_number, row.errors)), row.stated_order or "none"
        grid = f"({pixel}) / {ks}"
        cells = (row.problem, row.method, row.error, grid, errors, stated, f"{row.observed_order:.2f}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def comparison_table(rows: list[Study]) -> str:
    """Returns a row of Markdown for each problem, error and grid, with the smallest error in bold."""
    tools = list(dict.fromkeys(row.method for row in rows))
    lines = [f"| problem | error | pixel (mm) | {' | '.join(tools)} |", "|---|---|---|" + "---|" * len(tools)]
    for problem, error in dict.fromkeys((row.problem, row.error) for row in rows):
        group = {row.method: row for row in rows if (row.problem, row.error) == (problem, error)}
        first = next(iter(group.values()))
        pixel = ", ".join(f"{h:g}" for h in first.pixel_mm)
        for n, k in enumerate(first.refinements):
            least = min(row.errors[n] for row in group.values())
            cells = [_cell(group[tool].errors[n], least) if tool in group else "" for tool in tools]
            lines.append(f"| {problem} | {error} | ({pixel}) / {k:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(error: float, least: float) -> str:
    return f"**{_number(error)}**" if error == least else _number(error)


def _number(error: float) -> str:
    return f"{error:.0f}" if error >= 10 else f"{error:.2g}"


def write(measured: dict[str, list[Study]]) -> None:
    """Writes the numbers, and the tables between their marks in the page."""
    numbers = {
        name: [dataclasses.asdict(row) | {"observed_order": row.observed_order} for row in rows]
        for name, rows in measured.items()
    }
    PAGE.with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")
    page = PAGE.read_text()
    for name, table in tables(measured).items():
        page = re.sub(
            f"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m, t=table: m[1] + t + "\n" + m[2], page, flags=re.S
        )
    PAGE.write_text(page)


def read() -> dict[str, list[Study]]:
    """Returns what `write` has written."""
    numbers = json.loads(PAGE.with_suffix(".json").read_text())
    fields = [field.name for field in dataclasses.fields(Study)]
    return {name: [Study(*_tuples(row[field] for field in fields)) for row in rows] for name, rows in numbers.items()}


def _tuples(values):
    return [tuple(value) if isinstance(value, list) else value for value in values]


def tables(measured: dict[str, list[Study]]) -> dict[str, str]:
    return {
        "studies": convergence_table(measured["studies"]),
        "comparisons": comparison_table(measured["comparisons"]),
    }


def draw(rows: list[Study]) -> None:
    """Draws the errors over the pixel size, and dotted the slope of each stated order."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(15, 10), layout="constrained")
    for axis, (title, (starts, *errors)) in zip(axes.flat, PANELS.items(), strict=True):
        for row in rows:
            if row.problem.startswith(starts) and row.error in errors and "Osher" not in row.method:
                _plot(axis, row)
        axis.set_title(title.strip(), fontsize=12)
        axis.set_ylabel(" or ".join(errors), fontsize=10)
        _label_pixels(axis)
        axis.grid(which="major", alpha=0.3)
        axis.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False)
    figure.savefig(PAGE.with_suffix(".png"), dpi=100)
    plt.close(figure)


def _plot(axis, row: Study) -> None:
    pixels = np.prod(row.pixel_mm) ** (1 / len(row.pixel_mm)) / np.array(row.refinements)
    hue = next(hue for start, hue in HUES.items() if row.method.startswith(start))
    dashed = any(word in row.problem for word in ("shrinks", "sphere that collapses", "distorted sphere", "a sphere"))
    style = {"linestyle": "--" if dashed else "-", "markerfacecolor": "white" if row.error == FRONT else hue}
    axis.loglog(pixels, row.errors, "o", color=hue, markersize=5, label=_label(row), **style)
    if row.stated_order:
        axis.loglog(pixels, row.errors[0] * (pixels / pixels[0]) ** row.stated_order, ":", color="black", linewidth=0.8)


def _label(row: Study) -> str:
    """Names a line in the legend of its panel, with its observed and its stated order."""
    method = row.method.split(", TVD")[0].split(", ring")[0].removesuffix(", Euler").removesuffix(", Godunov")
    kinds = ("expands", "shrinks", "sphere", "circle") if "transported" not in row.problem else ()
    kind = next((word for word in kinds if word in row.problem), "")
    if row.error in (DISTANCE, FRONT):
        method = row.error.removesuffix(", mm")
    stated = f" (stated {row.stated_order})" if row.stated_order else ""
    return f"{', '.join(word for word in (method, kind) if word)}: {row.observed_order:.2f}{stated}"


def _label_pixels(axis) -> None:
    low, high = axis.get_xlim()
    ticks = [h for h in (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5) if low <= h <= high]
    axis.set_xticks(ticks, [f"{h:g}" for h in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("pixel size (geometric mean), mm", fontsize=10)


def main() -> None:
    measured = {"studies": studies(), "comparisons": comparisons()}
    write(measured)
    draw(measured["studies"])


if __name__ == "__main__":
    main()
