"""Mean shares are compared with what white noise has, and p-values hold under each null."""

import numpy as np
import pytest
from scipy import stats

from lsn_tf.analysis import nulls
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.mean_shares import COPIES, DRAWS, mean_shares

NAMED = {entry.name: entry.kernel for entry in named_kernels()}


@pytest.mark.parametrize("null", ["gaussian", "permuted", "untrained", "glorot_normal"])
def test_p_values_are_uniform_under_the_null(null, rng):
    draw = (
        (lambda: nulls.initial(null, 60, 3, rng))
        if null in nulls.INITIALIZER_NAMES
        else lambda: nulls.gaussian(60, 3, rng)
    )
    layers, untrained = ({f"layer {i}": draw() for i in range(80)} for _ in range(2))
    made = mean_shares(layers, null, untrained=untrained)
    for order in (1, 2, 3, 4):
        p_values = [share.p_value for share in made if share.order == order]
        if (null, order) == ("permuted", 1):  # the sum does not depend on the places
            assert set(p_values) == {1}
            continue
        assert len(p_values) == 80 and stats.kstest(p_values, "uniform").pvalue > 0.001


def test_the_shares_of_white_noise_are_those_of_the_dimensions(rng):
    made = mean_shares({"noise": nulls.gaussian(3000, 3, rng)})
    for share, expected in zip(made, (8 / 9, 6 / 9, 3 / 9, 1 / 9), strict=True):
        assert share.share == pytest.approx(expected, abs=0.02)
        assert share.chance == pytest.approx(expected, abs=0.002) and share.chance_high > share.chance
        assert share.interval[0] < share.share < share.interval[1]


@pytest.mark.parametrize("null", ["gaussian", "permuted", "untrained"])
def test_differences_are_found_up_to_their_order(null, rng):
    """Second differences stand out in the first two orders; first differences in the first alone."""
    layers = {name: NAMED[name] + 0.02 * rng.normal(size=(200, 3, 3)) for name in ("prewitt_x", "laplacian_diagonal")}
    untrained = {name: rng.normal(size=(200, 3, 3)) for name in layers}
    made = {(share.layer, share.order): share for share in mean_shares(layers, null, untrained=untrained)}
    least = 1 / (DRAWS + 1)
    assert made["prewitt_x", 1].p_value == (1 if null == "permuted" else least) and made["prewitt_x", 2].p_value > 0.99
    assert made["laplacian_diagonal", 2].p_value == least and made["laplacian_diagonal", 3].p_value > 0.99
    assert made["prewitt_x", 1].q_value >= made["prewitt_x", 1].p_value


def test_layers_without_a_living_kernel_are_left_out(rng):
    assert mean_shares({"dead": np.zeros((0, 3, 3))}) == []
    with pytest.raises(ValueError, match="null must be one of"):
        mean_shares({"a": nulls.gaussian(3, 3, rng)}, "none")


def test_an_untrained_layer_without_a_living_kernel_is_no_evidence(rng):
    """Kernels that begin as zeros, as the last layer of a residual branch may, say nothing of chance."""
    layers = {"last": np.tile(NAMED["laplacian_5"], (30, 1, 1))}
    made = mean_shares(layers, "untrained", untrained={"last": np.zeros((0, 3, 3))})
    assert [share.share for share in made[:2]] == pytest.approx([1, 1])
    assert {(share.chance, share.p_value) for share in made} == {(0, 1)}


def test_a_kernel_alone_is_at_best_the_first_of_itself_and_its_copies():
    """A p-value of 1 / 20 then; copies that are ranked without the kernel would give 1 / 200."""
    stencil = next(entry.kernel for entry in named_kernels() if entry.name == "laplacian_mehrstellen")
    made = mean_shares({"one": stencil[None]}, "permuted")
    assert made[1].share == pytest.approx(1) and 0.5 / (COPIES + 1) < made[1].p_value < 2 / (COPIES + 1)
