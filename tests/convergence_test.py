"""docs/convergence.md is true: measured again, every order is the stated one and no peer is nearer than we are."""

import runpy

import numpy as np
import pytest
from source_tree import ROOT

from lsn_tf.studies import comparison, convergence

pytest.importorskip("skfmm")
pytest.importorskip("skimage")

PAGE = runpy.run_path(str(ROOT / "docs/convergence.py"))
WRITTEN = PAGE["read"]()


@pytest.fixture(scope="module")
def studies():
    return convergence.studies()


@pytest.fixture(scope="module")
def comparisons():
    pytest.importorskip("SimpleITK")
    return comparison.comparisons()


def test_every_observed_order_is_the_stated_one(studies):
    far = {
        (row.problem, row.method, row.error): row.observed_order
        for row in studies
        if row.stated_order is not None and not abs(row.observed_order - row.stated_order) <= 0.2
    }
    assert not far


def test_only_shapes_with_corners_and_starts_of_lower_order_have_no_stated_order(studies):
    without = {(row.problem.split()[0], row.method) for row in studies if row.stated_order is None}
    zalesak = {("Zalesak's", method) for method in convergence.UPWIND}
    assert without == zalesak | {("arrival", "fast marching, order 2")}


def test_the_written_errors_are_those_measured(studies, comparisons):
    for name, measured in {"studies": studies, "comparisons": comparisons}.items():
        assert [what(row) for row in WRITTEN[name]] == [what(row) for row in measured]
        for written, row in zip(WRITTEN[name], measured, strict=True):
            np.testing.assert_allclose(written.errors, row.errors, rtol=0.01, err_msg=str(what(row)))


def what(row):
    return row.problem, row.method, row.error, row.stated_order, row.pixel_mm, row.refinements


def test_the_tables_are_the_written_numbers():
    page = (ROOT / "docs/convergence.md").read_text()
    for name, table in PAGE["tables"](WRITTEN).items():
        assert f"<!-- {name} -->\n{table}\n<!-- end -->" in page, f"{name}: run `python docs/convergence.py`"


def test_none_is_nearer_than_our_method_of_highest_order(comparisons):
    problems = {(row.problem, row.error) for row in comparisons}
    assert len(problems) == 13
    for problem in problems:
        ours, peers = {}, {}
        for row in comparisons:
            if (row.problem, row.error) == problem:
                (ours if row.method.startswith("lsn_tf") else peers)[row.method] = row.errors
        assert peers
        highest = ours[max(ours)]
        nearer = {name: errors for name, errors in peers.items() if np.any(np.less(errors, highest))}
        assert not nearer, f"{problem}: {nearer} against {highest}"


def test_the_first_order_is_nearer_than_simple_itk(comparisons):
    balls = [row for row in comparisons if "V =" in row.problem]
    errors = {(row.problem, row.error, row.method): row.errors for row in balls}
    for problem, error in {(row.problem, row.error) for row in balls}:
        assert np.all(np.less(errors[problem, error, "lsn_tf, order 1"], errors[problem, error, "SimpleITK"]))
