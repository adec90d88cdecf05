"""Operations and bytes, counted by hand."""

import numpy as np
import pytest

from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.studies.step_costs import PASSES, cost_by_shapes, cost_by_xla

WINDOW_HU = (-100.0, 400.0)


def test_xla_counts_a_convolution_as_by_hand():
    jax = pytest.importorskip("jax")
    image, kernel = np.ones((2, 3, 9, 8), np.float32), np.ones((5, 3, 3, 3), np.float32)
    cost = cost_by_xla(lambda x, k: jax.lax.conv(x, k, (1, 1), "VALID"), image, kernel)
    outputs = 2 * 5 * 7 * 6
    assert cost.flops == outputs * 2 * 3 * 3 * 3
    assert cost.bytes >= 4 * (image.size + kernel.size + outputs)


def test_every_turn_of_a_loop_is_counted_and_of_loops_in_loops():
    jax = pytest.importorskip("jax")
    matrix, product = np.ones((16, 16), np.float32), 2 * 16**3

    def powers(turns):
        return lambda x: jax.lax.fori_loop(0, turns, lambda _, y: y @ x, x)

    def nested(x):
        return jax.lax.scan(lambda y, _: (powers(3)(y), None), x, length=5)[0]

    once, often = (cost_by_xla(powers(turns), matrix) for turns in (1, 7))
    assert often.flops == pytest.approx(7 * product, rel=0.01)
    assert often.bytes > 3 * once.bytes
    assert cost_by_xla(nested, matrix).flops == pytest.approx(15 * product, rel=0.01)


def test_operations_are_counted_for_the_cpu_where_they_are_not_for_the_device(monkeypatch):
    """As on a GPU, for which JAX does not count what it has lowered."""
    jax = pytest.importorskip("jax")
    counted = jax.stages.Lowered.cost_analysis

    def on_the_cpu_alone(lowered):
        return counted(lowered) if jax.config.jax_default_device else None

    monkeypatch.setattr(jax.stages.Lowered, "cost_analysis", on_the_cpu_alone)
    assert cost_by_xla(lambda x: x @ x, np.ones((16, 16), np.float32)).flops == 2 * 16**3


def test_a_loop_that_does_nothing_costs_nothing():
    jax = pytest.importorskip("jax")
    cost = cost_by_xla(lambda x: jax.lax.scan(lambda y, _: (y, None), x, length=3)[0], np.ones(4, np.float32))
    assert cost.flops <= 9  # the turns themselves


def test_the_convolutions_of_a_u_net_are_counted_by_their_shapes():
    cost = cost_by_shapes(UNet(WINDOW_HU, filters=(2, 4)), batch_size=3, image_size=8)
    fine = 9 * (1 * 2 + 2 * 2 + (4 + 2) * 2 + 2 * 2) + 2  # the last is the logit's
    coarse = 9 * (2 * 4 + 4 * 4)
    assert cost.flops == PASSES * 2 * 3 * (64 * fine + 16 * coarse)


def test_every_step_of_an_evolution_in_training_moves_phi():
    costs = [
        cost_by_shapes(LevelSetNetwork(WINDOW_HU, width=2, scales=2, steps=n, further_steps=further), 3, 8)
        for n, further in ((2, 4), (7, 0))
    ]
    assert costs[0].flops == costs[1].flops
    assert costs[1].bytes - costs[0].bytes == PASSES * 2 * 5 * 4 * 3 * (8 * 8 + 4 * 4)
