"""Times the way of a new user, from nothing to a corrected mask on disk; writes docs/first_use.md and first_use.json.

    python docs/first_use.py --install --input=CT.nii.gz --reference=LIVER.nii.gz
    python docs/first_use.py --input=A.nii.gz --reference=LIVER_A.nii.gz --click= --input=B.nii.gz --click=55,48,70

For each scan, as `lsn-tf` on a command line and hands in a real Chromium: `predict`; `view`; a click with Shift where
the mask of the packaged `lsn` lacks liver, from which a front grows by the level set equation and is added; the mask
saved, and read again by nibabel. The click is at the middle of the largest spot that the mask lacks in a slice: of the
reference, or of its own holes where there is none, unless --click says where, as a voxel x, y, z of the page, from 0 at
the patient's right, front and feet. References and clicks belong to the scans in the order in which they are given.

--install makes a fresh environment and installs into it what the README says; it needs a package index. The browser is
that of pip install -e '.[test]'. Records have the name of a scan, no path and no picture; --pictures=FOLDER keeps what
the page showed before and after.
"""

import contextlib
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import nibabel
import numpy as np
from absl import flags
from scipy import ndimage

from lsn_tf import common_flags
from lsn_tf.artifacts import machine, replaced, write_json
from lsn_tf.data.volumes import read_mask
from lsn_tf.metrics import dice

PAGE = pathlib.Path(__file__).with_suffix(".md")
ROOT = PAGE.parents[1]
NETWORK = "lsn"
GRAPHICS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE_MS = 300_000
ON_THE_PAGE = """([x, y]) => {
  const { planes } = window.page;
  const tile = planes.niivue.screenSlices.findIndex((slice) => slice.axCorSag === 0);
  const at = planes.transform(tile, "axial").transformPoint({ x, y });
  const box = planes.canvas.getBoundingClientRect(), scale = box.width / planes.canvas.width;
  return [box.left + at.x * scale, box.top + at.y * scale];
}"""
Command = Callable[[str], list[str]]  # verb: what starts it
Steps = dict[str, float]  # what: seconds


