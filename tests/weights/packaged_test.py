"""Weights come back as they were, and not at all where they are not those of their card."""

import keras
import numpy as np
import pytest

from lsn_tf.artifacts import RunDir, read_json, write_json
from lsn_tf.data.phantoms import make_scan
from lsn_tf.metrics import dice
from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.numerics.level_sets import inside
from lsn_tf.weights.packaged import LARGEST_BYTES, NOT_HELD_OUT, load_weights, names, write_weights

SCORES = {"Dice per scan, fold 0 held out": 0.5}
RECORD = {"model": "lsn", "dataset": "liver_lits", "synthetic": False, "fold": 2, "target": "liver", "seed": 7}
RECORD |= {"image_size": 16, "window_hu": [-100, 400], "epochs": 3, "command": "python -m lsn_tf.train"}


@pytest.fixture
def run(tmp_path) -> RunDir:
    """A network of random weights."""
    run = RunDir(tmp_path / "run")
    write_json(run.config, RECORD)
    keras.utils.set_random_seed(1)
    LevelSetNetwork((-100.0, 400.0), width=2, scales=1, steps=1).save(run.model)
    return run


def test_the_packaged_weights_give_the_phi_of_the_run(run, tmp_path, rng):
    card = write_weights(run, "lsn", SCORES, tmp_path / "weights")
    model, loaded = load_weights("lsn", tmp_path / "weights")
    inputs = {"image": rng.normal(50, 100, (2, 16, 16, 1)), "spacing": np.full((2, 2), 0.8)}
    expected = keras.saving.load_model(run.model, compile=False).predict_on_batch(inputs)
    np.testing.assert_array_equal(model.predict_on_batch(inputs), expected)
    assert loaded == card == read_json(tmp_path / "weights" / "lsn.json")
    assert names(tmp_path / "weights") == ["lsn"]


def test_dice_does_not_depend_on_the_resolution_of_the_image():
    """The same patients, of the synthetic twin, at 96 to 256 pixels a side: Dice is the same within 0.01."""
    model, _ = load_weights("lsn")
    means = []
    for size in (96, 128, 192, 256):
        scans = [make_scan(volume_id, size=size) for volume_id in range(4)]
        spacings = [np.tile(np.float32(scan.spacing_mm[1:]), (len(scan.image), 1)) for scan in scans]
        inputs = [
            {"image": s.image[..., None].astype(np.float32), "spacing": h} for s, h in zip(scans, spacings, strict=True)
        ]
        masks = [inside(keras.ops.convert_to_numpy(model(given)))[..., 0] for given in inputs]
        means.append(np.mean([dice(scan.label > 0, mask) for scan, mask in zip(scans, masks, strict=True)]))
    assert min(means) > 0.85 and np.ptp(means) < 0.01, means


def test_a_changed_byte_is_noticed(run, tmp_path):
    write_weights(run, "lsn", SCORES, tmp_path)
    content = bytearray((tmp_path / "lsn.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "lsn.keras").write_bytes(content)
    with pytest.raises(ValueError, match="expected the sha256 of its model card"):
        load_weights("lsn", tmp_path)


def test_another_name_is_refused(run, tmp_path):
    write_weights(run, "lsn", SCORES, tmp_path)
    with pytest.raises(ValueError, match=r"comes with the package, \['lsn'\]. Received 'unet'"):
        load_weights("unet", tmp_path)


def test_the_card_says_what_a_user_must_know(run, tmp_path):
    write_weights(run, "lsn", SCORES, tmp_path)
    text = (tmp_path / "lsn.md").read_text()
    for words in ("NOT FOR CLINICAL USE", "CC BY-SA 4.0", "fold 0 held out | 0.5", "Bilic", "fold held out: 2"):
        assert words in text


def test_weights_beyond_1_mb_are_not_packaged(run, tmp_path, monkeypatch):
    assert LARGEST_BYTES == 1_000_000
    monkeypatch.setattr("lsn_tf.weights.packaged.LARGEST_BYTES", 1000)
    with pytest.raises(ValueError, match="must take at most 1,000 bytes"):
        write_weights(run, "lsn", SCORES, tmp_path / "weights")
    assert not list((tmp_path / "weights").iterdir())


def test_weights_without_a_card_are_not_offered(run, tmp_path):
    write_weights(run, "lsn", SCORES, tmp_path / "weights")
    (tmp_path / "weights" / "lsn.json").unlink()
    assert names(tmp_path / "weights") == []


def test_a_run_of_all_folds_says_that_its_scores_are_of_other_trainings(run, tmp_path):
    counts = {"training_scans": 121, "training_slices": 621}
    write_json(run.config, {**RECORD, "fold": "none", "training": counts})
    card = write_weights(run, "lsn", SCORES, tmp_path / "weights")
    text = (tmp_path / "weights" / "lsn.md").read_text()
    for words in ("fold held out: none", "121 scans, 621 slices", "trainings of this model in the same way"):
        assert words in text
    assert (card["fold_held_out"], card["scans"]) == (NOT_HELD_OUT, 121)


def test_two_models_lie_beside_each_other(run, tmp_path):
    write_weights(run, "lsn", SCORES, tmp_path)
    UNet((-100.0, 400.0), (2, 2)).save(run.model)
    write_weights(run, "unet", SCORES, tmp_path)
    assert names(tmp_path) == ["lsn", "unet"]
    assert [type(load_weights(name, tmp_path)[0].model) for name in names(tmp_path)] == [LevelSetNetwork, UNet]
