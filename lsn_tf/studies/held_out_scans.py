"""Scans that a network has not seen, scored again and again as its weights change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from lsn_tf.data.pipeline import target_mask
from lsn_tf.data.volumes import Scan
from lsn_tf.metrics import dice
from lsn_tf.models import AnySize
from lsn_tf.numerics.level_sets import inside
from lsn_tf.prediction import predict


class HeldOutScans:
    """Scans on the grid of a segmenter, made once, and their Dice whenever the segmenter's weights have changed.

    Args:
        segmenter: whose predictions are scored.
        scans: with labels.
        target: see `target_mask`.
        batch_size: slices at a time.
        inputs_of: returns what the segmenter is given of a scan.
    """

    def __init__(
        self,
        segmenter: AnySize,
        scans: Iterable[Scan],
        target: str,
        batch_size: int,
        inputs_of: Callable[[Scan], Mapping[str, np.ndarray]],
    ):
        self.segmenter, self.batch_size = segmenter, batch_size
        self.volume_ids, self.references, groups = [], [], {}
        for scan in scans:
            inputs = segmenter.grid_inputs(inputs_of(scan))
            groups.setdefault(scan.image.shape[1:], []).append((len(self.references), inputs))
            self.volume_ids.append(scan.volume_id)
            self.references.append(target_mask(scan.label, target))
        self.groups = [(size, [place for place, _ in members], _joined(members)) for size, members in groups.items()]

    def dice(self) -> np.ndarray:
        """Returns the Dice of each scan, over its own voxels, (scans,)."""
        scores = np.zeros(len(self.references))
        for size, places, inputs in self.groups:
            phi = predict(self.segmenter.model, inputs, self.batch_size)
            masks = np.concatenate([self._on_own_grid(part, size) for part in self._batches(phi)])
            ends = np.cumsum([len(self.references[place]) for place in places])[:-1]
            for place, predicted in zip(places, np.split(masks, ends), strict=True):
                scores[place] = dice(self.references[place], predicted)
        return scores

    def _batches(self, phi: np.ndarray) -> list[np.ndarray]:
        return [phi[start : start + self.batch_size] for start in range(0, len(phi), self.batch_size)]

    def _on_own_grid(self, phi: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return inside(ops.convert_to_numpy(self.segmenter.from_grid(phi, size=size))[..., 0])


def _joined(members: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[str, np.ndarray]:
    names = members[0][1]
    return {name: np.concatenate([ops.convert_to_numpy(inputs[name]) for _, inputs in members]) for name in names}
