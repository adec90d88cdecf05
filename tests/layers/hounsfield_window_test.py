"""The window maps its ends to -1 and 1, clips, and takes intensities of any type."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.hounsfield_window import HounsfieldWindow

HU = np.array([-3000, -100, 150, 400, 3000]).reshape(1, 1, 5, 1)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_the_ends_are_minus_one_and_one_and_what_lies_beyond_is_clipped(dtype):
    windowed = ops.convert_to_numpy(HounsfieldWindow((-100, 400))(HU.astype(dtype)))
    np.testing.assert_array_equal(np.ravel(windowed), [-1, -1, 0, 1, 1])
    assert windowed.dtype == np.float32


@pytest.mark.parametrize("window", [(400, -100), (0, 0)])
def test_a_window_without_width_is_refused(window):
    with pytest.raises(ValueError, match="low < high"):
        HounsfieldWindow(window)