def first_use(
    scans: Sequence[tuple[str, str, str]], install: bool = False, pictures: str | None = None
) -> dict[str, Any]:
    """Goes the way with each scan.

    Args:
        scans: of each its file, and that of its reference and the click, "" for none.
        install: whether in a fresh environment; else in this one.
        pictures: folder for what the page showed.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        command, installed = _installed(pathlib.Path(folder, "env")) if install else (_here, {})
        walked = [
            walk(command, *scan, pathlib.Path(tempfile.mkdtemp(dir=folder)), pictures and pathlib.Path(pictures))
            for scan in scans
        ]
    return {"machine": machine(), "load": [load, os.getloadavg()[0]], "steps": installed, "scans": walked}


def _here(verb: str) -> list[str]:
    return [sys.executable, "-m", f"lsn_tf.{verb}"]


def _installed(folder: pathlib.Path) -> tuple[Command, Steps]:
    """Makes an environment as the README says; returns its command and how long it took."""
    steps, clock = {}, _Clock()
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    steps["an empty environment"] = clock.lap()
    subprocess.run([folder / "bin/pip", "install", "--quiet", "-e", f"{ROOT}[predict,view]"], check=True)
    steps["pip install -e '.[predict,view]'"] = clock.lap()
    return lambda verb: [str(folder / "bin/lsn-tf"), verb], steps


def walk(
    command: Command, scan: str, reference: str, click: str, folder: pathlib.Path, pictures: pathlib.Path | None = None
) -> dict[str, Any]:
    """Goes the way with one scan. Returns the time of each step, s, and what came out."""
    clock, first, saved = _Clock(), folder / "first.nii.gz", folder / "saved.nii.gz"
    predict = [*command("predict"), scan, f"--output={first}", f"--model={NETWORK}", "--quiet"]
    subprocess.run(predict, check=True, stdout=subprocess.DEVNULL)
    steps = {"lsn-tf predict, from the command to the mask": clock.lap()}
    before, truth = (read_mask(path, scan) > 0 if path else None for path in (first, reference))
    voxel = tuple(map(int, click.split(","))) if click else largest_gap(before, truth)
    clock.lap()
    with _viewer([*command("view"), scan, f"--model={NETWORK}", "--port=0"]) as address, _tab() as tab:
        steps["lsn-tf view, until its server answers and a browser is there"] = clock.lap()
        steps |= _correct(tab, address, voxel, saved, clock, pictures and pictures / pathlib.Path(scan).name)
    return {
        "scan": pathlib.Path(scan).name,
        "voxels": list(before.shape[::-1]),
        "click": list(voxel),
        "steps": steps,
        "outcome": outcome(scan, saved, before, truth, voxel),
    }


def largest_gap(mask: np.ndarray, truth: np.ndarray | None = None) -> tuple[int, int, int]:
    """Returns the middle (x, y, z) of the largest spot in a slice that a mask lacks, of the truth or as a hole.

    Args:
        mask, truth: (slices, height, width) bool.

    Raises:
        ValueError: if it lacks nothing.
    """
    wanted = np.stack([ndimage.binary_fill_holes(one) for one in mask]) if truth is None else truth
    depth = np.stack([ndimage.distance_transform_edt(one) for one in wanted & ~mask])
    if not depth.any():
        raise ValueError("--click must say where liver is missing: the mask has no hole, or all of its reference.")
    return tuple(map(int, np.unravel_index(depth.argmax(), depth.shape)[::-1]))


def _correct(tab, address, voxel, saved, clock, pictures) -> Steps:
    """Opens the page, adds what grows from a voxel to the network's mask, and saves that."""
    x, y, _ = voxel
    steps = {}
    tab.goto(address)
    tab.wait_for_selector("body[data-ready]")
    steps["until the page shows the scan"] = clock.lap()
    _wait_for(tab, f"view.layers.some((one) => one.key === '{NETWORK}' && one.ready && one.drawn === one.version)")
    steps["until it shows the network's mask"] = clock.lap()
    tab.evaluate("(voxel) => window.page.moveTo(voxel)", list(voxel))
    tab.click(f"[data-layer={NETWORK}]")
    tab.keyboard.press("4")
    _picture(tab, pictures, "before")
    clock.lap()
    tab.keyboard.down("Shift")
    tab.mouse.click(*tab.evaluate(ON_THE_PAGE, [x, y]))
    tab.keyboard.up("Shift")
    _wait_for(tab, "view.evolution?.reason && view.layers.every((one) => !one.ready || one.drawn === one.version)")
    steps["a click with Shift, until the front is at rest and shown"] = clock.lap()
    _picture(tab, pictures, "after")
    clock.lap()
    with tab.expect_download() as download:
        tab.click("#exports [data-what=mask]")
    download.value.save_as(saved)
    steps["the mask saved"] = clock.lap()
    return steps


def outcome(scan, saved, before, truth, voxel) -> dict[str, Any]:
    """Reads the saved mask again, and compares it with the scan, the first mask and the reference."""
    image, mask = nibabel.load(scan), nibabel.load(saved)
    after, z = read_mask(saved, scan) > 0, voxel[2]
    changed = after != before
    found = {
        "same_affine_and_shape": bool(np.array_equal(image.affine, mask.affine) and image.shape == mask.shape),
        "voxels_before": int(before.sum()),
        "voxels_changed": int(changed.sum()),
        "slices_changed": int(changed.any(axis=(1, 2)).sum()),
    }
    if truth is not None:
        found["dice_of_the_slice"] = [round(dice(truth[z], one[z]), 4) for one in (before, after)]
        found["dice_of_the_scan"] = [round(dice(truth, one), 4) for one in (before, after)]
    return found


@contextlib.contextmanager
def _viewer(command: Sequence[str]) -> Iterator[str]:
    """Gives the address of a viewer, which is ended as by Ctrl-C."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        found = (re.search(r"http://127\.0\.0\.1:\d+/", line) for line in process.stderr)
        if (address := next(filter(None, found), None)) is None:
            raise RuntimeError(f"lsn-tf view must serve a page. It ended with exit code {process.wait()}.")
        threading.Thread(target=process.stderr.read, daemon=True).start()  # lest it waits for someone to listen
        yield address.group()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


@contextlib.contextmanager
def _tab() -> Iterator[Any]:
    """Gives an empty page of Chromium, which renders in software."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=GRAPHICS, timeout=PATIENCE_MS)
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        tab.set_default_timeout(PATIENCE_MS)
        yield tab
        browser.close()


