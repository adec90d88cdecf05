"""What a client sends, nested lists or raw bytes -> the tensors that a signature takes, or a reason why not."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from kserve.errors import InvalidInput
from kserve.utils.numpy_codec import to_np_dtype

MOST_AXES = 8
MOST_IN_JSON = 2**24  # numbers of an answer, some 200 MB of text
NUMBERS = {int, float}


class TooLarge(InvalidInput):
    """Says that a request is well-formed but larger than this server takes."""


def from_lists(name: str, value: Any, most: int) -> np.ndarray:
    """Returns nested lists of numbers, as JSON has them, as an array of int64 or float64.

    Nothing else passes as a number, neither true nor "1"; memory is bounded by the lists' own.

    Args:
        name: of the tensor, for messages.
        value: a number, or lists of equal lengths, of lists or numbers.
        most: numbers at most.

    Raises:
        InvalidInput: if it is not that, or holds more numbers.
    """
    shape, values = [], [value]
    while values and type(values[0]) is list:
        lengths = {len(each) if type(each) is list else None for each in values}
        if len(lengths) > 1 or len(shape) == MOST_AXES:
            raise InvalidInput(f"{name}: expected lists of equal lengths, at most {MOST_AXES} deep.")
        shape += lengths
        check_size(name, math.prod(shape), most)
        values = list(itertools.chain.from_iterable(values))
    if others := set(map(type, values)) - NUMBERS:
        raise InvalidInput(f"{name}: expected numbers. Received {', '.join(sorted(kind.__name__ for kind in others))}.")
    try:
        array = np.array(values, np.float64 if float in set(map(type, values)) else np.int64)
    except OverflowError as error:
        raise InvalidInput(f"{name}: expected integers below 2^63.") from error
    return array.reshape(shape)


def from_bytes(name: str, content: memoryview, datatype: str, shape: Sequence[int]) -> np.ndarray:
    """Returns raw bytes, little-endian and row by row, as an array that shares them.

    Raises:
        InvalidInput: if there are more or fewer than datatype and shape say.
    """
    dtype = _dtype(name, datatype)
    if len(content) != (wanted := dtype.itemsize * _count(name, shape)):
        raise InvalidInput(f"{name}: expected {wanted} bytes for {datatype} {list(shape)}. Received {len(content)}.")
    return np.frombuffer(content, dtype).reshape(shape)


def shaped(name: str, array: np.ndarray, datatype: str, shape: Sequence[int]) -> np.ndarray:
    """Returns an array with the type and shape that a request states for it.

    Raises:
        InvalidInput: if it does not hold as many numbers, or numbers that are not of this type.
    """
    if array.size != (wanted := _count(name, shape)):
        raise InvalidInput(f"{name}: expected {wanted} numbers for the shape {list(shape)}. Received {array.size}.")
    return cast(name, array, _dtype(name, datatype)).reshape(shape)


def cast(name: str, array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Returns an array of another type: integers become floating-point numbers, but never the other way round.

    Raises:
        InvalidInput: if that would change what the numbers say, or they are not finite.
    """
    dtype = np.dtype(dtype)
    kinds = {"f": "iuf", "i": "iu", "u": "iu", "b": "b"}.get(dtype.kind, "")
    if array.dtype.kind not in kinds:
        raise InvalidInput(f"{name}: expected {dtype}. Received {array.dtype}.")
    with np.errstate(over="ignore"):
        converted = array.astype(dtype, copy=False)
    if dtype.kind == "f" and not np.isfinite(converted).all():
        raise InvalidInput(f"{name}: expected finite numbers in the range of {dtype}. Received NaN or infinity.")
    if dtype.kind in "iu" and not np.array_equal(converted, array):
        raise InvalidInput(
            f"{name}: expected numbers in the range of {dtype}. Received {array.min()} to {array.max()}."
        )
    return converted


def check_size(name: str, count: int, most: int) -> None:
    """Raises TooLarge if a tensor has more than `most` numbers."""
    if count > most:
        raise TooLarge(f"{name}: expected at most {most} numbers (--max_pixels). Received {count}.")


def check_size_of_json(arrays: Iterable[np.ndarray]) -> None:
    """Raises TooLarge if an answer would have more than `MOST_IN_JSON` numbers in JSON."""
    if (count := sum(array.size for array in arrays)) > MOST_IN_JSON:
        raise TooLarge(
            f"the answer: expected at most {MOST_IN_JSON} numbers in JSON. It has {count}. Ask for raw tensors, by "
            '"parameters": {"binary_data_output": true} of the Open Inference Protocol.'
        )


def check_inputs(specs: Mapping[str, Any], arrays: Mapping[str, np.ndarray], most: int) -> dict[str, np.ndarray]:
    """Returns the arrays in the types that a signature takes.

    Args:
        specs: {name: what has .shape (a tuple, None for any size) and .dtype (of NumPy)}.
        arrays: as the client sent them.
        most: numbers in one of them at most.

    Raises:
        InvalidInput: if one is missing or unknown, has another type, number of axes or size, is empty, not finite or,
            as a spacing, not positive; or if they are not for equally many slices.
    """
    if specs.keys() != arrays.keys():
        raise InvalidInput(f"expected the inputs {', '.join(sorted(specs))}. Received {_listed(arrays)}.")
    checked = {}
    for name, spec in specs.items():
        array = arrays[name]
        fits = len(array.shape) == len(spec.shape) and all(
            wanted in (None, found) for wanted, found in zip(spec.shape, array.shape, strict=True)
        )
        if not fits or not array.size:
            sizes = ", ".join("n" if size is None else str(size) for size in spec.shape)
            raise InvalidInput(f"{name}: expected the shape ({sizes}), not empty. Received {array.shape}.")
        check_size(name, array.size, most)
        checked[name] = cast(name, array, spec.dtype)
        if name == "spacing" and not (checked[name] > 0).all():
            raise InvalidInput("spacing: expected the size of a pixel in mm, above 0. Received 0 or less.")
    _check_batch(specs, checked)
    if "times" in checked:
        largest = max(array.size for name, array in checked.items() if name != "times")
        check_size("phi at all times", checked["times"].size * largest, most)
    return checked


def _check_batch(specs: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Raises InvalidInput unless image, spacing and contour are for equally many slices, where they have slices."""
    slices = {
        name: len(arrays[name])
        for name in ("image", "spacing", "phi_0")
        if name in specs and len(specs[name].shape) > 1 and specs[name].shape[0] is None
    }
    if len(set(slices.values())) > 1:
        raise InvalidInput(f"expected as many of each input as slices. Received {slices}.")
    if {"image", "phi_0"} <= slices.keys() and arrays["image"].shape != arrays["phi_0"].shape:
        raise InvalidInput(
            f"phi_0: expected the shape of image, {arrays['image'].shape}. Received {arrays['phi_0'].shape}."
        )


def _count(name: str, shape: Sequence[int]) -> int:
    if len(shape) > MOST_AXES or any(size < 0 for size in shape):
        raise InvalidInput(f"{name}: expected at most {MOST_AXES} axes of sizes from 0. Received {str(shape)[:80]}.")
    return math.prod(shape)


def _dtype(name: str, datatype: str) -> np.dtype:
    dtype = to_np_dtype(datatype)
    if dtype is None or dtype is np.object_:
        raise InvalidInput(f"{name}: expected a datatype such as FP32 or INT16. Received {datatype[:20]!r}.")
    return np.dtype(dtype)


def _listed(names) -> str:
    """Returns some of the names that a client made up, shortened."""
    return ", ".join(str(name)[:20] for name in sorted(names)[:5]) or "none"
