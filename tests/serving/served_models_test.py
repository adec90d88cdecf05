"""A run, its SavedModel and packaged weights are served alike, with what is known of them."""

import shutil

import keras
import numpy as np
import pytest

from lsn_tf.artifacts import RunDir, write_json
from lsn_tf.exported.manifest import write_manifest
from lsn_tf.models import LevelSetNetwork
from lsn_tf.segmenters import load_segmenter
from lsn_tf.serving import served_models
from lsn_tf.serving.served_models import open_served_model
from lsn_tf.weights import packaged

RECORD = {"model": "lsn:width=2", "dataset": "phantom", "synthetic": True, "fold": 2, "target": "tumor", "seed": 7}
RECORD |= {"image_size": 16, "window_hu": [-100, 400], "epochs": 3, "command": "python -m lsn_tf.train"}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDir:
    """A network of random weights, exported."""
    run = RunDir(tmp_path_factory.mktemp("runs") / "run")
    write_json(run.config, RECORD)
    keras.utils.set_random_seed(1)
    LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=1).save(run.model)
    return run


@pytest.mark.slow
def test_a_run_its_saved_model_and_its_packaged_weights_give_the_same_phi(run, rng, monkeypatch, tmp_path):
    monkeypatch.setattr(packaged.names, "__defaults__", (tmp_path,))
    monkeypatch.setattr(packaged.load_weights, "__defaults__", (tmp_path,))
    packaged.write_weights(run, "lsn", {}, tmp_path)
    image = rng.normal(50, 100, (2, 20, 25, 1)).astype(np.float32)
    inputs = {"image": image, "spacing": np.float32([[0.7, 0.9]] * 2)}
    expected = np.asarray(load_segmenter(run).predict_on_batch(inputs))
    write, written = served_models.write_saved_model, tmp_path / "written" / "1"
    card = packaged.model_card(RECORD, load_segmenter(run).model, "lsn", {}, {})
    monkeypatch.setattr(
        served_models, "write_saved_model", lambda *given: (write(*given, card), shutil.copytree(given[1], written))
    )
    first = open_served_model(run.path)  # it has no SavedModel yet
    shutil.copytree(written, run.saved_model)
    monkeypatch.setattr(served_models, "write_saved_model", lambda _, folder: shutil.copytree(written, folder))
    for served in (first, *map(open_served_model, ("lsn", None, run.path, run.saved_model, run.saved_model.parent))):
        answer = served.signatures["serving_default"].apply(inputs)
        np.testing.assert_allclose(answer["phi"], expected, atol=1e-4)
        np.testing.assert_array_equal(answer["mask"], answer["phi"] < 0)
        assert (served.about["target"], served.about["window_hu"]) == ("tumor", [-100, 400])
        assert {"serving_int16", "volume", "evolve"} <= served.signatures.keys() and served.version == "1"


def test_a_saved_model_that_was_changed_is_not_served(threshold_folder, tmp_path):
    shutil.copytree(threshold_folder / "3", changed := tmp_path / "3")
    (changed / "assets" / "more").parent.mkdir(exist_ok=True)
    (changed / "assets" / "more").touch()
    with pytest.raises(ValueError, match="expected the files of its manifest. Changed, added or lost: assets/more"):
        open_served_model(changed)


def test_signatures_say_what_they_take(threshold_folder):
    served = open_served_model(threshold_folder)
    assert served.version == "3" and list(served.signatures) == ["count", "evolve", "serving_default"]
    evolve = served.signatures["evolve"]
    assert {name: (spec.shape, spec.dtype.name) for name, spec in evolve.inputs.items()} == {
        "spacing": ((3,), "float32"),
        "times": ((None,), "float32"),
        "volume": ((None, None, None), "int16"),
    }
    assert served.about["target"] is None


def test_what_is_no_model_is_refused_in_one_line(tmp_path):
    with pytest.raises(ValueError, match="model must be the folder of a training run or of a SavedModel. Received"):
        open_served_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"damaged")
    write_manifest(tmp_path)
    with pytest.raises(ValueError, match="expected a SavedModel that export has written") as caught:
        open_served_model(tmp_path)
    assert "\n" not in str(caught.value)
