"""From scans to batches: slices on the model's grid, shuffled and augmented as a function of (seed, epoch) alone."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from lsn_tf.data.volumes import Scan, resize_image

TARGETS = {"liver": 1, "tumor": 2}  # the lowest label that belongs to the target
AIR_HU = -1000.0
MAX_ROTATION = np.deg2rad(15.0)
MAX_ZOOM = 0.2
MAX_SHIFT = 0.1  # of the side
MAX_INTENSITY_SHIFT_HU = 15.0
MAX_CONTRAST = 0.15


@dataclasses.dataclass(frozen=True)
class Slices:
    """Axial slices on one grid, those of a scan together and in order.

    Attributes:
        image: (n, size, size, 1), int16, HU.
        mask: (n, size, size, 1), float32, the share of the pixel's area that is target: borders keep their place
            between pixels.
        spacing: (n, 2), float32, (dy, dx) in mm.
        volume_id: (n,), int32.
    """

    image: np.ndarray
    mask: np.ndarray
    spacing: np.ndarray
    volume_id: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    def of_volumes(self, volume_ids: Iterable[int]) -> "Slices":
        """Returns the slices of these volumes."""
        chosen = np.isin(self.volume_id, list(volume_ids))
        return Slices(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))


def target_mask(label: np.ndarray, target: str) -> np.ndarray:
    """Returns where a label of {0, 1, 2} is the target: "liver", tumours included, or "tumor" alone; bool."""
    return label >= TARGETS[target]


def gather_slices(scans: Iterable[Scan], image_size: int, target: str = "liver") -> Slices:
    """Averages scans over the areas of image_size x image_size pixels and stacks their slices.

    Raises:
        ValueError: if there is no scan.
    """
    parts = [_on_grid(scan, image_size, target) for scan in scans]
    if not parts:
        raise ValueError("the split must hold at least one scan. Received none; see which folds the data set has.")
    return Slices(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _on_grid(scan: Scan, image_size: int, target: str) -> tuple[np.ndarray, ...]:
    slices, height, width = scan.image.shape
    size = (image_size, image_size)
    spacing = np.multiply(scan.spacing_mm[1:], (height / image_size, width / image_size)).astype(np.float32)
    return (
        resize_image(scan.image, size)[..., None],
        resize_image(target_mask(scan.label, target).astype(np.float32), size)[..., None],
        np.tile(spacing, (slices, 1)),
        np.full(slices, scan.volume_id, np.int32),
    )


def steps_per_epoch(slices: Slices, batch_size: int) -> int:
    """Returns the number of whole batches in an epoch. Raises ValueError if there is not one."""
    if len(slices) < batch_size:
        raise ValueError(f"batch_size must not exceed the {len(slices)} training slices. Received {batch_size}.")
    return len(slices) // batch_size


def training_batches(
    slices: Slices, batch_size: int, seed: int, first_epoch: int = 0, augmented: bool = True
) -> tf.data.Dataset:
    """Returns endless epochs of shuffled batches ({image, spacing}, mask), `steps_per_epoch` each.

    Order and augmentation of an epoch depend on (seed, epoch) alone, so a run resumed at `first_epoch` sees
    the batches that it would have seen.

    Raises:
        ValueError: if there are fewer slices than a batch.
    """
    steps = steps_per_epoch(slices, batch_size)
    image, mask, spacing = (tf.constant(a) for a in (slices.image, slices.mask, slices.spacing))

    def batch(step):
        epoch, position = step // steps, step % steps
        order = tf.random.experimental.stateless_shuffle(tf.range(len(slices)), tf.stack([seed, epoch]))
        chosen = order[position * batch_size : (position + 1) * batch_size]
        x, y = tf.cast(tf.gather(image, chosen), tf.float32), tf.gather(mask, chosen)
        if augmented:
            x, y = augment(x, y, tf.stack([seed, step]))
        return {"image": x, "spacing": tf.gather(spacing, chosen)}, y

    steps_from_here = tf.data.Dataset.range(first_epoch * steps, np.iinfo(np.int64).max)
    return steps_from_here.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(
        tf.data.AUTOTUNE
    )


def augment(image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies one random affine map a slice to image and mask alike, and a random change of intensity to the image.

    Args:
        image: (batch, height, width, 1), float32, HU.
        mask: (batch, height, width, 1), float32.
        seed: (2,), integer; equal seeds give equal results.
    """
    draws = tf.random.stateless_uniform((6, tf.shape(image)[0]), tf.cast(seed, tf.int64), -1.0, 1.0)
    transforms = _affine(draws[:4], tf.cast(tf.shape(image)[1:3], tf.float32))
    contrast, shift = 1.0 + MAX_CONTRAST * draws[4], MAX_INTENSITY_SHIFT_HU * draws[5]
    image = image * contrast[:, None, None, None] + shift[:, None, None, None]
    return _warp(image, transforms, AIR_HU), _warp(mask, transforms, 0.0)


def _affine(draws: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns the projective transforms, (batch, 8), output pixel to input pixel, about the middle of the image."""
    angle, zoom = MAX_ROTATION * draws[0], 1.0 + MAX_ZOOM * draws[1]
    cos, sin = tf.cos(angle) / zoom, tf.sin(angle) / zoom
    middle_y, middle_x = (size[0] - 1.0) / 2.0, (size[1] - 1.0) / 2.0
    shift_y, shift_x = MAX_SHIFT * size[0] * draws[2], MAX_SHIFT * size[1] * draws[3]
    offset_x = middle_x + shift_x - cos * middle_x + sin * middle_y
    offset_y = middle_y + shift_y - sin * middle_x - cos * middle_y
    zero = tf.zeros_like(cos)
    return tf.stack([cos, -sin, offset_x, sin, cos, offset_y, zero, zero], axis=1)


def _warp(batch: tf.Tensor, transforms: tf.Tensor, fill: float) -> tf.Tensor:
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=batch,
        transforms=transforms,
        output_shape=tf.shape(batch)[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=fill,
    )
    return tf.ensure_shape(warped, batch.shape)
