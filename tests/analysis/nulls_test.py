"""Nulls have the distributions they are named for, and the chances that have a formula are those that are drawn."""

import numpy as np
import pytest
from scipy import stats

from lsn_tf.analysis import nulls
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.templates import family_similarities, make_templates


def test_gaussian_kernels_are_standard_normal(rng):
    assert stats.kstest(nulls.gaussian(2000, 3, rng).ravel(), "norm").pvalue > 0.001


@pytest.mark.parametrize("name", nulls.INITIALIZER_NAMES)
def test_initial_weights_are_those_of_keras(name, rng):
    import keras

    fan_in, fan_out = 9 * 4, 9 * 16
    keras.utils.set_random_seed(7)
    ours = nulls.initial(name, 4000, 3, rng, fan_in, fan_out).ravel()
    theirs = np.concatenate([np.ravel(keras.initializers.get(name)((3, 3, 4, 16))) for _ in range(60)])
    assert stats.ks_2samp(ours, theirs).pvalue > 0.001
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.02)


def test_nulls_of_cubes_are_those_of_squares_with_more_weights(rng):
    for null in ("gaussian", *nulls.INITIALIZER_NAMES):
        ours = nulls.independent(null, 500, (3, 3, 3), rng)
        assert ours.shape == (500, 3, 3, 3)
        assert stats.ks_2samp(ours.ravel(), nulls.independent(null, 1500, 3, rng).ravel()).pvalue > 0.001
    assert np.array_equal(np.sort(nulls.permuted(ours, rng).reshape(500, 27)), np.sort(ours.reshape(500, 27)))


def test_an_unknown_initialiser_is_an_error(rng):
    with pytest.raises(ValueError, match="glorot_uniform"):
        nulls.initial("orthogonal", 1, 3, rng)


def test_permuted_kernels_keep_their_weights_and_lose_their_places(rng):
    kernels = np.arange(9000, dtype=np.float32).reshape(1000, 3, 3)
    shuffled = nulls.permuted(kernels, rng).reshape(1000, 9)
    np.testing.assert_array_equal(np.sort(shuffled, axis=1), kernels.reshape(1000, 9))
    places = [np.bincount(column % 9, minlength=9) for column in shuffled.astype(int).T]
    assert stats.chisquare(places, axis=1).pvalue.min() > 1e-4


def test_resampled_kernels_are_those_of_the_untrained(rng):
    kernels = rng.normal(size=(10, 3, 3)).astype(np.float32)
    drawn = nulls.resampled(kernels, 500, rng)
    assert drawn.shape == (500, 3, 3) and {k.tobytes() for k in drawn} == {k.tobytes() for k in kernels}


@pytest.mark.parametrize("subspace", [1, 3, 8])
def test_the_chance_of_a_cap_is_the_drawn_one(subspace, rng):
    rows = rng.normal(size=(200_000, 9))
    cosines = np.sqrt((rows[:, :subspace] ** 2).sum(1) / (rows**2).sum(1))
    for threshold in (0.5, 0.9):
        hits = int((cosines >= threshold).sum())
        assert stats.binomtest(hits, 200_000, nulls.cap_chance(threshold, 9, subspace)).pvalue > 0.001


@pytest.mark.parametrize("symmetries", [Symmetries(), Symmetries(sign=False), Symmetries(turns=False)], ids=str)
def test_chances_with_a_formula_are_the_drawn_ones(symmetries, rng):
    templates = make_templates(symmetries=symmetries)
    chances = nulls.gaussian_chances(templates, 0.85)
    assert np.isfinite(chances).any() and np.isnan(chances).any()
    near = family_similarities(nulls.gaussian(200_000, 3, rng), templates) >= 0.85
    for hits, chance in zip(near.sum(axis=0), chances, strict=True):
        assert np.isnan(chance) or stats.binomtest(int(hits), 200_000, chance).pvalue > 0.001


def test_without_scale_no_chance_has_a_formula():
    assert np.isnan(nulls.gaussian_chances(make_templates(symmetries=Symmetries(scale=False)), 0.9)).all()
