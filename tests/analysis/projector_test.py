"""The projector's files say of each point what the table of kernels says, and TensorBoard serves them."""

import dataclasses
import io
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector as plugin

from lsn_tf.analysis import projector, tables
from lsn_tf.analysis.clustering import prepare
from lsn_tf.analysis.network import read_network
from lsn_tf.analysis.templates import make_templates

TEMPLATES = make_templates()
NAMES = len(TEMPLATES.names)


@pytest.fixture
def layers(tmp_path, rng):
    kernels = {f"layer {i}": rng.normal(size=(3, 3, 5, 6 + i)).astype(np.float32) for i in range(3)}
    kernels["layer 1"][..., 0, :2] = 0
    np.savez(tmp_path / "model.npz", **kernels)
    return read_network(tmp_path / "model.npz", 3)


def written(layers, seed=0):
    points = projector.Points(layers, seed)
    for layer in layers:
        points.add(layer, tables.columns_at(points.shown[layer.name], layer, TEMPLATES, {}))
    return dict(points.files(TEMPLATES))


def rows_of(metadata):
    header, *rows = (line.split("\t") for line in metadata.decode().splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


def vectors_of(content):
    return np.loadtxt(io.BytesIO(content), np.float32, delimiter="\t")


def test_vectors_are_the_living_kernels_as_published_after_the_named_ones(layers):
    vectors = vectors_of(written(layers)["vectors.tsv"])
    expected = prepare(np.concatenate([layer.living for layer in layers]), "l1").reshape(-1, 9)
    assert len(vectors) == NAMES + 5 * (6 + 7 + 8) - 2
    np.testing.assert_array_equal(vectors[NAMES:], expected)
    np.testing.assert_allclose(np.abs(vectors).sum(axis=1), 1, rtol=1e-6)


def test_each_named_kernel_is_nearest_to_itself(layers):
    """A known kernel must stand where an equal one that was learned would: the vectors are in one form."""
    files = written(layers)
    named = [row for row in rows_of(files["metadata.tsv"]) if row["layer"] == projector.NAMED]
    assert [row["nearest"] for row in named] == list(TEMPLATES.names)
    vectors = vectors_of(files["vectors.tsv"])[:NAMES]
    np.testing.assert_allclose(
        vectors, prepare(TEMPLATES.rows[TEMPLATES.starts].reshape(-1, 3, 3), "l1").reshape(-1, 9)
    )


def test_metadata_says_what_the_table_says(layers):
    rows = rows_of(written(layers)["metadata.tsv"])[NAMES:]
    (last,) = {row["layer"] for row in rows[-40:]}
    assert last == "layer 2" and len(rows) == 103 and {row["dead"] for row in rows} == {"0"}
    columns = tables.kernel_columns(layers[2], TEMPLATES, {})
    for name in ("output", "nearest", "operator", "accuracy"):
        assert [row[name] for row in rows[-40:]] == [str(value) for value in columns[name]]
    np.testing.assert_allclose([float(row["dc_energy"]) for row in rows[-40:]], columns["dc_energy"], rtol=1e-5)


def test_each_picture_is_its_kernel_in_the_order_of_the_vectors(layers):
    files = written(layers)
    image = np.asarray(Image.open(io.BytesIO(files["sprite.png"])))
    config = text_format.Parse(files["projector_config.pbtxt"].decode(), plugin.ProjectorConfig()).embeddings[0]
    width, height = config.sprite.single_image_dim
    vectors = vectors_of(files["vectors.tsv"])
    assert (width, height) == (24, 24) and list(config.tensor_shape) == list(vectors.shape)
    columns = image.shape[1] // width
    for point in (0, 1, columns, len(vectors) - 1):
        y, x = point // columns * height, point % columns * width
        cells = image[y : y + height, x : x + width].reshape(3, 8, 3, 8)
        assert (cells == cells[:, :1, :, :1]).all()  # 8 x 8 pixels a weight
        kernel = vectors[point].reshape(3, 3)
        np.testing.assert_allclose(
            cells[:, 0, :, 0] / 127.5 - 1, kernel / np.abs(kernel).max(), atol=0.5 / 127.5 + 1e-6
        )


def test_of_very_many_kernels_some_are_drawn_and_the_image_is_not_too_wide(layers, monkeypatch):
    monkeypatch.setattr(projector, "POINTS", 60)
    monkeypatch.setattr(projector, "SPRITE", 100)
    one, again, other = written(layers), written(layers), written(layers, seed=1)
    assert one == again and one["vectors.tsv"] != other["vectors.tsv"]
    assert len(vectors_of(one["vectors.tsv"])) == len(rows_of(one["metadata.tsv"])) == NAMES + 60
    assert max(Image.open(io.BytesIO(one["sprite.png"])).size) <= 100
    everything = vectors_of(written(layers)["vectors.tsv"]).tolist()
    assert all(row in everything for row in vectors_of(one["vectors.tsv"]).tolist())


def test_slices_of_a_kernel_in_space_are_side_by_side(rng):
    kernels = rng.normal(size=(5, 3, 3, 3))
    pictures = projector._pictures(kernels)
    assert pictures.shape == (5, 3, 9)
    peaks = np.abs(kernels).max(axis=(1, 2, 3))
    np.testing.assert_allclose(pictures[:, 1, 5] / 127.5 - 1, kernels[:, 1, 1, 2] / peaks, atol=0.005)


def test_names_with_tabs_and_line_breaks_stay_in_their_cell(layers):
    layers[0] = dataclasses.replace(layers[0], name="one\ttwo\nthree")
    rows = rows_of(written(layers)["metadata.tsv"])
    assert rows[NAMES]["layer"] == "one two three" and len(rows) == NAMES + 103


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.slow
def test_tensorboard_serves_what_was_written(layers, tmp_path):
    files = written(layers)
    folder = tmp_path / "projector"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    port = free_port()
    command = [sys.executable, "-m", "tensorboard.main", f"--logdir={folder}", f"--port={port}", "--host=127.0.0.1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def get(route, **query):
        address = f"http://127.0.0.1:{port}/data/plugin/projector/{route}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address) as reply:
            return reply.read()

    try:
        for _ in range(600):
            try:
                runs = json.loads(get("runs"))
                break
            except urllib.error.URLError:
                assert server.poll() is None, "TensorBoard has ended"
                time.sleep(0.5)
        (run,) = runs
        (embedding,) = json.loads(get("info", run=run))["embeddings"]
        assert embedding["tensorName"] == "kernels" and embedding["sprite"]["singleImageDim"] == [24, 24]
        point = {"run": run, "name": "kernels"}
        tensor = np.frombuffer(get("tensor", **point), np.float32).reshape(embedding["tensorShape"])
        np.testing.assert_array_equal(tensor, vectors_of(files["vectors.tsv"]))
        assert get("metadata", **point) == files["metadata.tsv"] and get("sprite_image", **point) == files["sprite.png"]
    finally:
        server.terminate()
        server.wait()
