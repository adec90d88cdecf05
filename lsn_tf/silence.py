"""Commands start without a word of TensorFlow's: its C++ greets whatever its log level says, as it does since 2.19."""

import contextlib
import importlib.abc
import importlib.util
import os
import pathlib
import sys
from collections.abc import Iterator


class _SilentImport(importlib.abc.MetaPathFinder):
    """Finds TensorFlow where Python does, and lets it start with standard error closed."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec and spec.loader:
            start = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _silently(start, module)
        return spec


def is_command() -> bool:
    """Whether this is `lsn-tf` or `python -m`; to those who import the package TensorFlow may say what it likes."""
    return pathlib.Path(next(iter(getattr(sys, "argv", [])), "")).name in ("lsn-tf", "-m")


def import_tensorflow_silently() -> None:
    """Lets the first import of TensorFlow, whoever it is that imports it, write nothing to standard error."""
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _SilentImport())


def _silently(start, module) -> None:
    with _standard_error_closed():
        start(module)


@contextlib.contextmanager
def _standard_error_closed() -> Iterator[None]:
    """Sends what C++ writes to standard error nowhere; Python's own errors are raised, not written."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
