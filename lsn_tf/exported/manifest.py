"""The manifest of an exported folder: the sha256 of every file in it, written last and checked before it is read."""

import pathlib

from lsn_tf.artifacts import read_json, sha256_of, write_json

PLACE = "assets.extra/manifest.json"  # TensorFlow Serving leaves assets.extra to the user


def write_manifest(folder: pathlib.Path) -> None:
    """Writes the manifest of a folder that is complete."""
    write_json(folder / PLACE, {"sha256": _digests(folder)})


def check_manifest(folder: pathlib.Path) -> None:
    """Checks that a folder is the one of its manifest.

    Raises:
        ValueError: if there is none, or a file was changed, added or lost.
    """
    try:
        expected = dict(read_json(folder / PLACE)["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder}: expected the manifest {PLACE}, which export writes. Received none that can be read. "
            "Export the run again with: python -m lsn_tf.export"
        ) from error
    found = _digests(folder)
    different = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    if different:
        raise ValueError(
            f"{folder}: expected the files of its manifest. Changed, added or lost: {', '.join(different)}. "
            "Export the run again with: python -m lsn_tf.export"
        )


def _digests(folder: pathlib.Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {}
    for path in paths:
        if (name := path.relative_to(folder).as_posix()) != PLACE:
            digests[name] = sha256_of(path)
    return digests