def _wait_for(tab, condition: str) -> None:
    tab.wait_for_function(f"() => {{ const {{ view }} = window.page; return {condition}; }}")


def _picture(tab, path: pathlib.Path | None, when: str) -> None:
    if path is not None:
        tab.wait_for_timeout(500)
        tab.screenshot(path=f"{path}.{when}.png")


class _Clock:
    """Tells the seconds since it was last asked."""

    def __init__(self):
        self._last = time.perf_counter()

    def lap(self) -> float:
        last, self._last = self._last, time.perf_counter()
        return round(self._last - last, 1)


def page(results: Mapping[str, Any]) -> str:
    """Returns the record as Markdown."""
    load = " and ".join(f"{load:.1f}" for load in results["load"])
    lines = [
        "# The first use",
        "",
        f"    {results['command']}",
        "",
        f"{results['machine']}; load {load} at start and end.",
    ]
    if results["steps"]:
        lines += ["", *_table(results["steps"])]
    for walked in results["scans"]:
        size, found = " × ".join(map(str, walked["voxels"])), walked["outcome"]
        lies = "are those" if found["same_affine_and_shape"] else "are NOT those"
        lines += ["", f"## {walked['scan']}, {size} voxels", "", *_table(walked["steps"]), ""]
        lines += [
            f"Clicked at voxel {', '.join(map(str, walked['click']))}: {found['voxels_changed']:,} voxels of "
            f"{found['slices_changed']} slice(s) changed, of {found['voxels_before']:,} in the mask of the network. "
            f"Affine and shape of the saved mask {lies} of the scan."
        ]
        if "dice_of_the_scan" in found:
            of_slice, of_scan = (" to ".join(map(str, found[f"dice_of_the_{what}"])) for what in ("slice", "scan"))
            lines += [f"Dice of the slice went from {of_slice}, of the scan from {of_scan}."]
    return "\n".join(lines) + "\n"


def _table(steps: Steps) -> list[str]:
    rows = [*steps.items(), ("in all", sum(steps.values()))]
    return ["| step | seconds |", "|---|---|", *(f"| {what} | {seconds:.1f} |" for what, seconds in rows)]


def main() -> dict[str, Any]:
    """Reads the flags, goes the way and writes the records."""
    values = flags.FLAGS
    if not values.input:
        raise ValueError("--input must be a scan, a NIfTI file. Received none.")
    if max(len(values.reference), len(values.click)) > len(values.input):
        raise ValueError("--reference and --click must not be more than the scans of --input.")
    scans = list(itertools.zip_longest(values.input, values.reference, values.click, fillvalue=""))
    told = [f"--{name}={pathlib.Path(value).name}" for name in _PER_SCAN for value in values[name].value]
    command = " ".join(["python docs/first_use.py", *["--install"] * values.install, *told])
    results = {"command": command, **first_use(scans, values.install, values.pictures)}
    write_json(PAGE.with_suffix(".json"), results)
    with replaced(PAGE) as temporary:
        temporary.write_text(page(results), encoding="utf-8")
    return results


_PER_SCAN = ("input", "reference", "click")


def define_flags() -> None:
    """Defines the flags of this script."""
    flags.DEFINE_multi_string("input", [], "CT scan, a NIfTI file; repeatable.")
    flags.DEFINE_multi_string("reference", [], "Mask on the scan, NIfTI; one for each scan, empty for none.")
    flags.DEFINE_multi_string("click", [], "Voxel x,y,z of the page where to click; one for each scan, empty for none.")
    flags.DEFINE_bool("install", False, "Install the package into a fresh environment first.")
    flags.DEFINE_string("pictures", None, "Folder for what the page showed before and after the click.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, lambda results: print(page(results)))
