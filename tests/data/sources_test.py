"""Sources of scans: the twin and prepared data sets give the same kind of folds."""

import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from lsn_tf.data import folds, phantoms, sources

with tfds.core.registered.skip_registration():  # the real builder has this name too

    class _Builder(tfds.core.GeneratorBasedBuilder):
        """A prepared data set with the features of liver_lits: volumes 1 and 30, three slices each."""

        name = sources.DATASET
        VERSION = tfds.core.Version("1.0.0")
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=sources.DEFAULT_CONFIG)]

        def _info(self):
            features = {
                "image": tfds.features.Tensor(shape=(4, 6, 1), dtype=np.int16),
                "label": tfds.features.Tensor(shape=(4, 6, 1), dtype=np.uint8),
                "spacing_mm": tfds.features.Tensor(shape=(3,), dtype=np.float32),
                "volume_id": np.int32,
                "spacing_guessed": np.bool_,
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
            )

        def _split_generators(self, dl_manager):
            volumes = {"extra": (131,), "fold_0": (1, 2), "fold_1": (30,)}
            return {split: self._generate_examples(*numbers) for split, numbers in volumes.items()}

        def _generate_examples(self, *volumes):
            for key, (volume, index) in enumerate((v, i) for v in volumes for i in range(3)):
                yield (
                    key,
                    {
                        "image": np.full((4, 6, 1), 10 * volume + index, np.int16),
                        "label": np.full((4, 6, 1), index, np.uint8),
                        "spacing_mm": np.array([5.0, 0.7, 0.9], np.float32),
                        "volume_id": volume,
                        "spacing_guessed": volume == 30,
                    },
                )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    _Builder(data_dir=folder).download_and_prepare()
    return folder


def test_auto_takes_the_twin_where_nothing_is_prepared(tmp_path):
    source = sources.open_source("auto", tmp_path)
    assert source.name == "phantom" and source.synthetic


def test_auto_takes_the_prepared_data_set_where_there_is_one(prepared):
    source = sources.open_source("auto", prepared)
    assert source.name == "liver_lits/slices_256" and not source.synthetic


def test_asking_for_what_is_not_prepared_says_how_to_prepare_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="tfds build liver_lits"):
        sources.open_source("liver_lits", tmp_path)


@pytest.mark.parametrize("name", ["lits", "auto/volumes", "phantom/1", ""])
def test_another_name_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="dataset must be"):
        sources.open_source(name, tmp_path)


def test_slices_are_joined_to_scans_with_their_geometry(prepared):
    first, second = sources.open_source("liver_lits", prepared).scans(0)
    assert (first.volume_id, second.volume_id) == (1, 2)
    assert first.image.shape == first.label.shape == (3, 4, 6)
    assert first.image[:, 0, 0].tolist() == [10, 11, 12]
    assert first.spacing_mm == pytest.approx((5.0, 0.7, 0.9))
    assert not first.spacing_guessed
    assert next(sources.open_source("liver_lits", prepared).scans(1)).spacing_guessed


def test_a_fold_without_volumes_is_named(prepared):
    with pytest.raises(ValueError, match="Received fold=4"):
        next(sources.open_source("liver_lits", prepared).scans(4))


def test_volumes_that_no_published_fold_covers_are_the_fold_extra(prepared):
    source = sources.open_source("liver_lits", prepared)
    assert [scan.volume_id for scan in source.scans(sources.EXTRA)] == [131]


def test_a_source_knows_which_folds_it_has(prepared):
    assert sources.open_source("liver_lits", prepared).folds == (0, 1, sources.EXTRA)
    assert sources.Phantoms().folds == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("dataset", "contiguous"),
    [
        ("phantom", True),
        ("liver_lits/volumes", True),
        ("liver_lits/slices_256", False),
        ("liver_lits/slices_512", False),
    ],
)
def test_slices_are_contiguous_in_whole_volumes_and_in_the_twin_only(dataset, contiguous):
    assert sources.is_contiguous(dataset) is contiguous


@pytest.mark.parametrize("fold", range(folds.NUM_FOLDS))
def test_every_fold_of_the_twin_holds_its_published_volumes_alone(fold, monkeypatch):
    monkeypatch.setattr(phantoms, "make_scans", lambda numbers: iter(list(numbers)))
    numbers = list(sources.Phantoms().scans(fold))
    assert numbers and set(numbers) <= set(folds.held_out(fold))


def test_the_newest_version_is_read(tmp_path):
    for version in ("1.0.0", "1.10.0", "1.2.0", "incomplete.X_1.11.0"):
        folder = tmp_path / "liver_lits" / "slices_256" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text("{}")
    assert sources.open_source("auto", tmp_path).folder.name == "1.10.0"


def test_a_prepared_data_set_without_tfds_says_what_to_do(prepared, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match="python -m lsn_tf.arrays, and say --arrays=FILE.npz"):
        next(sources.open_source("liver_lits", prepared).scans(0))
