"""Reads a trained network as numerical analysis: which of its kernels are finite differences, and what is chance.

    python -m lsn_tf.analyze --model=runs/unet/model.keras --output_dir=analysis/unet

The model is a SavedModel folder, .keras, .h5, .onnx or .npz file, of any network; none of its code is run. Written are

    kernels.csv         one row a kernel: moments, operator, shares of finite differences, nearest named kernel, cluster
    layers.csv          one row a layer: means over its kernels, and the measures of CNN Filter DB
    clusters.csv        centres of k-means, of kernels as published ("l1") and of canonical ones
    claims.csv          how many kernels of each layer are of each family, against chance: interval, p-value, q-value
    mean_shares.csv     the mean share of finite differences of each order in each layer, against chance
    divergence.csv      how far the distributions of any two layers are apart, by CNN Filter DB's measure
    published_rule.csv  names by the rule of 2020, the nearest spectrum, beside those of white noise
    summary.json        counts, and the claims that hold at q < 0.05
    index.html          all of it to look at, in one file that needs no network: conclusions, tables, figures, kernels
    figures/            the figures as PNG and SVG, for papers

Page and figures take matplotlib and Jinja, pip install 'lsn_tf[analysis]'; without them, or with --nopage, the tables
are written alone.

--compare=PATH sets a second network beside it, as before and after training, another fold, or another architecture:
compare.csv says what wholes, stages and layers differ in, and whether chance explains it. --table=parquet writes
kernels.parquet instead of kernels.csv. --projector adds the kernels for tensorboard --logdir=OUTPUT_DIR/projector.

With --swap, for a run of lsn_tf.train, kernels are replaced by what they resemble and the held-out scans are scored
(swap.csv, swap.json, swap.png); python -m lsn_tf.swap does only that, and has the options. What it has found goes
into summary and page by --swap_results=PATH, its swap.json.

--runner=DirectRunner, or another of Beam's, analyses many models: --model is then paths and patterns joined by commas,
"runs/*/model.keras", or a .txt file of them. Each gets a folder of tables in --output_dir, and corpus.csv has a row for
each layer of all, or a model's error; if there is one, the exit code is 1 when all others are done.

Kernels of 3x3 are analysed, or with --size those of 5x5, 7x7 or, of volumes, 3x3x3. The published U-Net
(--model=unet_2019 of lsn_tf.train) has 14,608 kernels of 3x3. Files of an earlier analysis in --output_dir are
replaced, all at once, or removed if they are not written again; others are left alone.

By default chance is the null "permuted", the weights of each kernel in random order. It assumes no distribution of the
weights, and so tests what the names mean, their places; but it keeps each sum, so of mean zero (differences of order 1)
it says nothing. --null=gaussian and Keras' initializers do; --null=untrained compares with --untrained=PATH, the same
network before training.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

from absl import flags

from lsn_tf import common_flags
from lsn_tf.analysis import analyzing
from lsn_tf.analysis.clustering import PUBLISHED_K
from lsn_tf.analysis.comparison_summary import comparison_lines
from lsn_tf.analysis.config import SIZES, Config
from lsn_tf.analysis.corpus import CORPUS, analyze_corpus
from lsn_tf.analysis.hits import THRESHOLD
from lsn_tf.analysis.output import KERNELS
from lsn_tf.analysis.replacement import NULLS as NORM_KEEPING_NULLS
from lsn_tf.analysis.share_tests import NULLS
from lsn_tf.studies.swap_tables import text_of

MOST_CLUSTERS = 64


def analyze(config: Config) -> dict[str, Any]:
    """Writes what is known of a network's kernels, and returns the summary; see `analyzing.analyze`."""
    return analyzing.analyze(config, functools.partial(_swapped, config) if config.swap else None)


def _swapped(config: Config) -> dict[str, Any]:
    from lsn_tf import swap  # Keras takes seconds to import

    options = {name: getattr(config, name) for name in ("dictionary", "symmetries", "clusters", "seed")}
    null = config.null if config.null in NORM_KEEPING_NULLS else NORM_KEEPING_NULLS[0]
    return swap.swap(swap.Config(config.model, config.output_dir, null=null, **options))


