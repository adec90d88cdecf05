"""A run, its SavedModel and its packaged weights are one model; what is none of these is refused in one line."""

import io
import zipfile

import keras
import numpy as np
import pytest

from lsn_tf import segmenters
from lsn_tf.artifacts import RunDir, write_json
from lsn_tf.exported.onnx_file import write_onnx
from lsn_tf.models import AnySize, LevelSetNetwork
from lsn_tf.saved_model import write_saved_model
from lsn_tf.segmenters import open_segmenter
from lsn_tf.weights import packaged

RECORD = {"model": "lsn:width=2", "dataset": "phantom", "synthetic": True, "fold": 2, "target": "tumor", "seed": 7}
RECORD |= {"image_size": 16, "window_hu": [-100, 400], "epochs": 3, "command": "python -m lsn_tf.train"}
SHAPE, SPACING_MM = (3, 20, 25), (0.7, 0.9)


@pytest.fixture
def run(tmp_path, monkeypatch) -> RunDir:
    """A network of random weights; no weights are packaged."""
    monkeypatch.setattr(segmenters.packaged, "FOLDER", tmp_path / "weights")
    monkeypatch.setattr(segmenters.packaged.names, "__defaults__", (tmp_path / "weights",))
    monkeypatch.setattr(segmenters.packaged.load_weights, "__defaults__", (tmp_path / "weights",))
    run = RunDir(tmp_path / "run")
    write_json(run.config, RECORD)
    keras.utils.set_random_seed(1)
    LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=1).save(run.model)
    return run


def test_every_format_gives_the_same_phi(run, rng):
    image = rng.normal(50, 100, SHAPE).astype(np.int16)
    model = AnySize(keras.saving.load_model(run.model, compile=False), 16)
    spacing = np.tile(np.float32(SPACING_MM), (3, 1))
    expected = np.asarray(model({"image": image[..., None].astype(np.float32), "spacing": spacing}))[..., 0]
    card = packaged.write_weights(run, "lsn", {}, run.path.parent / "weights")
    write_saved_model(model, run.saved_model, card)
    write_onnx(model, run.onnx, card)
    for name in (run.path, run.saved_model, run.saved_models, run.onnx, "lsn", None):
        segmenter = open_segmenter(name)
        np.testing.assert_allclose(segmenter.phi(image, SPACING_MM), expected, atol=1e-4, err_msg=segmenter.origin)
        assert segmenter.target == "tumor"


def test_a_model_is_known_by_its_files_wherever_they_lie(run, tmp_path):
    card = packaged.write_weights(run, "lsn", {}, tmp_path / "weights")
    write_saved_model(AnySize(keras.saving.load_model(run.model, compile=False), 16), run.saved_model, card)
    digests = [open_segmenter(folder).sha256 for folder in (run.path, run.saved_model)]
    run.path.rename(tmp_path / "moved")
    moved = RunDir(tmp_path / "moved")
    assert [open_segmenter(folder).sha256 for folder in (moved.path, moved.saved_model)] == digests
    assert open_segmenter("lsn").sha256 == card["sha256"] and len({card["sha256"], *digests}) == 3
    write_json(moved.config, {**RECORD, "image_size": 32})  # another grid is another model
    assert open_segmenter(moved.path).sha256 != digests[0]


def test_the_highest_version_of_a_saved_model_is_taken(tmp_path):
    for version in ("9", "10", "old"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "saved_model.pb").touch()
    assert segmenters.saved_model_in(tmp_path) == tmp_path / "10"


def test_without_packaged_weights_a_model_must_be_given(run):
    with pytest.raises(ValueError, match="^expected --model, as no weights come with this package"):
        open_segmenter(None)


@pytest.mark.parametrize("name", ["lsn", "none"])
def test_what_is_no_model_is_refused(run, tmp_path, name):
    with pytest.raises(
        ValueError, match="model must be the folder of a training run or of a SavedModel, or an .onnx file. Received"
    ):
        open_segmenter(tmp_path / name)


def test_a_saved_model_of_which_one_byte_was_changed_is_refused_in_one_line(run):
    card = packaged.write_weights(run, "lsn", {}, run.path.parent / "weights")
    write_saved_model(AnySize(keras.saving.load_model(run.model, compile=False), 16), run.saved_model, card)
    assert open_segmenter(run.saved_model).target == "tumor"
    path = run.saved_model / "variables" / "variables.data-00000-of-00001"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"Changed, added or lost: variables/{path.name}") as caught:
        open_segmenter(run.saved_model)
    assert "\n" not in str(caught.value)


def test_a_saved_model_that_does_not_say_what_it_segments_is_refused(run):
    write_saved_model(AnySize(keras.saving.load_model(run.model, compile=False), 16), run.saved_model)
    with pytest.raises(ValueError, match="expected the model card .*python -m lsn_tf.export"):
        open_segmenter(run.saved_model)


@pytest.mark.parametrize("name", ["1/saved_model.pb", "model.onnx"])
def test_a_damaged_model_is_refused_in_one_line(run, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(ValueError, match="that export has written|which export writes") as caught:
        open_segmenter(tmp_path / name.removesuffix("/saved_model.pb"))
    assert "\n" not in str(caught.value)


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def other_archive(content):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.json", "{}")
    return archive.getvalue()


@pytest.mark.parametrize(
    "change", [flipped, other_archive, lambda old: b"damaged", lambda old: b"", lambda old: old[: len(old) // 2]]
)
def test_damaged_weights_of_a_run_are_refused_by_name_in_one_line(run, change):
    run.model.write_bytes(change(run.model.read_bytes()))
    with pytest.raises(ValueError, match="model.keras: expected a whole model as train writes it") as caught:
        open_segmenter(run.path)
    assert "\n" not in str(caught.value) and "Copy the run again" in str(caught.value)


@pytest.mark.parametrize("content", ["{}", '{"model": "lsn", "tar', "", "[]"])
def test_a_damaged_config_of_a_run_is_refused_by_name_in_one_line(run, content):
    run.config.write_text(content)
    with pytest.raises(ValueError, match=r"config.json: expected .* Received .* [Cc]opy") as caught:
        open_segmenter(run.path)
    assert "\n" not in str(caught.value)


def test_a_run_that_has_not_finished_is_refused(run):
    run.model.unlink()
    with pytest.raises(FileNotFoundError, match="the run has not finished"):
        open_segmenter(run.path)


def test_a_model_that_needs_a_start_is_refused(run):
    still = {"curvature": "diffusion", "edges": "none", "smoothing": 0.0}
    LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=1, initial_contour="given", **still).save(run.model)
    with pytest.raises(ValueError, match="model must need no contour to start from"):
        open_segmenter(run.path)
