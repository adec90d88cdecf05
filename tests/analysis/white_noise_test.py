"""The bands hold white noise as often as they say, and nothing that is far from it."""

import numpy as np
import pytest
from scipy import stats

from lsn_tf.analysis.diversity import variance_entropy
from lsn_tf.analysis.identification import dc_energy
from lsn_tf.analysis.white_noise import MOST_KERNELS, dc_energy_band, entropy_band


@pytest.mark.parametrize("size", [3, 5])
def test_of_one_kernel_the_band_is_that_of_the_beta_distribution(size):
    law = stats.beta(0.5, (size**2 - 1) / 2)
    low, high = dc_energy_band(size**2, 1)
    assert law.cdf(high) - law.cdf(low) == pytest.approx(0.95, abs=0.015) and law.cdf(low) < 0.05


@pytest.mark.parametrize("kernels", [16, 256])
def test_white_noise_lies_in_the_bands_in_95_of_100_layers(kernels, rng):
    layers = [rng.standard_normal((kernels, 3, 3)) for _ in range(400)]
    energies = np.array([dc_energy(layer).mean() for layer in layers])
    entropies = np.array([variance_entropy(layer) for layer in layers])
    for values, (low, high) in ((energies, dc_energy_band(9, kernels)), (entropies, entropy_band(9, kernels))):
        inside = np.mean((low <= values) & (values <= high))
        assert 0.91 < inside < 0.985


def test_the_drawn_and_the_normal_band_agree_where_they_meet():
    drawn, normal = (np.array(dc_energy_band(9, MOST_KERNELS + more)) for more in (0, 1))
    np.testing.assert_allclose(drawn - 1 / 9, normal - 1 / 9, rtol=0.1)


def test_the_bands_shrink_as_a_layer_grows():
    for band in (dc_energy_band, entropy_band):
        wide, narrow = (np.ptp(band(9, n)) for n in (50, 800))
        assert narrow < wide / 3
    low, high = entropy_band(9, 800)
    assert low < high < np.log10(9)
