"""The command serves this machine alone, says what is wrong in one line, and its page works in a real browser."""

import contextlib
import re
import signal
import socket
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from browsers import chromium, new_tab

from lsn_tf.data.phantoms import make_scan
from lsn_tf.data.volumes import write_scan
from lsn_tf.view import Config, listen, view
from lsn_tf.viewer.sources import Sources

GRAPHICS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def patient():
    """The synthetic twin of a scan of the liver."""
    return make_scan(3, size=96, slices=6)


@pytest.fixture(scope="module")
def files(patient, tmp_path_factory):
    return write_scan(patient, tmp_path_factory.mktemp("scan"))


def command(*flags):
    return [sys.executable, "-m", "lsn_tf.view", *map(str, flags)]


@pytest.fixture(scope="module")
def server(files):
    """The address of a server on the scan with its reference."""
    process = subprocess.Popen(
        command(files[0], f"--reference={files[1]}", "--port=0"),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield next(found.group() for line in process.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=300)
    assert process.returncode == 0 and "no longer shown" in out


@pytest.fixture(scope="module")
def browser():
    with chromium(*GRAPHICS) as started:
        yield started


@pytest.fixture
def tab(browser, server):
    """The page, loaded; at the end, it must have had no errors and asked for nothing from elsewhere."""
    opened, said, requests = new_tab(browser, 1100, 700)
    opened.goto(server)
    opened.wait_for_selector("body[data-ready]")
    yield opened
    opened.close()
    assert [text for kind, text in said if kind == "error"] == []
    assert [url for url in requests if not url.startswith((server, "data:", "blob:"))] == []


def place(tab, voxel, plane="axial"):
    """Returns where on the page a voxel (x, y, z) is."""
    script = """([voxel, plane]) => {
      const { planes } = window.page;
      const names = ["axial", "coronal", "sagittal"], axes = [[0, 1], [0, 2], [1, 2]];
      const tile = planes.niivue.screenSlices.findIndex((slice) => names[slice.axCorSag] === plane);
      const [u, v] = axes[names.indexOf(plane)];
      const { x, y } = planes.transform(tile, plane).transformPoint({ x: voxel[u], y: voxel[v] });
      const box = planes.canvas.getBoundingClientRect(), scale = box.width / planes.canvas.width;
      return [box.left + x * scale, box.top + y * scale];
    }"""
    return tab.evaluate(script, [list(map(float, voxel)), plane])


def shown(tab, name):
    return tab.evaluate(f"window.page.view.{name}")


def wait_for(tab, condition):
    tab.wait_for_function(f"() => {{ const {{ view }} = window.page; return {condition}; }}")


def picture(tab):
    """Returns what is drawn over the planes."""
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    script = (
        "[...window.page.planes.context.getImageData(0, 0, 400, 300).data].reduce((a, b, n) => (a * 31 + b) % 1e9, 7)"
    )
    return tab.evaluate(script)


@pytest.mark.slow
def test_a_user_looks_corrects_and_saves(tab, patient, tmp_path):
    liver = patient.label > 0
    start = int(liver.sum(axis=(1, 2)).argmax())
    assert shown(tab, "cursor")[2] == start  # where most is marked
    # Scroll, and keys, as in ITK-SNAP.
    tab.mouse.move(*place(tab, shown(tab, "cursor")))
    tab.mouse.wheel(0, -100)
    wait_for(tab, f"view.cursor[2] === {start + 1}")
    tab.keyboard.press("PageDown")
    wait_for(tab, f"view.cursor[2] === {start}")
    x, y, _ = shown(tab, "cursor")
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Shift+ArrowDown")
    assert shown(tab, "cursor") == [x + 1, y + 5, start]
    for key, name, value in (
        ("s", "overlay", False),
        ("s", "overlay", True),
        ("d", "opacity", 0.35),
        ("x", "cross", False),
    ):
        before = picture(tab)
        tab.keyboard.press(key)
        assert shown(tab, name) == value and (picture(tab) != before or name == "opacity")
    # A seed, and the mask is another.
    rows, columns = np.nonzero(liver[start])
    middle = np.abs(rows - rows.mean()) + np.abs(columns - columns.mean())
    seed = (int(columns[middle.argmin()]), int(rows[middle.argmin()]), start)
    before = picture(tab)
    tab.keyboard.press("4")
    tab.mouse.click(*place(tab, seed))
    wait_for(tab, "view.evolution && view.evolution.reason && view.layers[0].drawn === view.layers[0].version")
    scores = shown(tab, "layers[0].dice_per_slice")
    assert scores[start] > 0.3 and picture(tab) != before
    assert tab.inner_text("[data-layer=yours] .scored") == f"{scores[start]:.3f}"
    # The slider goes through phi(t).
    last = shown(tab, "evolution.seconds.length") - 1
    volume = shown(tab, "layers[0].ml")
    tab.focus("#time")
    tab.keyboard.press("Home")
    wait_for(tab, "view.evolution.shown === 0")
    assert shown(tab, "layers[0].ml") < volume
    tab.keyboard.press("End")
    wait_for(tab, f"view.evolution.shown === {last} && view.layers[0].ml === {volume}")
    # Side by side, and what is saved is what is shown, voxel on voxel with the scan.
    tab.keyboard.press("\\")
    panels = tab.evaluate("window.page.planes.niivue.screenSlices.length")
    assert shown(tab, "layout") == "side" and panels == shown(tab, "layers.length") >= 2
    with tab.expect_download() as download:
        tab.click("#exports [data-what=mask]")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    mask = nibabel.load(path)
    np.testing.assert_allclose(mask.affine, patient.affine, atol=1e-4)
    values = np.asarray(mask.dataobj).transpose(2, 1, 0)
    assert values[start][seed[1], seed[0]] == 1 and not np.delete(values, start, axis=0).any()
    depths = np.array(tab.evaluate("Array.from(window.page.view.layers[0].depths)")).reshape(values.shape)
    np.testing.assert_array_equal(values > 0, depths > 0)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"scan": "nowhere.nii"}, "nowhere.nii: expected a complete NIfTI file"),
        ({"host": "0.0.0.0"}, "--host must be this machine's own"),
        ({"models": ("nowhere",)}, "model must be the folder of a training run"),
        ({"reference": "OTHER"}, "expected the shape of its image"),
    ],
)
def test_bad_input_is_refused(files, tmp_path, options, words):
    other = tmp_path / "other.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.uint8), np.diag([2, 3, 4, 1.0])), other)
    given = {"scan": str(files[0]), **options}
    given = {name: str(other) if value == "OTHER" else value for name, value in given.items()}
    sources = Sources(**{name: given.pop(name) for name in ("scan", "reference") if name in given})
    with pytest.raises(ValueError, match=words):
        view(Config(sources, **given))


def test_bad_usage_ends_in_one_line():
    process = subprocess.run(command(), capture_output=True, text=True, check=False)
    last = process.stderr.strip().splitlines()[-1]
    assert process.returncode == 2 and last.startswith("view: --input must be a scan")


def test_a_port_that_is_taken_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="--port must be a free one"), listen("127.0.0.1", taken.getsockname()[1]):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_any_free_port_of_the_loopback_interface_is_taken(host):
    with contextlib.suppress(OSError), listen(host, 0) as listening:  # no IPv6 on some machines
        assert listening.getsockname()[1] > 0 and listening.getsockname()[0] in ("127.0.0.1", "::1")
        return
    assert host == "::1"
