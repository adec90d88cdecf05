"""The page of a report: its figures, and its sections as one HTML file."""

import pathlib

from lsn_tf.analysis.figures.style import saved, styled
from lsn_tf.pages.rendering import render
from lsn_tf.reports.contents import Contents
from lsn_tf.reports.dice_boxes import draw_boxes, draw_folds
from lsn_tf.reports.learning_curves import draw_curves
from lsn_tf.reports.paired_figure import draw_pairs
from lsn_tf.reports.report_sections import SECTIONS, Report

TEMPLATES = pathlib.Path(__file__).parent / "templates"
MOST_NAMED = 4  # models in the title
FIGURES = {"boxes": draw_boxes, "folds": draw_folds, "pairs": draw_pairs, "curves": draw_curves}


def page(report: Report) -> str:
    """Returns the page."""
    contents = report.contents
    with styled():
        figures = {name: draw(contents) for name, draw in FIGURES.items()}
        pictures = {name: saved(figure, "svg") for name, figure in figures.items() if figure is not None}
        sections = [section(report, pictures) for section in SECTIONS]
    return render(TEMPLATES, _title(contents), _subtitle(contents), sections, skip_to="outcome")


def _title(contents: Contents) -> str:
    data = "synthetic data" if contents.synthetic else contents.dataset
    models = contents.models
    named = ", ".join(models) if len(models) <= MOST_NAMED else f"{len(models)} models"
    return f"Segmentation of the {contents.target}: {named} on {data}"


def _subtitle(contents: Contents) -> str:
    done, runs = len(contents.done), len(contents.runs)
    folds, scans = ", ".join(map(str, contents.folds)), len(contents.fold_of)
    return f"{done} of {runs} runs finished, held out: fold {folds}; {scans} scans of {contents.dataset}"
