"""The orbits of a dictionary under the chosen symmetries, as one matrix: similarities are one product with it."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.dictionary import NamedKernel, named_kernels
from lsn_tf.analysis.kernel_arrays import chunks, flat, norms, shape_of, single_threaded
from lsn_tf.analysis.symmetries import EVERY_SYMMETRY, Symmetries

SAME = 1e-6  # of 1 - cosine: named kernels nearer than this are one kernel with two names


@dataclasses.dataclass(frozen=True)
class Templates:
    """Named kernels with all their images.

    Attributes:
        names: (e,), one of each orbit; a kernel that is an image of an earlier one is found under the earlier name.
        families: (f,), in the order of the dictionary.
        members: (f, e), bool: the orbits of each family; two families may share one.
        shape: (s, s) or (s, s, s), of the kernels to name.
        rows: (t, d), float32: the images at L2 norm 1, those of an orbit together.
        starts: (e,), where each orbit begins in rows.
        lengths: (e,), L2 norms of the named kernels.
        symmetries: under which these are the images.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    members: np.ndarray
    shape: tuple[int, ...]
    rows: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    symmetries: Symmetries


def make_templates(
    dictionary: Sequence[NamedKernel] | None = None,
    symmetries: Symmetries = EVERY_SYMMETRY,
    size: int | Sequence[int] = 3,
) -> Templates:
    """Returns the templates of a dictionary for kernels of a size; smaller named kernels get a frame of zeros.

    Those of another dimension, in space or in the plane, are left out.

    Args:
        dictionary: by default `named_kernels` in the dimension of the kernels.
        symmetries: the images of a named kernel. Sign needs no images of its own: the modulus of a cosine is taken.
        size: width or shape of the kernels to name.

    Raises:
        ValueError: if no named kernel is this small, a kernel is 0, or two have one name.
    """
    shape = shape_of(size)
    dictionary = named_kernels(len(shape)) if dictionary is None else dictionary
    entries = [e for e in dictionary if e.kernel.ndim == len(shape) and e.kernel.shape <= shape]
    _check(entries, shape)
    permutations = symmetries.permutations(shape)
    names, orbits, lengths, homes = [], [], [], []
    for entry in entries:
        row = np.pad(entry.kernel, (shape[0] - len(entry.kernel)) // 2).ravel().astype(np.float64)
        length = np.linalg.norm(row)
        home = _find(row / length, length, orbits, lengths, symmetries)
        if home is None:
            home = len(names)
            names.append(entry.name)
            orbits.append(_distinct((row / length)[permutations], symmetries.sign))
            lengths.append(length)
        homes.append(home)
    families = tuple(dict.fromkeys(entry.family for entry in entries))
    members = np.zeros((len(families), len(names)), bool)
    members[[families.index(entry.family) for entry in entries], homes] = True
    starts = np.cumsum([0] + [len(orbit) for orbit in orbits[:-1]])
    rows = np.concatenate(orbits).astype(np.float32)
    return Templates(tuple(names), families, members, shape, rows, starts, np.array(lengths), symmetries)


@single_threaded
def nearest(kernels: np.ndarray, templates: Templates) -> tuple[np.ndarray, np.ndarray]:
    """Returns, for each of n kernels, the index of the nearest name, (n,) int16, and its similarity, (n,) float32.

    A kernel that is 0 is similar to none: similarity 0, index 0. Among orbits equally near, the first is taken.
    """
    rows = _rows(kernels, templates)
    index, similarity = np.zeros(len(rows), np.int16), np.zeros(len(rows), np.float32)
    for chunk in chunks(len(rows)):
        found = similarities(rows[chunk], templates)
        index[chunk] = found.argmax(axis=0)
        similarity[chunk] = found.max(axis=0)
    return index, similarity


@single_threaded
def family_similarities(kernels: np.ndarray, templates: Templates) -> np.ndarray:
    """Returns the similarity of n kernels to the nearest member of each family, (n, f) float32."""
    rows = _rows(kernels, templates)
    result = np.zeros((len(rows), len(templates.families)), np.float32)
    for chunk in chunks(len(rows)):
        found = similarities(rows[chunk], templates)
        for family, members in enumerate(templates.members):
            result[chunk, family] = found[members].max(axis=0)
    return result


def similarities(rows: np.ndarray, templates: Templates) -> np.ndarray:
    """Returns the similarity of flattened kernels, (n, d), to every orbit: (e, n), at most 1; for a chunk at a time.

    Under scale it is the cosine of the angle to the nearest image. Without scale it is that cosine times
    2 |k| |t| / (|k|**2 + |t|**2), which is 1 for k = t only. Under sign it is not negative.
    """
    products = templates.rows @ rows.T
    if templates.symmetries.sign:
        np.abs(products, out=products)
    best = np.stack([orbit.max(axis=0) for orbit in np.split(products, templates.starts[1:])])  # reduceat is slower
    lengths = norms(rows)
    if templates.symmetries.scale:
        return best / np.where(lengths > 0, lengths, 1)
    own = templates.lengths[:, None].astype(np.float32)
    return best * (2 * own) / (own**2 + lengths**2)


def _rows(kernels: np.ndarray, templates: Templates) -> np.ndarray:
    rows = flat(kernels)
    if np.shape(kernels)[1:] != templates.shape:
        raise ValueError(
            f"kernels must be {_text(templates.shape)}, as the templates. Received {np.shape(kernels)}: pass their "
            "size to make_templates."
        )
    return rows


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _check(entries: list[NamedKernel], shape: tuple[int, ...]) -> None:
    names = [entry.name for entry in entries]
    if not names:
        raise ValueError(f"the dictionary must have a kernel of at most {_text(shape)}. Received none.")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"names must be unique in a dictionary. Received twice: {twice}.")
    if empty := [entry.name for entry in entries if not np.any(entry.kernel)]:
        raise ValueError(f"named kernels must not be 0. Received {empty}.")


def _find(row: np.ndarray, length: float, orbits: list, lengths: list, symmetries: Symmetries) -> int | None:
    """Returns the orbit that a kernel is in, None if it is new."""
    for home, orbit in enumerate(orbits):
        cosine = (np.abs(orbit @ row) if symmetries.sign else orbit @ row).max()
        if cosine > 1 - SAME and (symmetries.scale or np.isclose(length, lengths[home])):
            return home
    return None


def _distinct(images: np.ndarray, sign: bool) -> np.ndarray:
    """Returns the images without repetition, also not of the other sign if sign is a symmetry; the kernel first."""
    keys = np.round(images, 9)
    if sign:
        leading = np.take_along_axis(keys, (keys != 0).argmax(axis=1)[:, None], axis=1)
        keys = keys * np.sign(leading)
    _, first = np.unique(keys + 0.0, axis=0, return_index=True)
    return images[np.sort(first)]
