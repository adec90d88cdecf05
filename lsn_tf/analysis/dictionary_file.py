"""Named kernels of one's own, from a small JSON or TOML file.

[[kernel]]                                  {"kernel": [{
name = "ridge"                                "name": "ridge",
family = "mine"                               "family": "mine",
kernel = [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]   "kernel": [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]}]}
"""

import json
import math
import pathlib
import tomllib

import numpy as np

from lsn_tf.analysis.dictionary import NamedKernel

PARSERS = {".json": json.loads, ".toml": tomllib.loads}
MOST_BYTES = 1_000_000
WIDEST = 15  # pixels


def read_dictionary(path: str | pathlib.Path) -> tuple[NamedKernel, ...]:
    """Returns the named kernels of a file, in its order; add them to `named_kernels()`.

    Raises:
        ValueError: in one line that names the file and what is wrong with it.
    """
    path = pathlib.Path(path)
    if path.suffix not in PARSERS:
        raise ValueError(f"a dictionary must be a .json or .toml file. Received {str(path)!r}.")
    if not path.is_file():
        raise ValueError(f"a dictionary must be a file. There is none at {str(path)!r}.")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} must have at most {MOST_BYTES} bytes. It has {path.stat().st_size}.")
    try:
        content = PARSERS[path.suffix](path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} must be {path.suffix[1:].upper()} in UTF-8: {_line(error)}.") from None
    entries = content.get("kernel") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path} must have a list 'kernel' of tables with name, family and kernel. It has none.")
    kernels = tuple(_entry(entry, f"{path}, kernel {number}") for number, entry in enumerate(entries, start=1))
    names = [kernel.name for kernel in kernels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: names must be unique. Received twice: {twice}.")
    return kernels


def _entry(entry: object, place: str) -> NamedKernel:
    if not isinstance(entry, dict) or entry.keys() != {"name", "family", "kernel"}:
        keys = sorted(entry) if isinstance(entry, dict) else type(entry).__name__
        raise ValueError(f"{place} must have name, family and kernel, no more. Received {keys}.")
    for key in ("name", "family"):
        if not isinstance(entry[key], str) or not entry[key].strip() or not entry[key].isprintable():
            raise ValueError(f"{place}: {key} must be a text of one line. Received {entry[key]!r}.")
    return NamedKernel(entry["name"], entry["family"], _kernel(entry["kernel"], f"{place} ({entry['name']})"))


def _kernel(rows: object, place: str) -> np.ndarray:
    shape, weights = _unpacked(rows)
    if len(shape) not in (2, 3) or len(set(shape)) != 1 or shape[0] % 2 == 0 or shape[0] > WIDEST:
        raise ValueError(
            f"{place}: kernel must be as many rows as columns, in space as many planes, an odd number of at most "
            f"{WIDEST}."
        )
    if not all(type(weight) in (int, float) and abs(weight) < 1e30 for weight in weights):  # NaN fails as well
        raise ValueError(f"{place}: kernel must be finite numbers. Received {rows}.")
    if math.hypot(*weights) < 1e-30:
        raise ValueError(f"{place}: kernel must not be 0.")
    return np.array(weights, np.float64).reshape(shape)


def _unpacked(lists: object) -> tuple[tuple[int, ...], list]:
    """Returns shape and elements of lists of lists of equal length; the shape is empty where lengths differ."""
    shape, level = [], [lists]
    while level and all(isinstance(part, list) and len(part) == len(level[0]) for part in level):
        shape.append(len(level[0]))
        level = [part for parts in level for part in parts]
    ragged = any(isinstance(part, list) for part in level)
    return () if ragged else tuple(shape), level


def _line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
