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
    if "stop" in flags.FLAGS.terms:
        exec("raise KeyboardInterrupt")  # a signal while a namedtuple is made
    if flags.FLAGS.broken:
        raise RuntimeError("the adder\\nbroke.")
    if "z" in flags.FLAGS.terms:
        raise common_flags.InputError("no number z.", [{"input": "z", "reason": "no number z."}])
    return {"sum": sum(int(term) for term in flags.FLAGS.terms)}

def define_flags():
    flags.DEFINE_list("terms", [], "What to add.")
    flags.DEFINE_bool("broken", False, "Fails.")
    flags.DEFINE_multi_string("word", [], "Repeatable.")
    flags.DEFINE_string("one", None, "Not repeatable.")

POSITIONAL = None
common_flags.run_command(
    main, define_flags, __doc__, lambda result: print("the sum is", result["sum"], *flags.FLAGS.word), POSITIONAL
)
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


def test_an_interruption_gets_one_line_and_exit_code_1_wherever_it_comes(tmp_path):
    (tmp_path / "add.py").write_text(COMMAND)
    command = [sys.executable, "-m", "add", "--terms=stop"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (process.returncode, process.stderr) == (1, "add: interrupted.\n")


@pytest.mark.parametrize(
    ("argument", "code", "reason"),
    [
        ("--broken", 1, {"reason": "the adder broke."}),
        ("--terms=x", 2, {"reason": "invalid literal for int() with base 10: 'x'"}),
        ("--terms=z", 2, {"reason": "no number z.", "failures": [{"input": "z", "reason": "no number z."}]}),
        ("more", 2, {"reason": "expected flags only. Received 'more'. See --help."}),
    ],
)
def test_a_failure_is_json_too_where_json_is_wanted(run, argument, code, reason):
    process = run(argument, "--json")
    assert process.returncode == code and process.stderr.count("\n") == 1
    assert json.loads(process.stdout.splitlines()[-1]) == {"status": "failed", **reason}


@pytest.mark.parametrize(
    ("flag", "arguments", "out", "err"),
    [
        ("word", ("a", "--terms=1", "b", "c"), "the sum is 1 a b c\n", ""),
        ("word", ("--word=a", "b"), "the sum is 0 a b\n", ""),
        ("one", ("a",), "the sum is 0\n", ""),
        ("one", ("a", "b"), "", "add: expected flags only. Received 'a b'. See --help.\n"),
    ],
)
def test_arguments_without_a_name_are_those_of_one_flag_as_many_as_it_takes(tmp_path, flag, arguments, out, err):
    (tmp_path / "add.py").write_text(COMMAND.replace("POSITIONAL = None", f"POSITIONAL = {flag!r}"))
    command = [sys.executable, str(tmp_path / "add.py"), *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.stdout, process.stderr) == (out, err)


def test_help_shows_the_docstring_and_the_flags(run):
    process = run("--help")
    assert process.returncode == 0 and process.stderr == ""
    for text in ("python add.py --terms=1,2", "--terms: What to add.", "--json", "--quiet"):
        assert text in process.stdout
