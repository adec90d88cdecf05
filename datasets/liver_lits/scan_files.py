"""Finds the scans below a folder, in the layout of LiTS or of MSD Task03, before anything is read."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable

_SHOWN = 3  # files named in an error


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a data set names the files of scan N; both patterns are matched against `folder/file`."""

    name: str
    image: re.Pattern[str]
    label: re.Pattern[str]


LAYOUTS = (
    Layout(
        "LiTS (volume-N.nii[.gz] with segmentation-N.nii[.gz])",
        re.compile(r".*/volume-(\d+)\.nii(\.gz)?"),
        re.compile(r".*/segmentation-(\d+)\.nii(\.gz)?"),
    ),
    Layout(
        "MSD Task03 (imagesTr/liver_N.nii[.gz] with labelsTr/liver_N.nii[.gz])",
        re.compile(r"imagesTr/liver_(\d+)\.nii(\.gz)?"),
        re.compile(r"labelsTr/liver_(\d+)\.nii(\.gz)?"),
    ),
)


@dataclasses.dataclass(frozen=True)
class ScanFiles:
    """The files of one scan."""

    volume_id: int
    image: pathlib.Path
    label: pathlib.Path


def find_scans(folder: str | os.PathLike) -> list[ScanFiles]:
    """Finds all scans in a folder and below it, and refuses whatever could be read in two ways.

    Hidden folders are passed over, and so is every file that neither layout names, such as the unlabelled test scans
    and a Mac's `._liver_0.nii.gz`.

    Returns:
        The scans by ascending number.

    Raises:
        ValueError: if there is no scan, if both layouts are present, if a number occurs twice, or if an image or a
            label lacks its partner.
    """
    folder = pathlib.Path(folder)
    files = list(_files_below(folder))
    found = [(layout, _by_number(files, layout.image), _by_number(files, layout.label)) for layout in LAYOUTS]
    found = [(layout, images, labels) for layout, images, labels in found if images or labels]
    if len(found) != 1:
        raise ValueError(_layout_message(folder, files, [layout for layout, _, _ in found]))
    _, images, labels = found[0]
    _check_pairs(folder, images, labels)
    return [ScanFiles(number, images[number], labels[number]) for number in sorted(images)]


def _files_below(folder: pathlib.Path) -> Iterable[pathlib.Path]:
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        yield from (pathlib.Path(parent, name) for name in sorted(names))


def _by_number(files: Iterable[pathlib.Path], pattern: re.Pattern[str]) -> dict[int, pathlib.Path]:
    found = {}
    for path in files:
        match = pattern.fullmatch(f"{path.parent.name}/{path.name}")
        if match is None:
            continue
        number = int(match.group(1))
        if number in found:
            raise ValueError(
                f"Expected each scan once. Received {found[number]} and {path}. Move one of them out of the folder."
            )
        found[number] = path
    return found


def _check_pairs(folder: pathlib.Path, images: dict[int, pathlib.Path], labels: dict[int, pathlib.Path]) -> None:
    without_label = sorted(images.keys() - labels.keys())
    without_image = sorted(labels.keys() - images.keys())
    if not without_label and not without_image:
        return
    alone = [images[number] for number in without_label] + [labels[number] for number in without_image]
    raise ValueError(
        f"{folder}: expected a label for every image and an image for every label. Received {len(without_label)} "
        f"images without a label and {len(without_image)} labels without an image: {_some(alone)}. "
        "Complete the download, or move these files out of the folder."
    )


def _layout_message(folder: pathlib.Path, files: list[pathlib.Path], present: list[Layout]) -> str:
    names = " or ".join(layout.name for layout in LAYOUTS)
    if present:
        return (
            f"{folder}: expected the scans once, in one layout: {names}. Received both, which may be the same scans "
            "twice. Pass --manual_dir=… with the folder of one of them."
        )
    received = f"{len(files)} other files: {_some(files)}" if files else "no files"
    return (
        f"{folder}: expected scans in the layout of {names}, here or below. Received {received}. "
        "Pass --manual_dir=… with the folder that holds the scans."
    )


def _some(paths: list[pathlib.Path]) -> str:
    shown = ", ".join(str(path) for path in paths[:_SHOWN])
    return f"{shown} and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else shown
