"""Networks of random and planted kernels, saved as .npz, and their analysis, for the tests of it."""

import csv

import keras
import numpy as np

from lsn_tf.analysis.analyzing import analyze
from lsn_tf.analysis.config import Config
from lsn_tf.analysis.dictionary import named_kernels

NAMED = {entry.name: entry.kernel for entry in named_kernels()}
EXACT = ("identity", "backward_x", "forward_y", "central_x", "sobel_y", "laplacian_9", "emboss", "gaussian_blur")
FILES = (
    *("claims.csv", "clusters.csv", "divergence.csv", "kernels.csv", "layers.csv", "mean_shares.csv"),
    *("published_rule.csv", "summary.json"),
)


def random_kernel(rng, inputs=6, outputs=20, size=3):
    return rng.normal(size=(size, size, inputs, outputs)).astype(np.float32)


def planted_kernel(rng) -> np.ndarray:
    """Returns a kernel with the stencils of EXACT, scaled, at input 1 and their place among the outputs."""
    kernel = random_kernel(rng)
    for place, name in enumerate(EXACT):
        kernel[..., 1, place] = rng.uniform(0.5, 2) * NAMED[name]
    return kernel


def save(folder, name="model", **kernels):
    """Saves kernels, (*spatial, input, output), and returns the file."""
    np.savez(folder / f"{name}.npz", **kernels)
    return folder / f"{name}.npz"


def run(model, folder, **options):
    """Analyses without a page, unless told otherwise."""
    return analyze(Config(str(model), str(folder), **{"page": False} | options))


def read_table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def planted_in_keras(kernel, path):
    """Saves a network of one layer, "planted", by Keras, and returns the file."""
    network = keras.Sequential([keras.Input((8, 8, 6)), keras.layers.Conv2D(20, 3, use_bias=False, name="planted")])
    network.layers[0].set_weights([kernel])
    network.save(path)
    return path
