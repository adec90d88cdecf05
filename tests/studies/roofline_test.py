"""A roofline by hand, and that the works it is measured with are done."""

import numpy as np
import pytest

from lsn_tf.studies import roofline
from lsn_tf.studies.roofline import COPY, PRODUCT, Peak, ProbeSize, measured_peak, peak_works
from lsn_tf.studies.step_costs import StepCost


@pytest.mark.parametrize(
    ("flops", "moved", "seconds", "bound"), [(50, 20, 2.0, "memory"), (400, 20, 4.0, "arithmetic")]
)
def test_the_longer_of_arithmetic_and_traffic_bounds_the_time(flops, moved, seconds, bound):
    peak, cost = Peak(flops_per_second=100, bytes_per_second=10), StepCost(flops, moved, "shapes")
    assert (peak.attainable_seconds(cost), peak.bound(cost)) == (seconds, bound)


def test_the_peak_counts_two_operations_for_a_multiplication_and_an_addition_and_both_ways_of_a_copy(monkeypatch):
    monkeypatch.setattr(roofline, "ON_CPU", ProbeSize(side=3, copied_bytes=64, calls=7))
    assert measured_peak({PRODUCT: 0.5, COPY: 0.25}) == Peak(7 * 2 * 27 / 0.5, 7 * 2 * 64 / 0.25)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.1)])
def test_all_products_and_all_copies_are_made(precision, tolerance, monkeypatch):
    monkeypatch.setattr(roofline, "ON_CPU", ProbeSize(side=4, copied_bytes=64, calls=3))
    works = peak_works(precision)
    matrix = np.random.default_rng(0).normal(size=(4, 4)) / 2
    power = np.linalg.matrix_power(matrix, 3 + 1)
    np.testing.assert_allclose(works[PRODUCT](), power[:1], atol=tolerance * np.abs(power).max())
    np.testing.assert_array_equal(works[COPY](), [1.0 + 3])
