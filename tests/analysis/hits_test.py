"""A stencil is a hit of its family and of the finite differences of its order, at any scale, sign and turn."""

import numpy as np
import pytest
from scipy import stats

from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.hits import claim_names, find_hits, known_chances
from lsn_tf.analysis.nulls import gaussian
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.templates import make_templates

TEMPLATES = make_templates()
NAMES = claim_names(TEMPLATES)


@pytest.mark.parametrize("entry", named_kernels(), ids=lambda entry: entry.name)
def test_a_named_kernel_is_of_its_family(entry):
    hits = find_hits(-7 * np.rot90(entry.kernel)[None], TEMPLATES)[0]
    assert hits[NAMES.index(entry.family)]


def test_orders_are_those_of_the_derivatives():
    kernels = {entry.name: entry.kernel for entry in named_kernels()}
    stack = np.stack([kernels[name] for name in ("local_mean", "prewitt_x", "laplacian_5")])
    orders = find_hits(stack, TEMPLATES, 0.999)[:, -4:]
    assert orders.tolist() == [[False] * 4, [True, False, False, False], [True, True, False, False]]


def test_a_higher_threshold_has_fewer_hits(rng):
    kernels = rng.normal(size=(5000, 3, 3))
    low, high = find_hits(kernels, TEMPLATES, 0.7), find_hits(kernels, TEMPLATES, 0.8)
    assert (high <= low).all() and high.sum() < low.sum()


def test_chances_are_known_for_gaussian_kernels_alone():
    chances = known_chances("gaussian", TEMPLATES, 0.9)
    assert len(chances) == len(NAMES) and np.isfinite(chances[-4:]).all()
    assert np.isnan(known_chances("glorot_uniform", TEMPLATES, 0.9)).all()
    space = claim_names(make_templates(size=(3, 3, 3)))
    assert space[-6:] == tuple(f"finite difference of order {order}" for order in range(1, 7))
    wider = make_templates(symmetries=Symmetries(), size=5)
    assert len(known_chances("gaussian", wider, 0.9)) == len(claim_names(wider)) == len(wider.families) + 8


@pytest.mark.parametrize("threshold", [0.7, 0.9])
def test_random_kernels_hit_with_the_chances_that_are_known(threshold, rng):
    hits = find_hits(gaussian(100_000, 3, rng), TEMPLATES, threshold).sum(axis=0).tolist()
    for found, chance in zip(hits, known_chances("gaussian", TEMPLATES, threshold), strict=True):
        assert np.isnan(chance) or stats.binomtest(found, 100_000, chance).pvalue > 0.001
