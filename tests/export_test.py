"""An export is a further version, whole and equal to the model, or nothing."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lsn_tf import export, saved_model
from lsn_tf.artifacts import RunDir, read_json, write_json
from lsn_tf.exported import parity, signatures
from lsn_tf.exported.manifest import check_manifest
from lsn_tf.models import LevelSetNetwork
from lsn_tf.saved_model import CARD, CARD_TEXT, CERTIFICATE
from lsn_tf.weights.packaged import load_weights

RECORD = {"model": "lsn:width=2", "dataset": "phantom", "data_dir": None, "synthetic": True, "fold": 2, "seed": 7}
RECORD |= {"target": "tumor", "image_size": 16, "window_hu": [-100, 400], "epochs": 3, "command": "train"}
RESULTS = {"dice_per_scan_mean": 0.5, "scans": 9}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDir:
    """A network that nobody has trained, exported once."""
    run = RunDir(tmp_path_factory.mktemp("run"))
    write_json(run.config, RECORD)
    write_json(run.results, RESULTS)
    keras.utils.set_random_seed(1)
    LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=2, curvature="diffusion", edges="none").save(run.model)
    export.export(str(run.path))
    return run


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_beside_the_model_lies_what_a_user_must_know(run):
    folder = run.saved_model
    assert folder == run.path / "saved_model" / "1"
    check_manifest(folder)
    card = read_json(folder / CARD)
    assert card["target"] == "tumor" and card["certified"] and "NOT FOR CLINICAL USE" in card["intended_use"]
    assert card["scores"] == {"Dice per scan, mean (held-out fold)": 0.5, "Scans (held-out fold)": 9}
    assert "NOT FOR CLINICAL USE" in (folder / CARD_TEXT).read_text()
    assert read_json(folder / CERTIFICATE) == read_json(run.certificate)


def test_the_saved_model_has_its_signatures(run):
    signatures = tf.saved_model.load(str(run.saved_model)).signatures
    images = ("float16", "float64", "uint8", "int8", "uint16", "int16", "int32", "int64")
    named = {"serving_default", "volume", "volume_int16", "evolve", "evolve_mask"}
    assert set(signatures) == named | {f"serving_{dtype}" for dtype in images}


def test_parity_is_recorded_for_every_signature(run):
    report = read_json(run.parity)
    assert {(row["format"], row["signature"]) for row in report["formats"]} == {
        ("saved_model", name) for name in tf.saved_model.load(str(run.saved_model)).signatures
    }
    assert all(row["agree"] and row["fold"] == 2 for row in report["formats"])
    assert {row["slices"] for row in report["formats"]} == {1, 8}
    assert report["model_sha256"] == read_json(run.certificate)["model_sha256"]


def test_nothing_of_a_format_that_differs_is_kept_and_what_was_there_is(run, monkeypatch):
    before = files(run.path)
    monkeypatch.setattr(parity, "TOLERANCE_MM", -1.0)
    with pytest.raises(RuntimeError, match="the saved_model must give the model's phi.* was removed") as caught:
        export.export(str(run.path))
    assert "\n" not in str(caught.value) and files(run.path) == before


@pytest.mark.parametrize("name", ["evolve", "evolve_mask", "serving_uint8", "volume_int16"])
def test_one_signature_that_differs_is_enough_to_refuse(run, monkeypatch, name):
    def falsified(model):
        found = signatures.signatures(model)
        right = found[name]

        def wrong(*tensors):
            answer = right.function(*tensors)
            return {**answer, "phi": answer["phi"] + 0.01}

        return {**found, name: signatures.Signature(wrong, right.specs)}

    monkeypatch.setattr(saved_model, "signatures", falsified)
    with pytest.raises(RuntimeError, match=f"{name} differs by 0.0[01]"):
        export.export(str(run.path))


def test_packaged_weights_are_exported_as_runs_are(tmp_path):
    exported = export.export(model="lsn", export_dir=str(tmp_path / "lsn"))
    folder, packaged = tmp_path / "lsn" / "saved_model" / "1", load_weights("lsn")[1]
    assert exported["saved_model"] == str(folder) and exported["certified"]
    check_manifest(folder)
    card = read_json(folder / CARD)
    assert card == {key: value for key, value in packaged.items() if key not in ("bytes", "sha256")}
    assert read_json(folder / CERTIFICATE) == read_json(tmp_path / "lsn" / "certificate.json")
    rows = read_json(tmp_path / "lsn" / "parity.json")["formats"]
    assert all(row["agree"] and row["dataset"] == "phantom" for row in rows)
    assert {"evolve", "serving_default"} <= {row["signature"] for row in rows}


@pytest.mark.parametrize(
    "given", [{}, {"model": "lsn"}, {"run_dir": "runs/lsn", "model": "lsn"}, {"run_dir": "x", "export_dir": "y"}]
)
def test_a_run_or_packaged_weights_with_a_place_are_expected(given):
    with pytest.raises(ValueError, match="expected --run_dir, or --model with --export_dir. Received"):
        export.export(**given)


def test_a_second_export_is_the_second_version_beside_the_first(run):
    first = files(run.saved_models / "1")
    exported = export.export(str(run.path))
    assert exported["saved_model"] == str(run.saved_models / "2") == str(run.saved_model)
    assert files(run.saved_models / "1") == first
    assert sorted(path.name for path in run.saved_models.iterdir()) == ["1", "2"]
    assert len(read_json(run.parity)["formats"]) == len(tf.saved_model.load(str(run.saved_model)).signatures)


@pytest.mark.parametrize("formats", [(), ("tflite",), ("saved_model", "tflite")])
def test_a_format_that_does_not_exist_is_refused(run, formats):
    with pytest.raises(ValueError, match="format must be one or some of saved_model, onnx. Received"):
        export.export(str(run.path), formats=formats)


def test_onnx_is_written_beside_and_agrees(run):
    exported = export.export(str(run.path), formats=("onnx",))
    assert exported["onnx"] == str(run.onnx) and run.onnx.is_file() and "saved_model" not in exported
    rows = read_json(run.parity)["formats"]
    assert {row["format"] for row in rows[:-1]} == {"saved_model"}
    assert rows[-1]["format"] == "onnx" and rows[-1]["agree"]
    assert not np.isnan(exported["largest_difference_mm"])
