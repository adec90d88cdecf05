"""The arrival time solves the eikonal equation as fast marching does, on TensorFlow and JAX, and has gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import ndimage

from lsn_tf.layers.eikonal import Eikonal, shear, unshear
from lsn_tf.numerics.consistency import observed_order
from lsn_tf.numerics.level_sets import arrival_time, ball, pixel_centres

GRIDS = {"2-D": ((12, 14), (0.7, 0.9)), "3-D": ((6, 11, 10), (2.5, 0.7, 0.9))}
every_grid = pytest.mark.parametrize("shape, spacing", GRIDS.values(), ids=GRIDS)


def solve(speed, initial_time, spacing, rounds=4, dtype="float64"):
    solver = tf.function(Eikonal(rounds, dtype=dtype))  # its loops are slow in Python
    time = solver(speed[None, ..., None], initial_time[None, ..., None], np.array([spacing]))
    return ops.convert_to_numpy(time)[0, ..., 0]


def varying_speed(rng, shape, amplitude=1.0):
    """Returns smooth speeds about 1 mm/s; for an amplitude of 1 the fastest is a few times the slowest."""
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 2.0)
    return np.exp(amplitude * smooth / np.abs(smooth).max())


def point(shape, where=None):
    source = np.full(shape, np.inf)
    source[where or tuple(n // 2 for n in shape)] = 0.0
    return source


def relative_residual(time, speed, spacing):
    """Returns F |grad T| - 1 by Godunov's differences, written out for one array."""
    squared = np.zeros(time.shape)
    for axis, h in enumerate(spacing):
        padded = np.pad(time, [(1, 1) if n == axis else (0, 0) for n in range(time.ndim)], constant_values=1e9)
        before, after = (np.take(padded, np.arange(time.shape[axis]) + n, axis=axis) for n in (0, 2))
        squared += (np.maximum(time - np.minimum(before, after), 0) / h) ** 2
    return speed * np.sqrt(squared) - 1


