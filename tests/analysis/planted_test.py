"""Planted stencils are all found without noise and nothing else is; noise takes its toll where it must."""

import numpy as np
import pytest

from lsn_tf.analysis import planted
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.templates import make_templates, nearest

TEMPLATES = make_templates()


def detected(templates, noises, thresholds=planted.THRESHOLDS, each=10, random=10_000):
    rng = np.random.default_rng(0)
    return [
        planted.detect(*planted.hide(templates, noise, each, random, rng), templates, noise, thresholds)
        for noise in noises
    ]


@pytest.mark.parametrize("symmetries", [Symmetries(), Symmetries(sign=False), Symmetries(turns=False)], ids=str)
def test_without_noise_all_are_found_by_name_among_ten_thousand_and_nothing_else(symmetries):
    (clean,) = detected(make_templates(symmetries=symmetries), [0.0])
    assert clean.recall.min() == clean.named.min() == 1  # at every threshold
    assert clean.average_precision == 1
    assert clean.precision[clean.thresholds >= 0.995].min() == 1


@pytest.mark.parametrize("size", [5, (3, 3, 3)], ids=str)
def test_without_noise_all_are_found_by_name_in_wider_kernels_and_in_space(size):
    (clean,) = detected(make_templates(size=size), [0.0])
    assert clean.recall.min() == clean.named.min() == clean.average_precision == 1
    assert clean.precision[clean.thresholds >= 0.995].min() == 1


def test_what_is_hidden_is_there_in_random_order_and_the_rest_is_random(rng):
    kernels, truth = planted.hide(TEMPLATES, 0.0, 3, 500, rng)
    assert np.bincount(truth + 1).tolist() == [500] + [3] * len(TEMPLATES.names)
    assert not (np.diff(truth[truth >= 0]) >= 0).all() and kernels.dtype == np.float32
    _, similarity = nearest(kernels, TEMPLATES)
    np.testing.assert_allclose(similarity[truth >= 0], 1, rtol=1e-5)
    assert similarity[truth == planted.RANDOM].max() < 0.999


def test_at_thirty_per_cent_of_noise_nearly_all_are_found():
    (noisy,) = detected(TEMPLATES, [0.3], each=50)
    assert noisy.recall[np.searchsorted(noisy.thresholds, 0.9)] > 0.97
    assert noisy.average_precision > 0.95


def test_recall_falls_with_noise_and_with_the_threshold():
    curves = detected(TEMPLATES, [0.0, 0.15, 0.3])
    assert all((np.diff(curve.recall) <= 0).all() for curve in curves)
    assert (curves[0].recall >= curves[1].recall).all() and (curves[1].recall >= curves[2].recall).all()
    assert all((curve.named <= curve.recall).all() for curve in curves)
    assert curves[0].named.mean() > curves[1].named.mean() > curves[2].named.mean()


def test_precision_counts_the_random_ones():
    """So low a threshold is reached by all: precision is the share that was planted."""
    (curve,) = detected(TEMPLATES, [0.1], [0.01, 1.1], each=2, random=1000)
    count = 2 * len(TEMPLATES.names)
    assert curve.precision.tolist() == [count / (count + 1000), 1] and curve.recall.tolist() == [1, 0]


def test_average_precision_agrees_with_its_definition(rng):
    from sklearn.metrics import average_precision_score

    true, false = rng.normal(1, 1, 50).round(1), rng.normal(0, 1, 200).round(1)
    truth = np.repeat([1, 0], [50, 200])
    expected = average_precision_score(truth, np.concatenate([true, false]))
    assert planted.average_precision(true, false) == pytest.approx(expected)


def test_noise_is_relative_to_the_stencil(rng):
    kernels, truth = planted.plant(TEMPLATES, 0.3, 200, rng)
    index, similarity = nearest(kernels, TEMPLATES)
    own = similarity[index == truth]
    assert np.mean(1 / own**2 - 1) == pytest.approx(0.3**2 * 8 / 9, rel=0.1)  # the part at a right angle
    signs = kernels.reshape(len(kernels), 9)[truth == 0].sum(axis=1) > 0  # of the identity
    assert 0.3 < signs.mean() < 0.7
