"""Files of every format, changed at random: the reader ends with layers or in one line, runs nothing, and stays small.

What is changed lies within archives too, under checksums that fit, so that it reaches the parsers. A few examples each
by default; FUZZ_EXAMPLES=1000 python -m pytest tests/analysis/mutated_files_test.py tries more.
"""

import contextlib
import io
import json
import os
import pathlib
import shutil
import sys
import tempfile
import tracemalloc
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsn_tf.analysis.formats.stored import ModelFileError
from lsn_tf.analysis.kernels import read_layers
from lsn_tf.studies.saved_formats import FORMATS

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
MOST_BYTES = 64 * 2**20  # of Python's memory, for files of less than 1 MB
MOST_CALLS = 2_000_000  # of functions: the whole files take less than a tenth
ARCHIVES = (".keras", ".npz")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
FORBIDDEN = ("exec", "ctypes.", "marshal.", "os.", "pickle.", "shutil.", "socket.", "subprocess.", "winreg.")
ALLOWED = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")

BYTES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.sampled_from(["flip", "cut", "insert", "end"]), st.binary(min_size=1)
    ),
    min_size=1,
    max_size=8,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


class Endless(BaseException):
    """More calls than a file of this size can need; no Exception, so that the reader does not take it for damage."""


class Watch:
    """What Python's audit hook saw while it is on."""

    def __init__(self):
        self.events: list[str] | None = None
        self._temporary = tempfile.gettempdir()
        sys.addaudithook(self._hook)  # which stays until the process ends

    def _hook(self, event, arguments):
        if self.events is None:
            return
        if event in ("open", "os.remove"):
            harmless = not arguments[-1] & WRITES if event == "open" else False
            if not harmless and not self._is_temporary(arguments[0]):
                self.events.append(f"{event} {arguments}, not only to read")
        elif event.startswith(FORBIDDEN) and event not in ALLOWED:
            self.events.append(f"{event} {arguments}")

    def _is_temporary(self, path):
        """Tells whether this is tempfile.TemporaryFile: without a name, or gone when it is closed."""
        return isinstance(path, int) or self._temporary in (os.fspath(path), os.path.dirname(path))


@pytest.fixture(scope="module")
def watch():
    return Watch()


@contextlib.contextmanager
def bounded(watch, most_calls=MOST_CALLS):
    """Fails if what runs within does anything but read, or takes too much memory or too many calls."""
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1
        if calls > most_calls:
            sys.setprofile(None)
            raise Endless

    watch.events = []
    tracemalloc.start()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        events, watch.events = watch.events, None
    assert events == [] and peak < MOST_BYTES


def changed(content: bytes, changes) -> bytes:
    content = bytearray(content)
    for place, change, value in changes:
        at = int(place * len(content))
        if change == "flip":
            content[at : at + len(value)] = value
        elif change == "insert":
            content[at:at] = value
        else:
            del content[at : at + len(value) if change == "cut" else None]
    return bytes(content)


def with_another_value(content: bytes, place: float, value, key: str | None) -> bytes:
    """Returns JSON in which one value is another, or has another key."""
    tree = json.loads(content)
    spots = list(_spots(tree))
    parent, name = spots[int(place * len(spots))]
    if key is not None and isinstance(parent, dict):
        parent[key] = parent.pop(name)
    else:
        parent[name] = value
    return json.dumps(tree).encode()


def _spots(tree):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in list(items):
        yield tree, name
        yield from _spots(value)


def parts_of(path: pathlib.Path) -> list[str]:
    """Returns what can be changed of a model: its files, or the archive and its members."""
    if path.is_dir():
        return sorted(str(part.relative_to(path)) for part in path.rglob("*") if part.is_file())
    return ["", *zipfile.ZipFile(path).namelist()] if path.suffix in ARCHIVES else [""]


def content_of(path: pathlib.Path, part: str) -> bytes:
    if part and not path.is_dir():
        return zipfile.ZipFile(path).read(part)
    return (path / part).read_bytes() if part else path.read_bytes()


def write_changed(source: pathlib.Path, target: pathlib.Path, part: str, content: bytes) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
        (target / part).write_bytes(content)
    elif not part:
        target.write_bytes(content)
    else:
        stream = io.BytesIO()
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(stream, "w") as new:
            for name in old.namelist():
                new.writestr(name, content if name == part else old.read(name))
        target.write_bytes(stream.getvalue())


@st.composite
def mutations(draw, path: pathlib.Path) -> tuple[str, bytes]:
    """Draws a part of a model and its changed content."""
    part = draw(st.sampled_from(parts_of(path)))
    content = content_of(path, part)
    if part.endswith(".json") and draw(st.booleans()):
        place, value = draw(st.floats(0, 1, exclude_max=True)), draw(VALUES)
        return part, with_another_value(content, place, value, draw(st.none() | st.text(max_size=8)))
    return part, changed(content, draw(BYTES))


@pytest.mark.parametrize("form", FORMATS)
def test_a_changed_file_ends_in_layers_or_in_one_line(planted, form, watch, tmp_path):
    source, target = planted.files[form], tmp_path / planted.files[form].name
    whole = list(read_layers(source))  # imports what it needs
    with bounded(watch):
        assert len(list(read_layers(source))) == len(whole) == len(planted.kernels)

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(mutations(source))
    def read(mutation):
        write_changed(source, target, *mutation)
        with bounded(watch):
            try:
                layers = list(read_layers(target))
                assert layers and all(layer.kernel.nbytes < MOST_BYTES for layer in layers)
            except ModelFileError as error:
                line = str(error)
                assert line.startswith(f"{target}: ") and "\n" not in line and len(line) < 700

    read()


def test_the_watch_sees_what_is_forbidden(watch, tmp_path):
    """So an empty list of events means something."""
    for forbidden in (lambda: os.system("true"), lambda: (tmp_path / "new").write_text(""), lambda: exec("1")):  # noqa: S102, S605
        with pytest.raises(AssertionError), bounded(watch):
            forbidden()
    with pytest.raises(AssertionError), bounded(watch):
        bytearray(2 * MOST_BYTES)
    with pytest.raises(Endless), bounded(watch, most_calls=100):
        for _ in range(200):
            abs(1)
