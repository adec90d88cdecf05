"""The contract of every command: exit codes, one line for bad input, --json, --help."""

import json
import subprocess
import sys

import pytest

COMMAND = '''
"""Adds.

    python add.py --terms=1,2
"""
from absl import flags
from lsn_tf import common_flags

def main():
    if flags.FLAGS.broken:
        raise RuntimeError("the adder\\nbroke.")
    return {"sum": sum(int(term) for term in flags.FLAGS.terms)}

def define_flags():
    flags.DEFINE_list("terms", [], "What to add.")
    flags.DEFINE_bool("broken", False, "Fails.")

common_flags.run_command(main, define_flags, __doc__, lambda result: print("the sum is", result["sum"]))
'''


@pytest.fixture
def run(tmp_path):
    (tmp_path / "add.py").write_text(COMMAND)
    return lambda *arguments: subprocess.run(
        [sys.executable, str(tmp_path / "add.py"), *arguments], capture_output=True, text=True, check=False
    )


def test_a_command_that_is_done_exits_with_0(run):
    process = run("--terms=1,2")
    assert (process.returncode, process.stdout, process.stderr) == (0, "the sum is 3\n", "")


def test_json_is_the_last_line_of_standard_output(run):
    assert json.loads(run("--terms=1,2", "--json").stdout.splitlines()[-1]) == {"sum": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--terms=1,x",), "add: invalid literal for int() with base 10: 'x'"),
        (("--term=1",), "add: Unknown command line flag 'term'"),
        (("1", "2"), "add: expected flags only. Received '1 2'. See --help."),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(run, arguments, message):
    process = run(*arguments)
    assert process.returncode == 2 and process.stdout == ""
    assert process.stderr.startswith(message) and process.stderr.count("\n") == 1


def test_a_failure_gets_one_line_and_exit_code_1(run):
    process = run("--broken")
    assert (process.returncode, process.stderr) == (1, "add: the adder broke.\n")


def test_help_shows_the_docstring_and_the_flags(run):
    process = run("--help")
    assert process.returncode == 0 and process.stderr == ""
    for text in ("python add.py --terms=1,2", "--terms: What to add.", "--json", "--quiet"):
        assert text in process.stdout
