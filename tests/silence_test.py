"""TensorFlow starts without a word, unless the user has asked for its log."""

import os
import subprocess
import sys

import pytest

CODE = "import os, lsn_tf, tensorflow; os.write(2, b'heard')"


@pytest.mark.parametrize(("level", "silent"), [(None, True), ("0", False)])
def test_tensorflow_starts_without_a_word_unless_the_user_has_set_a_level(level, silent):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": level} if level else {}
    process = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True, env=environment)
    assert process.stderr.endswith(b"heard") and (process.stderr == b"heard") == silent


def test_an_import_that_fails_raises_as_ever(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no library')")
    code = f"import os, sys; os.environ.pop('TF_CPP_MIN_LOG_LEVEL', None); sys.path.insert(0, {str(tmp_path)!r})"
    command = [sys.executable, "-c", f"{code}; import lsn_tf, tensorflow"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 1 and process.stderr.endswith("ImportError: no library\n")
