"""Diffusion is the Laplacian, second-order accurate, and monotone: what curvature is for a signed distance."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers import Diffusion, LevelSetStep
from lsn_tf.layers.boundary import BOUNDARIES, pad
from lsn_tf.numerics.consistency import observed_order

SCALES = [1.0, 0.5, 0.25]


def laplacian(phi, pixel, **arguments):
    phi = np.asarray(phi, np.float64)[None, ..., None]
    return ops.convert_to_numpy(Diffusion(dtype="float64", **arguments)(phi, np.array([pixel])))[0, ..., 0]


def grid(scale, pixel):
    """Returns pixel size and the pixel centres of about 14 mm a side, their origin at the corner."""
    pixel = tuple(scale * h for h in pixel)
    return pixel, np.meshgrid(*(h * np.arange(round(14 / h)) for h in pixel), indexing="ij")


@pytest.mark.parametrize("pixel", [(0.7, 0.9), (1.3, 0.7, 0.9)], ids=["plane", "space"])
def test_diffusion_is_second_order_accurate(pixel):
    errors = []
    for scale in SCALES:
        spacing, axes = grid(scale, pixel)
        waves = [np.sin(x / (2 + n)) for n, x in enumerate(axes)]
        exact = sum(-wave / (2 + n) ** 2 for n, wave in enumerate(waves))
        inner = (slice(1, -1),) * len(pixel)
        errors.append(np.abs(laplacian(sum(waves), spacing) - exact)[inner].max())
    assert observed_order(errors, SCALES) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("pixel", [(0.7, 0.9), (1.3, 0.7, 0.9)], ids=["plane", "space"])
def test_of_a_signed_distance_it_is_its_curvature(pixel):
    errors = []
    for scale in SCALES:
        spacing, axes = grid(scale, pixel)
        distance = np.sqrt(sum((x + 20) ** 2 for x in axes))  # far from its centre, which lies beyond the corner
        inner = (slice(1, -1),) * len(pixel)
        errors.append(np.abs(laplacian(distance - 25, spacing) - (len(pixel) - 1) / distance)[inner].max())
    assert observed_order(errors, SCALES) == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("boundary", ["replicate", "periodic"])
def test_nothing_is_lost_or_won(boundary, rng):
    """The sum over all pixels is zero: the flux out of one is the flux into another, and none crosses the frame."""
    assert laplacian(rng.normal(size=(6, 7)), (0.7, 0.9), boundary=boundary).sum() == pytest.approx(0, abs=1e-12)


def test_raising_any_other_pixel_never_lowers_it_and_its_own_rate_is_the_courant_rate(rng):
    phi, spacing = rng.normal(size=(5, 6)), (0.7, 0.9)
    before = laplacian(phi, spacing)
    rate = float(ops.convert_to_numpy(built().courant_rate(np.array([spacing])))[0, 0, 0, 0])
    for index in np.ndindex(phi.shape):
        raised = phi.copy()
        raised[index] += 1
        change = laplacian(raised, spacing) - before
        own, change[index] = change[index], 0
        assert change.min() >= -1e-12 and -rate - 1e-9 <= own < 0
    assert rate == pytest.approx(2 / 0.7**2 + 2 / 0.9**2)


def built():
    layer = Diffusion(dtype="float64")
    layer.build((None, None, None, 1))
    return layer


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_more_padding_than_needed_changes_nothing(boundary, rng):
    phi, spacing = rng.normal(size=(2, 5, 6, 1)), np.array([(0.7, 0.9)] * 2)
    layer = Diffusion(boundary=boundary, dtype="float64")
    wide = layer.of_padded(pad(phi, 3, boundary), spacing, 3) if layer(phi, spacing) is not None else None
    np.testing.assert_allclose(wide, layer(phi, spacing), rtol=1e-12, atol=1e-12)


def test_a_disc_collapses_as_it_does_under_curvature():
    """d(r**2)/dt = -2 epsilon; a signed distance stays nearly one near the front for a while."""
    pixel, radius, seconds, epsilon = (0.7, 0.9), 9.0, 10.0, 1.0
    axes = np.meshgrid(*(h * (np.arange(round(40 / h)) + 0.5) - 20 for h in pixel), indexing="ij")
    phi = (np.hypot(*axes) - radius)[None, ..., None]
    step, spacing = LevelSetStep(curvature="diffusion", dtype="float64"), np.array([pixel])
    step.build(phi.shape)
    fields = {"curvature_weight": np.full((1, 1, 1, 1), epsilon)}
    for _ in range(100):
        phi = step(phi, fields, spacing, np.full((1, 1, 1, 1), seconds / 100))
    area = (np.asarray(phi) < 0).sum() * np.prod(pixel)
    assert np.sqrt(area / np.pi) == pytest.approx(np.sqrt(radius**2 - 2 * epsilon * seconds), abs=0.3)