@pytest.mark.parametrize("ratio", [(1.0, 1.2), (2.0, 1.0, 1.2)], ids=["2-D", "3-D"])
def test_the_distance_from_a_ball_is_first_order_accurate(ratio):
    errors, pixels = [], [1.0, 0.5, 0.25] if len(ratio) == 2 else [0.8, 0.6, 0.4]
    for pixel in pixels:
        spacing = tuple(pixel * r for r in ratio)
        shape = [2 * round(5 / h) + 1 for h in spacing]
        exact = ball(shape, spacing, [n // 2 * h for n, h in zip(shape, spacing, strict=True)], 0.0)
        found = solve(np.full(shape, 2.0), np.where(exact < 2.0, exact / 2, np.inf), spacing, rounds=1)
        errors.append(np.abs(found - exact / 2).mean())
    assert observed_order(errors, pixels) == pytest.approx(1, abs=0.2)


@every_grid
def test_the_scheme_is_solved_to_rounding(rng, shape, spacing):
    speed, source = varying_speed(rng, shape), point(shape)
    residual = relative_residual(solve(speed, source, spacing, rounds=8), speed, spacing)
    np.testing.assert_allclose(residual[np.isinf(source)], 0, atol=1e-11)


@every_grid
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-11), ("float32", 1e-5)])
def test_it_agrees_with_fast_marching(rng, shape, spacing, dtype, tolerance):
    speed = varying_speed(rng, shape)
    centre = [n // 2 * h for n, h in zip(shape, spacing, strict=True)]
    marched = arrival_time(speed, spacing, ball(shape, spacing, centre, 2.0), order=1)
    started = np.where(marched < 4.0, marched, np.inf)  # beyond what scikit-fmm starts from, where it is not upwind
    np.testing.assert_allclose(solve(speed, started, spacing, rounds=5, dtype=dtype), marched, rtol=tolerance)


@every_grid
def test_planes_along_an_axis_are_exact(shape, spacing):
    for axis, x in enumerate(pixel_centres(shape, spacing)):
        for distance in (x, x.max() - x):
            source = np.where(distance == 0, 0.25, np.inf)
            found = solve(np.full(shape, 2.0), source, spacing, rounds=1)
            np.testing.assert_allclose(found, 0.25 + distance / 2, rtol=1e-12, err_msg=f"axis {axis}")


@every_grid
def test_transposing_the_problem_transposes_the_solution(rng, shape, spacing):
    speed, source = varying_speed(rng, shape), point(shape, tuple(n // 4 for n in shape))
    found = solve(speed, source, spacing, rounds=5)
    np.testing.assert_allclose(solve(speed.T, source.T, spacing[::-1], rounds=5), found.T, rtol=1e-12)
    np.testing.assert_allclose(solve(speed[::-1], source[::-1], spacing, rounds=5), found[::-1], rtol=1e-12)


@every_grid
def test_one_image_alone_is_the_same_image_in_a_batch(rng, shape, spacing):
    speed = np.stack([varying_speed(rng, shape), varying_speed(rng, shape)])
    source = np.stack([point(shape), point(shape, (0,) * len(shape))])
    spacings = np.array([spacing, np.multiply(spacing, 1.5)])
    both = ops.convert_to_numpy(Eikonal(dtype="float64")(speed[..., None], source[..., None], spacings))[..., 0]
    for n in range(2):
        np.testing.assert_allclose(both[n], solve(speed[n], source[n], spacings[n]), rtol=1e-12)


def test_rounds_only_make_it_earlier_and_a_detour_takes_more_than_one():
    speed, source = np.ones((9, 9)), point((9, 9), (0, 0))
    speed[1, :-1] = speed[3, 1:] = 0.0  # a path that winds from the first pixel to the last
    times = [solve(speed, source, (1.0, 1.0), rounds) for rounds in (1, 2, 4, 5)]
    assert np.isinf(times[0][4, 4]) and np.isfinite(times[2][4, 4])
    for later, earlier in zip(times, times[1:], strict=False):
        assert (earlier <= later).all()
    np.testing.assert_array_equal(times[2], times[3])


def test_known_times_stay_and_obstacles_are_never_reached():
    source = point((5, 6), (0, 0))
    source[0, 3] = 100.0  # later than the front, which goes around it
    speed = np.ones((5, 6))
    speed[2, 2] = 0.0
    found = solve(speed, source, (0.7, 0.9))
    assert found[0, 0] == 0 and found[0, 3] == 100 and np.isinf(found[2, 2])
    assert np.isfinite(found).sum() == 29


def test_without_a_source_no_front_arrives():
    assert np.isinf(solve(np.ones((4, 5)), np.full((4, 5), np.inf), (0.7, 0.9))).all()


@pytest.fixture
def problem(rng):
    """Returns a small problem as tensors: speed, initial time and spacing."""
    shape = (7, 8)
    arrays = varying_speed(rng, shape)[None, ..., None], point(shape)[None, ..., None], np.array([(0.7, 0.9)])
    return tuple(tf.constant(array) for array in arrays)


def gradient_of(layer, speed, source, spacing):
    """Returns the derivative of the sum of all times by the speed of each pixel."""
    with tf.GradientTape() as tape:
        tape.watch(speed)
        total = tf.reduce_sum(layer(speed, source, spacing))
    return tape.gradient(total, speed)


def test_the_gradient_is_that_of_finite_differences(problem):
    speed, source, spacing = problem
    layer = Eikonal(dtype="float64")
    gradient = gradient_of(layer, speed, source, spacing).numpy()
    assert np.isfinite(gradient).all() and (gradient <= 0).all()
    assert (gradient == 0).sum() == 1  # the source's own speed does not matter
    change = np.zeros(speed.shape)
    change[0, 2, 5, 0] = 1e-6
    difference = tf.reduce_sum(layer(speed + change, source, spacing) - layer(speed - change, source, spacing))
    assert gradient[0, 2, 5, 0] == pytest.approx(difference.numpy() / 2e-6, rel=1e-6)


def test_under_xla_solution_and_gradient_are_the_same(problem):
    layer = Eikonal(rounds=2, dtype="float64")
    compiled = tf.function(gradient_of, jit_compile=True)(layer, *problem)
    np.testing.assert_allclose(compiled, gradient_of(layer, *problem), rtol=1e-9)


def test_it_works_in_a_model_of_any_image_size(rng):
    inputs = [keras.Input((None, None, 1)), keras.Input((None, None, 1)), keras.Input((2,))]
    model = keras.Model(inputs, Eikonal()(*inputs))
    speed, source = varying_speed(rng, (9, 11)), point((9, 11))
    found = model.predict([speed[None, ..., None], source[None, ..., None], np.array([(0.7, 0.9)])], verbose=0)
    np.testing.assert_allclose(found[0, ..., 0], solve(speed, source, (0.7, 0.9)), rtol=1e-5)


def test_a_shear_turns_diagonals_into_rows_and_back(rng):
    x = rng.normal(size=(2, 4, 3, 5))
    sheared = ops.convert_to_numpy(shear(ops.convert_to_tensor(x), 2, fill=-7.0))
    for line in range(3):
        np.testing.assert_array_equal(sheared[:, line : line + 4, line], x[:, :, line])
    assert (sheared == -7).sum() == 2 * 2 * 3 * 5
    np.testing.assert_array_equal(ops.convert_to_numpy(unshear(sheared, 2)), x)


def test_what_cannot_be_solved_is_refused(spacing):
    with pytest.raises(ValueError, match="rounds must be at least 1. Received rounds=0"):
        Eikonal(0)
    with pytest.raises(ValueError, match=r"spacing \(batch, 3\). Received shapes \(1, 4, 5, 6, 1\) and \(1, 2\)"):
        Eikonal()(np.ones((1, 4, 5, 6, 1)), np.ones((1, 4, 5, 6, 1)), spacing)
