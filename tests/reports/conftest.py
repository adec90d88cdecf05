"""Runs as files, for the tests of the reports."""

import functools

import pytest
from run_files import write_run


@pytest.fixture
def make_run(tmp_path):
    """Returns a function that writes a run and returns its folder, see `write_run`."""
    return functools.partial(write_run, tmp_path)
