"""`lsn-tf VERB` is `python -m lsn_tf.VERB`: the same flags, output and exit code; --help imports nothing heavy."""

import configparser
import subprocess
import sys

import pytest
from source_tree import ROOT, is_verb, sources

from lsn_tf import commands

CODE = "import sys; from lsn_tf.commands import main; sys.argv[0] = 'lsn-tf'; main()"


def lsn_tf(*arguments):
    command = [sys.executable, "-c", CODE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_verbs_are_the_modules_with_a_main_and_each_says_what_it_does():
    wanted = {path.removeprefix("lsn_tf/").removesuffix(".py") for path in sources("lsn_tf") if is_verb(path)}
    assert commands.verbs().keys() == wanted
    assert all(sentence.endswith(".") for sentence in commands.verbs().values())


def test_the_console_script_is_this_function():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["options.entry_points"]["console_scripts"].strip() == "lsn-tf = lsn_tf.commands:main"


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_help_lists_every_verb(arguments):
    process = lsn_tf(*arguments)
    assert process.returncode == 0 and process.stderr == ""
    assert all(f"\n  {verb} " in process.stdout for verb in commands.verbs())


def test_an_unknown_verb_gets_one_line_and_exit_code_2():
    process = lsn_tf("segment", "--input=a")
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("lsn-tf: expected one of analyze, ") and process.stderr.count("\n") == 1


def test_help_imports_no_framework():
    code = "import sys; from lsn_tf.commands import overview; overview()"
    code += "; print(*sys.modules.keys() & {'absl', 'keras', 'numpy', 'tensorflow'})"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert process.stdout.strip() == ""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("arrays", "--help"), ("arrays", "--no_such_flag=1"), ("arrays", "more")])
def test_a_verb_answers_as_it_does_by_itself(arguments):
    verb, *flags = arguments
    alone = [sys.executable, "-m", f"lsn_tf.{verb}", *flags]
    expected = subprocess.run(alone, capture_output=True, text=True, check=False, cwd=ROOT)
    process = lsn_tf(*arguments)
    assert (process.returncode, process.stdout, process.stderr) == (
        expected.returncode,
        expected.stdout,
        expected.stderr,
    )
