"""Kernels are checked once: what comes in is (n, s, s) and finite, and chunks cover each kernel once."""

import numpy as np
import pytest
import threadpoolctl

from lsn_tf.analysis import kernel_arrays


def test_float32_kernels_are_not_copied(rng):
    kernels = rng.normal(size=(5, 3, 3)).astype(np.float32)
    assert np.shares_memory(kernel_arrays.flat(kernels), kernels)


def test_a_width_is_that_of_a_square_and_a_shape_is_itself():
    assert kernel_arrays.shape_of(5) == (5, 5) and kernel_arrays.shape_of((3, 3, 3)) == (3, 3, 3)


def test_cubes_are_flattened_like_squares(rng):
    cubes = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    np.testing.assert_array_equal(kernel_arrays.flat(cubes), cubes.reshape(4, 27))


@pytest.mark.parametrize("shape", [(9,), (3, 3), (4, 3, 5), (4, 2, 2), (3, 3, 4, 5), (4, 2, 2, 2), (1, 3, 3, 3, 3)])
def test_another_shape_is_an_error_that_says_how_to_transpose(shape):
    with pytest.raises(ValueError, match=r"must be \(n, s, s\).*transpose\(3, 2, 0, 1\)"):
        kernel_arrays.flat(np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_kernels_that_are_not_finite_are_an_error(value):
    kernels = np.ones((4, 3, 3))
    kernels[2, 1, 0] = value
    with pytest.raises(ValueError, match="must be finite"):
        kernel_arrays.flat(kernels)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 20])
def test_chunks_cover_every_kernel_once_in_order(count):
    kernels = np.arange(count)
    assert [k for chunk in kernel_arrays.chunks(count, 8) for k in kernels[chunk]] == list(range(count))


def test_unit_kernels_have_norm_one_and_zeros_stay(rng):
    rows = rng.normal(size=(6, 9)).astype(np.float32)
    rows[3] = 0
    np.testing.assert_allclose(kernel_arrays.norms(kernel_arrays.unit(rows)), [1, 1, 1, 0, 1, 1], atol=1e-6)


def test_small_products_run_on_one_thread_and_the_setting_is_given_back():
    def threads():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    with threadpoolctl.threadpool_limits(2, "blas"):
        assert set(kernel_arrays.single_threaded(threads)()) == {1}
        assert set(threads()) == {2}
