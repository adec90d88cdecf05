"""What the tests share: pixels that are not square, and random numbers that are seeded."""

import numpy as np
import pytest

SPACING = (0.7, 0.9)  # (dy, dx), mm; swapped axes give other results


@pytest.fixture
def spacing() -> np.ndarray:
    """The pixel size of a batch of one slice, (1, 2), mm."""
    return np.array([SPACING], np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2019)
