"""TensorFlow starts without a word in a command, unless the user has asked for its log."""

import os
import subprocess
import sys

import pytest

CODE = "import os, sys; sys.argv[0] = {name!r}; import lsn_tf, tensorflow; os.write(2, b'heard')"


@pytest.mark.parametrize(
    ("name", "level", "silent"),
    [("/usr/bin/lsn-tf", None, True), ("-m", None, True), ("lsn-tf", "0", False), ("a_script.py", None, False)],
)
def test_tensorflow_starts_without_a_word_in_a_command_unless_the_user_has_set_a_level(name, level, silent):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": level} if level else {}
    process = subprocess.run(
        [sys.executable, "-c", CODE.format(name=name)], capture_output=True, check=True, env=environment
    )
    assert process.stderr.endswith(b"heard") and (process.stderr == b"heard") == silent


def test_an_import_that_fails_raises_as_ever(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no library')")
    code = "import os, sys; os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None); sys.argv[0] = '-m'"
    code += f"; sys.path.insert(0, {str(tmp_path)!r})"
    command = [sys.executable, "-c", f"{code}; import lsn_tf, tensorflow"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 1 and process.stderr.endswith("ImportError: no library\n")
