"""The folder of a run: every file name, once. Each stage reads what an earlier one has written here."""

import csv
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

_CHUNK_BYTES = 1 << 20


class RunDir:
    """The artefacts of one training run."""

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self.config = self.path / "config.json"
        self.history = self.path / "history.csv"
        self.model = self.path / "model.keras"
        self.results = self.path / "results.json"
        self.dice = self.path / "dice.csv"
        self.certificate = self.path / "certificate.json"
        self.saved_models = self.path / "saved_model"
        self.onnx = self.path / "model.onnx"
        self.parity = self.path / "parity.json"
        self.failure = self.path / "failure.json"
        self.state = self.path / "state"
        self.tensorboard = self.path / "tensorboard"

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def saved_model(self) -> pathlib.Path:
        """The SavedModel of the highest version, or where the first will be."""
        return newest_version(self.saved_models) or self.saved_models / "1"

    @property
    def next_saved_model(self) -> pathlib.Path:
        """Where the next SavedModel goes. Servers watch for higher versions, and keep to one that they have loaded."""
        return self.saved_models / str(1 + max(_numbers(self.saved_models), default=0))

    def read_config(self, *needed: str) -> dict[str, Any]:
        """Returns config.json.

        Args:
            needed: names that it must hold.

        Raises:
            FileNotFoundError: if there is none; it says how to make a run.
            ValueError: if it is damaged, or lacks what is needed.
        """
        if not self.config.is_file():
            raise FileNotFoundError(
                f"expected the folder of a training run, with {self.config.name} in it. Received {self.path}. "
                f"Make one with: python -m lsn_tf.train --run_dir={self.path}"
            )
        config = read_json(self.config)
        if missing := [name for name in needed if name not in config]:
            raise ValueError(
                f"{self.config}: expected the config of a training run, with {', '.join(missing)}. Received one "
                "without. Copy the run again, or train it again."
            )
        return config


def newest_version(folder: pathlib.Path) -> pathlib.Path | None:
    """Returns the highest of the numbered SavedModels in a folder; None if there is none."""
    whole = [number for number in _numbers(folder) if (folder / str(number) / "saved_model.pb").is_file()]
    return folder / str(max(whole)) if whole else None


def _numbers(folder: pathlib.Path) -> list[int]:
    """Returns the numbers among the names in a folder, as TensorFlow Serving reads versions."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [int(name) for name in names if re.fullmatch("0|[1-9][0-9]*", name)]


def file_name(model: str) -> str:
    """Returns the description of a model as part of a file name: "lsn:width=8" becomes "lsn-width-8"."""
    return re.sub(r"[^\w.]+", "-", model)


@contextmanager
def replaced(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a temporary path beside `path` that takes its place on success: readers never see half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Returns the object in a JSON file. Raises ValueError, naming the file, if it does not hold one."""
    try:
        value = json.loads(path.read_text())
    except ValueError as error:  # of JSON or of UTF-8
        raise ValueError(f"{path}: expected a JSON object. Received {error}. Copy or make the file again.") from error
    if not isinstance(value, dict):
        received = type(value).__name__
        raise ValueError(f"{path}: expected a JSON object. Received a {received}. Copy or make the file again.")
    return value


def write_json(path: pathlib.Path, value: Mapping[str, Any]) -> None:
    """Writes an object as JSON, atomically."""
    with replaced(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def write_csv(path: pathlib.Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows with equal keys as CSV, atomically."""
    with replaced(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sha256_of(*paths: str | os.PathLike) -> str:
    """Returns the SHA-256 of what files hold, one after the other; of one file it is what sha256sum says."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Returns the versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def machine() -> str:
    """Returns processor, cores and versions of this machine, for results that came from it."""
    cpu = pathlib.Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", cpu.read_text()) if cpu.is_file() else []
    processor = names[0] if names else platform.processor() or platform.machine()
    keras = importlib.metadata.version("keras")
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, Keras {keras}"
