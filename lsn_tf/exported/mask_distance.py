"""The signed distance of a mask as a TensorFlow graph: for a contour that is drawn where no Python runs."""

import tensorflow as tf

from lsn_tf.numerics.level_sets import INSIDE

_UNREACHED_MM2 = 1e12  # stands for infinity inside, where inf - inf would be NaN


def distance_to_pixels(mask, spacing):
    """Returns what `numerics.level_sets.distance_to_pixels` does, of one slice.

    Args:
        mask: (height, width) bool, with pixels inside and outside.
        spacing: (2,) float32, pixel size (dy, dx), mm.

    Returns:
        phi, (height, width) float32, mm.

    Reference: Felzenszwalb & Huttenlocher (2012), doi:10.4086/toc.2012.v008a019 (one pass along each axis).
    """
    apart = _distance_to(~mask, spacing) + _distance_to(mask, spacing)
    distance = apart - 0.5 * tf.reduce_min(spacing)
    return tf.where(mask, INSIDE * distance, -INSIDE * distance)


def _distance_to(mask, spacing):
    """Returns how far each pixel centre is from the nearest one in a mask."""
    squared = _nearest_in_rows(tf.where(mask, 0.0, _UNREACHED_MM2), spacing[1])
    return tf.sqrt(tf.transpose(_nearest_in_rows(tf.transpose(squared), spacing[0])))


def _nearest_in_rows(squared, pixel):
    """Returns min over j of squared[i, j] + ((j - k) pixel)**2 for each (i, k), row after row to bound the memory."""
    place = pixel * tf.range(tf.shape(squared)[1], dtype=squared.dtype)
    between = (place[:, None] - place[None, :]) ** 2
    return tf.map_fn(lambda row: tf.reduce_min(row[None, :] + between, axis=1), squared, parallel_iterations=1)
