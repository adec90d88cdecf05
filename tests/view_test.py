"""The command serves this machine alone, says what is wrong in one line, and its page works in a real browser."""

import contextlib
import io
import re
import signal
import socket
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from browsers import chromium, new_tab
from PIL import Image
from scipy.ndimage import distance_transform_edt

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


@pytest.fixture(scope="module")
def part(files, tmp_path_factory):
    """A mask that lacks a half of the liver."""
    reference = nibabel.load(files[1])
    voxels = np.asarray(reference.dataobj).copy()
    voxels[: int(np.nonzero(voxels)[0].mean())] = 0
    path = tmp_path_factory.mktemp("mask") / "part.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, reference.affine), path)
    return path


def command(*flags):
    return [sys.executable, "-m", "lsn_tf.view", *map(str, flags)]


@pytest.fixture(scope="module")
def server(files, part):
    """The address of a server on the scan with its reference, a mask to correct, and the packaged networks."""
    process = subprocess.Popen(
        command(files[0], f"--reference={files[1]}", f"--mask={part}", "--port=0"),
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


def depths(tab, key, shape):
    """Returns what the page holds of a layer."""
    script = "(key) => Array.from(window.page.view.layers.find((layer) => layer.key === key).depths)"
    return np.array(tab.evaluate(script, key)).reshape(shape)


@contextlib.contextmanager
def evolution(tab):
    """Waits until the evolution that is begun within is over, and shown."""
    before = tab.evaluate("window.page.view.evolution?.number ?? 0")
    yield
    ended = f"view.evolution?.number > {before} && view.evolution.reason"
    wait_for(tab, f"{ended} && view.layers.every((layer) => layer.drawn === layer.version)")


def middle_of(mask):
    """Returns (x, y), the pixel of a mask that is deepest in it."""
    row, column = np.unravel_index(distance_transform_edt(mask).argmax(), mask.shape)
    return int(column), int(row)


def in_space(tab, key):
    """Returns the picture of the view in space, (height, width, 3), once it shows a layer as it is, None for none."""
    script = """(key) => { const { view, space } = window.page;
      const shown = view.layers.filter((layer) => space.shown.get(layer.key)?.mesh && !space.busy);
      return key === null ? shown.length === 0
        : shown.length === 1 && shown[0].key === key && space.shown.get(key).version === shown[0].version; }"""
    tab.wait_for_function(script, arg=key)
    return np.asarray(Image.open(io.BytesIO(tab.locator("#space").screenshot())).convert("RGB")).astype(int)


@pytest.mark.slow
def test_a_user_looks_corrects_and_saves(tab, patient, tmp_path):
    liver = patient.label > 0
    start = int(liver.sum(axis=(1, 2)).argmax())
    assert shown(tab, "cursor")[2] == start  # where most is marked
    assert (shown(tab, "selected"), shown(tab, "combination")) == ("mask", "add")  # it was given to be corrected
    tab.click("[data-layer=yours]")
    assert (shown(tab, "selected"), shown(tab, "combination")) == ("yours", "new")
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


@pytest.mark.slow
def test_a_drawn_contour_evolves(tab, patient):
    liver = patient.label > 0
    z = shown(tab, "cursor")[2]
    x, y = middle_of(liver[z])
    tab.click("[data-layer=yours]")
    tab.keyboard.press("3")
    corners = [(x + 5 * np.cos(turn), y + 5 * np.sin(turn), z) for turn in np.linspace(0, 2 * np.pi, 24)]
    tab.mouse.move(*place(tab, corners[0]))
    tab.mouse.down()
    for corner in corners[1:]:
        tab.mouse.move(*place(tab, corner))
    with evolution(tab):
        tab.mouse.up()
    result = shown(tab, "evolution")
    drawn_ml = np.pi * 5**2 * np.prod(patient.spacing_mm) / 1000
    assert result["ml"][0] == pytest.approx(drawn_ml, rel=0.15) and result["ml"][-1] > 2 * drawn_ml
    assert result["dice"][-1] > max(0.6, result["dice"][0])


@pytest.mark.slow
def test_a_front_evolves_by_the_speed_that_a_network_has_learned(tab, patient):
    z = shown(tab, "cursor")[2]
    tab.click("[data-layer=yours]")
    tab.click("[data-equation=lsn]")
    tab.keyboard.press("4")
    with evolution(tab):
        tab.mouse.click(*place(tab, (*middle_of(patient.label[z] > 0), z)))
    result = shown(tab, "evolution")
    assert result["equation"] == "LSN" and tab.inner_text("[data-layer=yours] .title") == "Yours (LSN)"
    assert result["dice"][-1] > max(0.6, result["dice"][0])


@pytest.mark.slow
def test_a_click_corrects_the_mask_of_a_network(tab, patient):
    liver = patient.label > 0
    wait_for(tab, "view.layers.find((layer) => layer.key === 'unet').ready && !view.jobs.length")
    tab.click("[data-layer=unet]")
    assert shown(tab, "combination") == "add"
    network = depths(tab, "unet", liver.shape)
    z = int((liver & (network <= 0)).sum(axis=(1, 2)).argmax())
    tab.evaluate("(z) => window.page.moveTo([...window.page.view.cursor.slice(0, 2), z])", z)
    tab.keyboard.press("4")
    with evolution(tab):
        tab.mouse.click(*place(tab, (*middle_of(liver[z] & (network[z] <= 0)), z)))
    before, after = network > 0, depths(tab, "unet", liver.shape) > 0
    assert (after >= before).all() and after[z].sum() > before[z].sum()
    np.testing.assert_array_equal(np.delete(after, z, axis=0), np.delete(before, z, axis=0))
    tab.keyboard.press("Control+z")
    wait_for(tab, "!view.evolution && view.layers.every((layer) => layer.drawn === layer.version)")
    np.testing.assert_array_equal(depths(tab, "unet", liver.shape), network)


@pytest.mark.slow
def test_the_view_in_space_shows_the_surface_of_the_chosen_contour(tab):
    tab.click("[data-layer=reference]")
    surface = in_space(tab, "reference")
    tab.keyboard.press("s")
    without = in_space(tab, None)
    covered = (np.abs(surface - without).max(axis=-1) > 30).mean()
    assert 0.01 < covered < 0.9
    assert without.std() > 1  # the bones remain
    green = surface[np.abs(surface - without).max(axis=-1) > 30].mean(axis=0)
    assert green.argmax() == 1  # the colour of the reference


@pytest.mark.slow
def test_corrections_that_were_not_downloaded_are_not_left_unasked(tab, patient):
    asked = []

    def leave(dialog):
        asked.append(dialog.type)
        dialog.accept()

    tab.on("dialog", leave)
    z = shown(tab, "cursor")[2]
    tab.click("[data-layer=mask]")
    tab.keyboard.press("4")
    with evolution(tab):
        tab.mouse.click(*place(tab, (*middle_of(patient.label[z] > 0), z)))
    tab.reload()
    assert asked == ["beforeunload"]
    tab.wait_for_selector("body[data-ready]")
    for key in ("mask", *tab.evaluate("window.page.view.layers.filter((one) => one.can_undo).map((one) => one.key)")):
        tab.click(f"[data-layer={key}]")
        with tab.expect_download():
            tab.click("#exports [data-what=mask]")
    tab.reload()
    assert asked == ["beforeunload"]
    tab.wait_for_selector("body[data-ready]")


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
