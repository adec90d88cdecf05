"""Named kernels hidden among random ones in a network, saved in every format, read back and found."""

import dataclasses
import math
import pathlib
import tempfile
from collections.abc import Sequence

import numpy as np

from lsn_tf.analysis.kernels import read_layers
from lsn_tf.analysis.planted import NOISE, THRESHOLDS, Detection, detect, hide
from lsn_tf.analysis.templates import Templates
from lsn_tf.studies.saved_formats import as_layer, save_chain


@dataclasses.dataclass(frozen=True, eq=False)
class Recovery:
    """What was found in a network of one layer for each level of noise.

    Attributes:
        shape: of the kernels.
        planted, random: how many there are of each in a layer.
        detections: one for each level of noise, from the kernels as they were before saving.
        bytes: size of the file or folder of each format.
        bit_equal: whether all kernels of each format came back bit for bit, in order.
        same: whether recall, names and precision from each format are those of `detections`, exactly.
    """

    shape: tuple[int, ...]
    planted: int
    random: int
    detections: list[Detection]
    bytes: dict[str, int]
    bit_equal: dict[str, bool]
    same: dict[str, bool]


def recover(
    templates: Templates,
    noises: Sequence[float] = NOISE,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    each: int = 10,
    random: int = 10_000,
    seed: int = 0,
) -> Recovery:
    """Hides named kernels among random ones, saves the network everywhere, reads every file and looks for them.

    Args:
        templates: what is hidden, and looked for.
        noises: levels, a layer each.
        thresholds: of the similarity.
        each: how often each named kernel is hidden in a layer.
        random: how many i.i.d. Gaussian kernels a layer has at least; a few more make it as wide as it is long.
        seed: of kernels and noise.
    """
    rng = np.random.default_rng(seed)
    planted = each * len(templates.names)
    random = (math.isqrt(planted + random - 1) + 1) ** 2 - planted
    hidden = {f"noise_{100 * noise:g}": hide(templates, noise, each, random, rng) for noise in noises}

    def found(layers):
        truths = [truth for _, truth in hidden.values()]
        return [
            detect(kernels, truth, templates, noise, thresholds)
            for kernels, truth, noise in zip(layers, truths, noises, strict=True)
        ]

    expected = found([kernels for kernels, _ in hidden.values()])
    sizes, equal, same = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        files = save_chain({name: as_layer(kernels) for name, (kernels, _) in hidden.items()}, pathlib.Path(folder))
        for form, path in files.items():
            layers = {layer.name: layer.kernels().values for layer in read_layers(path)}
            sizes[form] = sum(part.stat().st_size for part in [path, *path.rglob("*")] if part.is_file())
            equal[form] = list(layers) == list(hidden) and all(
                layers[name].tobytes() == kernels.tobytes() for name, (kernels, _) in hidden.items()
            )
            same[form] = list(layers) == list(hidden) and all(map(_same, found(layers.values()), expected))
    return Recovery(templates.shape, planted, random, expected, sizes, equal, same)


def _same(first: Detection, second: Detection) -> bool:
    pairs = zip(dataclasses.asdict(first).values(), dataclasses.asdict(second).values(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
