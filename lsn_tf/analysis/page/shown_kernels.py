"""The kernels that a page shows one by one, as plain values for its script."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from lsn_tf.analysis.figures.style import COLOURS
from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.planes import plane_of

DIGITS = 4  # of a number
NUMBERS = ("norm", "dc_energy", "similarity")


def shown_kernels(findings: Findings) -> dict[str, Any]:
    """Returns the named kernels and, for each layer, weights, places and rows of the kernels shown, by columns.

    Places, x and y, are those in the layer's plane; null for dead kernels. Weights are one list, row by row.
    """
    names, kernels = findings.named()
    texts: dict[str, int] = {}  # each text once; kernels have its number
    return {
        "size": findings.size,
        "colours": COLOURS,
        "named": [
            {"name": entry.name, "family": entry.family, "weights": _rounded(kernel.ravel())}
            for entry, kernel in zip(findings.dictionary, kernels, strict=True)
        ],
        "layers": [_layer(findings, layer, kernels, texts) for layer in findings.layers],
        "texts": list(texts),
    }


def _layer(findings: Findings, layer: Layer, named: np.ndarray, texts: dict[str, int]) -> dict[str, Any]:
    sample = findings.samples[layer.name]
    kernels, columns = layer.kernels[sample.index], sample.columns
    plane = plane_of(layer.living)
    shown = {
        "name": layer.name,
        "stage": layer.stage,
        "kernels": layer.count,
        "input": columns["input"].tolist(),
        "output": columns["output"].tolist(),
        "weights": _rounded(kernels.ravel()),
        "dead": np.flatnonzero(columns["dead"]).tolist(),
        **{name: _rounded(columns[name]) for name in NUMBERS},
        **{name: [texts.setdefault(text, len(texts)) for text in columns[name]] for name in ("operator", "nearest")},
        **{name: [int(text or -1) for text in columns[name]] for name in findings.partitions},
    }
    if plane is None:
        return shown | {"plane": None}
    alive = layer.alive[sample.index]
    places = [
        _rounded(column) if is_alive else None
        for column, is_alive in zip(plane.points(kernels).astype(float), alive.tolist(), strict=True)
    ]
    return shown | {
        "plane": {
            "explained": _rounded(plane.axes.explained[:2]),
            "places": places,
            "named": [_rounded(place) for place in plane.points(named)],
        }
    }


def _rounded(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in np.asarray(values).tolist()]
