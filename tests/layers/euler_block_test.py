"""The residual block is a step of forward Euler."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.euler_block import EulerBlock


@pytest.mark.parametrize("time_step", [0.25, 1.0])
def test_the_increment_is_the_time_step_times_the_right_hand_side(time_step, rng):
    block, x = EulerBlock(time_step), rng.normal(size=(2, 5, 6, 3)).astype(np.float32)
    block.build(x.shape)
    block.rate.bias.assign(rng.normal(size=3))
    rate = ops.relu(ops.conv(ops.convert_to_tensor(x), block.rate.kernel, padding="same") + block.rate.bias)
    np.testing.assert_allclose(block(x), x + time_step * rate, rtol=1e-4, atol=1e-5)


def test_without_a_kernel_the_block_is_the_identity(rng):
    block, x = EulerBlock(), rng.normal(size=(2, 5, 6, 3)).astype(np.float32)
    block.build(x.shape)
    block.rate.kernel.assign(0 * block.rate.kernel)
    np.testing.assert_array_equal(ops.convert_to_numpy(block(x)), x)
