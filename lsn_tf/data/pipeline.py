"""From scans to batches: slices on the model's grid, shuffled and augmented as a function of (seed, epoch) alone."""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from lsn_tf.compilation import compiled
from lsn_tf.data.augmentation import augment, draw
from lsn_tf.data.contours import simulated_contours
from lsn_tf.data.volumes import Scan, resize_image

TARGETS = {"liver": 1, "tumor": 2}  # the lowest label that belongs to the target
Batch = tuple[dict[str, Any], Any]  # ({"image", "spacing"[, "phi_0"]}, mask), arrays or tensors


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
        return self.at(np.isin(self.volume_id, list(volume_ids)))

    def at(self, chosen: np.ndarray) -> "Slices":
        """Returns the slices that an array of positions, or of truth values, chooses."""
        return Slices(*(getattr(self, field.name)[chosen] for field in dataclasses.fields(self)))


def target_mask(label: np.ndarray, target: str) -> np.ndarray:
    """Returns where a label of {0, 1, 2} is the target: "liver", tumours included, or "tumor" alone; bool."""
    return label >= TARGETS[target]


def gather_slices(
    scans: Iterable[Scan], image_size: int, target: str = "liver", window: tuple[float, float] | None = None
) -> Slices:
    """Averages scans over the areas of image_size x image_size pixels and stacks their slices.

    Args:
        scans: to gather.
        image_size: side of the grid, pixels.
        target: what is inside.
        window: (low, high) in HU that intensities are clipped to before they are averaged; None for as they are.

    Raises:
        ValueError: if there is no scan.
    """
    parts = [_on_grid(scan, image_size, target, window) for scan in scans]
    if not parts:
        raise ValueError("the split must hold at least one scan. Received none; see which folds the data set has.")
    return Slices(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _on_grid(scan: Scan, image_size: int, target: str, window) -> tuple[np.ndarray, ...]:
    image = scan.image if window is None else np.clip(scan.image, *window).astype(scan.image.dtype)
    slices, height, width = scan.image.shape
    size = (image_size, image_size)
    spacing = np.multiply(scan.spacing_mm[1:], (height / image_size, width / image_size)).astype(np.float32)
    return (
        resize_image(image, size)[..., None],
        resize_image(target_mask(scan.label, target).astype(np.float32), size)[..., None],
        np.tile(spacing, (slices, 1)),
        np.full(slices, scan.volume_id, np.int32),
    )


def check_image_size(image_size: int) -> None:
    """Raises ValueError for a side of the grid of training, pixels, that the networks do not take."""
    if image_size < 16 or image_size % 16:
        raise ValueError(f"image_size must be a positive multiple of 16. Received {image_size}.")


def steps_per_epoch(slices: Slices, batch_size: int) -> int:
    """Returns the number of whole batches in an epoch. Raises ValueError if there is not one."""
    if len(slices) < batch_size:
        raise ValueError(f"batch_size must not exceed the {len(slices)} training slices. Received {batch_size}.")
    return len(slices) // batch_size


def training_batches(
    slices: Slices,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    augmented: bool = True,
    contour_kind: str | None = None,
) -> Iterator[Batch]:
    """Returns endless epochs of shuffled batches ({image, spacing[, phi_0]}, mask), `steps_per_epoch` each.

    Order, augmentation and initial contours of an epoch depend on (seed, epoch) alone, so a run resumed at
    `first_epoch` sees the batches that it would have seen.

    Args:
        slices: all of them.
        batch_size: slices a batch.
        seed: of all that is random.
        first_epoch: the first that is wanted.
        augmented: whether image and mask are changed, see `augment`.
        contour_kind: of the initial contours, "phi_0", see `simulated_contours`; None for none.

    Raises:
        ValueError: if there are fewer slices than a batch.
    """
    steps = steps_per_epoch(slices, batch_size)
    epochs = (
        _epoch(slices, batch_size, steps, seed, epoch, augmented, contour_kind)
        for epoch in itertools.count(first_epoch)
    )
    return itertools.chain.from_iterable(epochs)


def _epoch(
    slices: Slices, batch_size: int, steps: int, seed: int, epoch: int, augmented: bool, contour_kind: str | None
) -> Iterator[Batch]:
    rng, of_contours = np.random.default_rng([seed, epoch]), np.random.default_rng([seed, epoch, 1])
    order = rng.permutation(len(slices))
    for chosen in order[: steps * batch_size].reshape(steps, batch_size):
        image, mask = slices.image[chosen].astype(np.float32), slices.mask[chosen]
        if augmented:
            with _beside_the_step():
                image, mask = _compiled_augment()(image, mask, draw(rng, batch_size))
        inputs = {"image": image, "spacing": slices.spacing[chosen]}
        if contour_kind:
            inputs["phi_0"] = simulated_contours(contour_kind, np.asarray(mask), inputs["spacing"], of_contours)
        yield inputs, mask


@functools.cache
def _compiled_augment() -> Callable:
    return compiled(augment)


def _beside_the_step() -> contextlib.AbstractContextManager:
    """Where batches are augmented: TensorFlow takes them from the host's memory, JAX leaves them on the accelerator."""
    return keras.device("cpu:0") if keras.backend.backend() == "tensorflow" else contextlib.nullcontext()
