"""What every format has in common: a convolution that is still in its file, and how a bad file is named."""

import contextlib
import dataclasses
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

LARGEST_ARRAY = 2**29  # bytes of one kernel; the first fully convolutional layer of VGG-16 has 411 MB
LONGEST_LINE = 400  # characters of a message: names in a hostile file may be long
LARGEST_SIDE = 15  # pixels: beyond it, equal leading axes of an unnamed array are not taken for a kernel's


class ModelFileError(ValueError):
    """A model file that cannot be read; its one line names the file, what was expected, and what came."""


@dataclasses.dataclass(frozen=True)
class StoredConvolution:
    """A convolution whose kernel has not been read yet.

    Attributes:
        name: of the layer, nested models joined by "/".
        kind: one of `kernels.KINDS`.
        stage: one of `kernels.STAGES`, "" where the graph does not show it.
        load: reads the kernel, (*spatial, input, output); of depthwise ones (*spatial, input, multiplier).
        groups: of channels that do not see each other.
    """

    name: str
    kind: str
    stage: str
    load: Callable[[], np.ndarray]
    groups: int = 1


def is_square(shape: Sequence[int]) -> bool:
    """Tells whether the kernels of this shape, (*spatial, input, output), are squares or cubes of several pixels."""
    spatial = tuple(shape)[:-2]
    return len(spatial) in (2, 3) and len(set(spatial)) == 1 and 1 < spatial[0] <= LARGEST_SIDE


def check_size(what: str, shape: Sequence[int], itemsize: int, available: int) -> int:
    """Returns the bytes of an array, before anything of that size is allocated.

    Raises:
        ModelFileError: if a side is negative, the array is larger than `LARGEST_ARRAY`, or than the bytes available.
    """
    size = math.prod(shape) * itemsize
    if min(shape, default=0) < 0 or size > LARGEST_ARRAY:
        raise ModelFileError(f"kernel {what!r} must have at most {LARGEST_ARRAY} bytes. Received shape {tuple(shape)}.")
    if size > available:
        raise ModelFileError(f"kernel {what!r} must have {size} bytes for shape {tuple(shape)}. Received {available}.")
    return size


def as_float(what: str, values: np.ndarray) -> np.ndarray:
    """Returns a kernel in its own type and this machine's byte order, bfloat16 as float32, which holds it exactly."""
    if values.dtype.name == "bfloat16":
        return values.astype(np.float32)
    if values.dtype.kind != "f":
        raise ModelFileError(f"kernel {what!r} must hold floating point numbers. Received {values.dtype}.")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def inside(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the path of a regular file in a folder.

    Raises:
        ModelFileError: if there is none, or it lies outside of the folder, whether by its name or by a symbolic link.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ModelFileError(f"all files of the model must lie in its folder. Received {name!r}, which points outside.")
    if not path.is_file():
        raise ModelFileError(f"the model must have a file {name!r}. Received a folder without it.")
    return path


@contextlib.contextmanager
def as_model_file_error(path: str | os.PathLike) -> Iterator[None]:
    """Turns whatever a parser raises on a damaged file into one line, MemoryError and RecursionError included."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {_one_line(error)}") from error.__cause__
    except Exception as error:
        reason = _one_line(f"{type(error).__name__}: {error}")
        raise ModelFileError(
            f"{path}: expected a complete model file. Received {reason}. Save or copy the model again."
        ) from error


def _one_line(message: object) -> str:
    line = " ".join(f"{message}".split())
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …"
