"""The classical coefficients: fronts expand in flat regions and are drawn to edges, horizontal or vertical."""

import numpy as np
import pytest
from keras import ops

from lsn_tf.layers.edge_indicator import EdgeIndicator
from lsn_tf.layers.geodesic_active_contour import GeodesicActiveContour
from lsn_tf.layers.level_set_evolution import LevelSetEvolution

EDGE = 12.0  # the border of the two halves of the image, in pixels from the first pixel's centre + 1/2


def turned(array, axis):
    """Returns a batch of one slice that varies along this axis (1 or 2)."""
    return (array if axis == 1 else array.T)[None, ..., None].astype(np.float32)


def front_after(start, axis):
    """Returns where a plane front ends, in pixels, that starts near an edge and is drawn to it alone."""
    rows = np.arange(24.0)[:, None] + np.zeros((24, 24))
    image, phi, pixel = turned(100.0 * (rows >= EDGE), axis), turned(rows - start, axis), np.ones((1, 2), np.float32)
    g = EdgeIndicator(sigma_mm=1.5, contrast=10.0)(image, pixel)
    fields = GeodesicActiveContour(balloon=0.0, attraction=1.0, smoothing=0.0)(g, pixel)
    phi = ops.convert_to_numpy(LevelSetEvolution(40)(phi, fields, pixel))[0, ..., 0]
    return np.interp(0.0, (phi if axis == 1 else phi.T)[:, 12], np.arange(24))


@pytest.mark.parametrize("axis", [1, 2], ids=["horizontal_edge", "vertical_edge"])
@pytest.mark.parametrize("distance", [-2.0, 2.0])
def test_a_front_is_attracted_to_an_edge_from_both_sides(axis, distance):
    assert abs(front_after(EDGE - 0.5 + distance, axis) - (EDGE - 0.5)) < 0.5


@pytest.mark.parametrize("distance", [-2.0, 2.0])
def test_a_front_is_attracted_to_horizontal_edges_as_to_vertical_ones(distance):
    horizontal, vertical = (front_after(EDGE - 0.5 + distance, axis) for axis in (1, 2))
    assert horizontal == pytest.approx(vertical, abs=1e-4)


def test_the_coefficients_are_those_of_the_equation(spacing):
    y, x = np.meshgrid(np.arange(6) * 0.7, np.arange(7) * 0.9, indexing="ij")
    g = (0.5 + 0.02 * y + 0.03 * x)[None, ..., None].astype(np.float32)
    fields = GeodesicActiveContour(balloon=2.0, attraction=3.0, smoothing=0.5)(g, spacing)
    np.testing.assert_allclose(fields["speed"], 2.0 * g)
    np.testing.assert_allclose(fields["curvature_weight"], 0.5 * np.sqrt(0.7 * 0.9) * g, rtol=1e-6)
    inner = np.array(fields["velocity"])[0, 1:-1, 1:-1]
    np.testing.assert_allclose(inner, np.broadcast_to([-0.06, -0.09], inner.shape), rtol=1e-4)


def test_the_coefficients_in_space_are_those_of_the_equation():
    pixel = np.array([2.5, 0.7, 0.9])
    g = 0.5 + np.tensordot([0.01, 0.02, 0.03], pixel[:, None, None, None] * np.indices((5, 6, 7)), axes=1)
    g = g[None, ..., None]
    fields = GeodesicActiveContour(2.0, 3.0, 0.5, dtype="float64")(g, pixel[None])
    np.testing.assert_allclose(fields["speed"], 2.0 * g)
    np.testing.assert_allclose(fields["curvature_weight"], 0.5 * np.prod(pixel) ** (1 / 3) * g)
    inner = np.array(fields["velocity"])[0, 1:-1, 1:-1, 1:-1]
    np.testing.assert_allclose(inner, np.broadcast_to([-0.03, -0.06, -0.09], inner.shape), rtol=1e-9)


def test_the_three_scalars_are_weights_unless_frozen():
    layer = GeodesicActiveContour()
    layer.build((1, 4, 4, 1))
    assert len(layer.trainable_weights) == 3
    layer.trainable = False
    assert not layer.trainable_weights


@pytest.mark.parametrize("argument", ["attraction", "smoothing"])
def test_negative_weights_are_refused(argument):
    with pytest.raises(ValueError, match=f"must not be negative.*{argument}=-1"):
        GeodesicActiveContour(**{argument: -1})


def test_without_smoothing_there_is_no_curvature_to_be_learned(spacing):
    layer = GeodesicActiveContour(attraction=0.0, smoothing=0.0)
    assert layer(np.ones((1, 6, 7, 1), np.float32), spacing).keys() == {"speed"}
    assert [weight.name for weight in layer.trainable_weights] == ["balloon"]
