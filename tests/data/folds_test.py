"""The folds are the published ones, and monitoring scans split a patient at one seam at most."""

import numpy as np
import pytest

from lsn_tf.data import folds


def test_folds_are_those_of_scikit_learn_unshuffled():
    model_selection = pytest.importorskip("sklearn.model_selection")
    splits = model_selection.KFold(folds.NUM_FOLDS).split(np.arange(folds.NUM_VOLUMES))
    for fold, (training, held_out) in enumerate(splits):
        assert list(folds.held_out(fold)) == held_out.tolist()
        assert [v for k in folds.training_folds(fold) for v in folds.held_out(k)] == training.tolist()


def test_folds_are_as_published():
    starts_and_ends = [(folds.held_out(fold)[0], folds.held_out(fold)[-1]) for fold in range(5)]
    assert starts_and_ends == [(0, 26), (27, 52), (53, 78), (79, 104), (105, 130)]


def test_each_volume_is_held_out_by_its_own_fold_and_no_other():
    for volume_id in range(folds.NUM_VOLUMES):
        assert [fold for fold in range(5) if volume_id in folds.held_out(fold)] == [folds.fold_of_volume(volume_id)]


def test_volumes_beyond_the_published_ones_belong_to_no_fold():
    assert folds.fold_of_volume(130) == 4
    assert folds.fold_of_volume(131) is None


def test_where_nothing_is_held_out_all_volumes_are_trained_on():
    trained = [volume for fold in folds.training_folds(folds.parsed_fold("none")) for volume in folds.held_out(fold)]
    assert trained == list(range(folds.NUM_VOLUMES))
    with pytest.raises(ValueError, match="Received fold=none"):
        folds.held_out("none")


def test_a_flag_has_numbers_and_names_of_folds():
    assert [folds.parsed_fold(text) for text in ("0", "4", "none", "extra", "-1")] == [0, 4, "none", "extra", "-1"]


@pytest.mark.parametrize("fold", [-1, 5, 1.5, "all"])
def test_a_fold_that_does_not_exist_is_refused(fold):
    with pytest.raises(ValueError, match=f"fold must be in .*Received fold={fold}"):
        folds.held_out(fold)
    with pytest.raises(ValueError, match="fold must be in"):
        folds.training_folds(fold)


def test_a_negative_volume_number_is_refused():
    with pytest.raises(ValueError, match="Received volume_id=-1"):
        folds.fold_of_volume(-1)


@pytest.mark.parametrize("count, expected", [(2, 1), (3, 1), (10, 1), (26, 3), (94, 9), (104, 10)])
def test_validation_is_a_tenth_and_at_least_one_volume(count, expected):
    assert len(folds.monitoring_volumes(range(count))) == expected


@pytest.mark.parametrize("fold", range(5))
def test_validation_is_one_block_of_the_training_volumes_with_a_single_seam(fold):
    training = [v for other in folds.training_folds(fold) for v in folds.held_out(other)]
    chosen = folds.monitoring_volumes(training)
    positions = [training.index(v) for v in chosen]
    assert positions == list(range(positions[0], len(training)))
    assert not set(chosen) & set(folds.held_out(fold))


def test_validation_depends_neither_on_order_nor_on_repetition():
    volumes = list(range(3, 60, 2))
    shuffled = np.random.default_rng(0).permutation(volumes * 3)
    assert folds.monitoring_volumes(shuffled) == folds.monitoring_volumes(volumes)


def test_something_is_always_left_to_train_on():
    assert folds.monitoring_volumes([4, 5]) == (5,)


@pytest.mark.parametrize(("volume_ids", "message"), [([7], "at least two"), ([], "at least two"), ([-1, 2], "-1")])
def test_too_few_volumes_are_refused(volume_ids, message):
    with pytest.raises(ValueError, match=message):
        folds.monitoring_volumes(volume_ids)
