"""What the benchmark of the kernel analysis measures: ours beside what TensorFlow and scikit-learn do by default."""

import pathlib

import numpy as np

from lsn_tf.analysis.identification import describe
from lsn_tf.analysis.kernel_arrays import chunks
from lsn_tf.analysis.nulls import gaussian
from lsn_tf.analysis.symmetries import canonical
from lsn_tf.analysis.tables import ROWS
from lsn_tf.analysis.templates import Templates
from lsn_tf.studies.process_costs import Work

FILTERS = 512  # of a layer of the network of random kernels
WIDEST = 512 * FILTERS  # kernels of such a layer at most
K = 8  # clusters
MOST_K = 16

READ_SETUP = "path = {path!r}; "
OUR_READER = Work(
    READ_SETUP + "from lsn_tf.analysis.network import read_network; import tensorflow", "read_network(path, 3)"
)
THEIR_READER = Work(
    READ_SETUP + "import tensorflow as tf",
    "[v.numpy() for v in tf.saved_model.load(path).variables if v.shape.rank == 4]",
)

SETUP = "from lsn_tf.studies.kernel_works import random_kernels, similarities_in_parts; "
SETUP += "kernels = random_kernels({count}); "
OURS = "from lsn_tf.analysis import clustering, principal_components, templates; "
OURS += "known = templates.make_templates(); "
THEIRS = "import numpy as np; from sklearn.cluster import KMeans; from sklearn.decomposition import PCA; "
THEIRS += "from sklearn.metrics.pairwise import cosine_similarity; rows = kernels.reshape(-1, 9); "
THEIRS += "from lsn_tf.analysis.templates import make_templates; known = make_templates().rows; "

COMPONENTS = ("principal_components.principal_components(kernels).variances", "PCA().fit(rows).explained_variance_")
CLUSTERS = ("clustering.cluster(kernels, {k}).inertia", "KMeans({k}, random_state=0).fit(rows).inertia_")
NAMES = ("templates.nearest(kernels, known)[1]", "np.abs(cosine_similarity(rows, known)).max(axis=1)")
TABLE = "similarities_in_parts(kernels, known)"


def random_kernels(count: int) -> np.ndarray:
    """Returns kernels without clusters, (count, 3, 3) float32, whose weights have different variances."""
    kernels = gaussian(count, 3, np.random.default_rng(0))
    kernels *= np.linspace(0.5, 2, 9, dtype=np.float32).reshape(3, 3)
    return kernels


def similarities_in_parts(kernels: np.ndarray, known: Templates) -> np.ndarray:
    """Returns the similarities, (n,), of the table of kernels that is made in parts, with their canonical forms."""
    similarities = np.empty(len(kernels), np.float32)
    for rows in chunks(len(kernels), ROWS):
        similarities[rows] = describe(kernels[rows], known)["similarity"]
        canonical(kernels[rows])
    return similarities


def random_network(count: int, path: pathlib.Path) -> None:
    """Saves a network of at least so many random kernels, in layers of at most `WIDEST`, as .npz."""
    inputs = [WIDEST // FILTERS] * (count // WIDEST) + [-(-(count % WIDEST) // FILTERS)]
    kernels = {
        f"conv_{depth}": random_kernels(n * FILTERS).reshape(n, FILTERS, 3, 3).transpose(2, 3, 0, 1)
        for depth, n in enumerate(inputs)
        if n
    }
    np.savez(path, **kernels)


def parts(count: int) -> dict[str, dict[str, Work]]:
    """Returns, by the part of the analysis, our work and scikit-learn's on so many kernels."""

    def pair(ours: str, theirs: str, library: str) -> dict[str, Work]:
        setup = SETUP.format(count=count)
        return {"lsn_tf": Work(setup + OURS, ours), library: Work(setup + THEIRS, theirs)}

    clusters = [form.format(k=K) for form in CLUSTERS]
    return {
        "principal components": pair(*COMPONENTS, "scikit-learn PCA()"),
        f"{K} clusters": pair(*clusters, f"scikit-learn KMeans({K})"),
        "nearest named kernel": pair(*NAMES, "scikit-learn cosine_similarity"),
    }


def wholes(count: int) -> dict[str, Work]:
    """Returns the works on so many kernels that have a table, canonical forms, components, clusters and names."""
    setup = SETUP.format(count=count)
    ours = [TABLE, COMPONENTS[0], CLUSTERS[0].format(k=MOST_K)]  # the table has the nearest names
    theirs = [COMPONENTS[1], CLUSTERS[1].format(k=MOST_K), NAMES[1]]
    return {
        "lsn_tf: table, forms, components, clusters, names": Work(setup + OURS, f"[{', '.join(ours)}]"),
        "scikit-learn: components, clusters, names": Work(setup + THEIRS, f"[{', '.join(theirs)}]"),
    }


def readers(path: str) -> dict[str, Work]:
    """Returns the ways to read the kernels of a SavedModel; TensorFlow is imported before both."""
    return {
        "lsn_tf": Work(OUR_READER.setup.format(path=path), OUR_READER.statement),
        "tf.saved_model.load": Work(THEIR_READER.setup.format(path=path), THEIR_READER.statement),
    }