def print_results(results: Mapping[str, Any]) -> None:
    """Prints a row for each layer, and the claims that hold; of a corpus the counts alone."""
    if "models" in results:
        print(f"{results['layers']:,} layers of {results['models']:,} models; see {results['output_dir']}/{CORPUS}")
        return
    shape = SIZES[results["options"]["size"]]
    width = max(len("layer"), *(len(row["layer"]) for row in results["by_layer"]))
    print(f"{'layer':<{width}} {'kernels':>9} {'dead':>7} {'DC energy':>9}  claims that hold")
    for row in results["by_layer"]:
        energy = "" if row["dc_energy"] is None else f"{row['dc_energy']:.3f}"
        families = ", ".join(row["claims"]) or "-"
        print(f"{row['layer']:<{width}} {row['kernels']:>9,} {row['dead']:>7,} {energy:>9}  {families}")
    print(
        f"{results['kernels']:,} kernels of {'x'.join(map(str, shape))} in {results['layers']} layers, "
        f"{results['dead_kernels']:,} dead; DC energy by chance {1 / math.prod(shape):.3f}"
    )
    print(
        f"{len(results['claims'])} of {results['claims_tested']} claims hold at q < {results['claims_hold_at_q']} "
        f"against the null {results['options']['null']!r}; see {results['output_dir']}"
    )
    if "compare" in results:
        print(*comparison_lines(results["compare"]), sep="\n")
    if "swap" in results:
        print("\n".join(text_of(results["swap"])))


def main() -> dict[str, Any]:
    """Reads the flags and analyses."""
    values = flags.FLAGS
    names = [field.name for field in dataclasses.fields(Config)]
    given = {name: values[name].value for name in names}
    if not values.runner:
        if values.beam_pipeline_options:
            raise ValueError("beam_pipeline_options are for a corpus of models: give runner too.")
        return analyze(Config(**given))
    from lsn_tf.analyze import analyze as importable  # workers find it by its name, which what is in __main__ has not

    options = [option for option in (values.beam_pipeline_options or "").split(",") if option]
    return analyze_corpus(Config(**given), importable, values.runner, options)


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string(
        "model", None, "Saved model: SavedModel folder, .keras, .h5, .onnx or .npz; see --runner.", required=True
    )
    flags.DEFINE_string("output_dir", None, "Folder for the tables and summary.json.", required=True)
    flags.DEFINE_string("dictionary", None, "JSON or TOML file of named kernels that are added to the built-in ones.")
    flags.DEFINE_enum("null", "permuted", NULLS, "What chance is: the null model of claims.")
    flags.DEFINE_string("untrained", None, "With --null=untrained: the same network, saved before training.")
    flags.DEFINE_float("threshold", THRESHOLD, "Least similarity that counts as a hit in a claim, in (0, 1].")
    flags.DEFINE_bool("scale", True, "Kernels that differ by a positive factor are the same; --noscale: they are not.")
    flags.DEFINE_bool("sign", True, "Kernels that differ by the factor -1 are the same.")
    flags.DEFINE_bool("turns", True, "Kernels turned by 90, 180 or 270 degrees are the same.")
    flags.DEFINE_bool("mirrors", True, "Mirrored kernels are the same.")
    flags.DEFINE_integer(
        "clusters",
        PUBLISHED_K,
        "Number of clusters; 0 for that of the largest silhouette.",
        lower_bound=0,
        upper_bound=MOST_CLUSTERS,
    )
    flags.DEFINE_enum(
        "size", "3", list(SIZES), "Width of the kernels that are analysed, pixels, or their shape in space."
    )
    flags.DEFINE_integer("seed", 0, "Of nulls, bootstrap and clusters.", lower_bound=0)
    flags.DEFINE_string("compare", None, "Another saved model, to set beside this one.")
    flags.DEFINE_enum("table", "csv", list(KERNELS), "Form of the table of kernels.")
    flags.DEFINE_string("runner", None, "Analyse many models over a Beam pipeline with this runner, e.g. DirectRunner.")
    flags.DEFINE_string(
        "beam_pipeline_options", None, "Options of Beam, joined by commas, e.g. direct_num_workers=2,job_name=kernels."
    )
    flags.DEFINE_bool("projector", False, "Write files for TensorBoard's embedding projector too.")
    flags.DEFINE_bool("swap", False, "Replace kernels of a run of lsn_tf.train, too, and score; see lsn_tf.swap.")
    flags.DEFINE_string("swap_results", None, "swap.json that lsn_tf.swap has written of this model, to show it too.")
    flags.DEFINE_bool("page", True, "Make index.html and figures too, of kernels in the plane.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
