"""Reads a trained network as numerical analysis: which of its kernels are finite differences, and what is chance.

    python -m lsn_tf.analyze --model=runs/unet/model.keras --output_dir=analysis/unet

The model is a SavedModel folder, .keras, .h5, .onnx or .npz file, of any network; none of its code is run. Written are

    kernels.csv      one row a kernel: moments, operator, shares of finite differences, nearest named kernel, cluster
    layers.csv       one row a layer: means over its kernels, and the measures of CNN Filter DB
    clusters.csv     centres of k-means, of kernels as published ("l1") and of canonical ones
    claims.csv       how many kernels of each layer are of each family, against chance: interval, p-value, q-value
    mean_shares.csv  the mean share of finite differences of each order in each layer, against chance
    divergence.csv   how far the distributions of any two layers are apart, by CNN Filter DB's measure
    summary.json     counts, and the claims that hold at q < 0.05
    index.html       all of it to look at, in one file that needs no network: conclusions, tables, figures, kernels
    figures/         the figures as PNG and SVG, for papers

Page and figures take matplotlib and Jinja, pip install 'lsn_tf[analysis]'; without them, or with --nopage, the tables
are written alone.

--compare=PATH sets a second network beside it, as before and after training, another fold, or another architecture:
compare.csv says what wholes, stages and layers differ in, and whether chance explains it. --table=parquet writes
kernels.parquet instead of kernels.csv. --projector adds the kernels for tensorboard --logdir=OUTPUT_DIR/projector.

With --swap, for a run of lsn_tf.train, kernels are replaced by what they resemble and the held-out scans are scored
(swap.csv, swap.json, swap.png); python -m lsn_tf.swap does only that, and has the options.

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

import csv
import dataclasses
import functools
import json
import logging
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from lsn_tf import common_flags
from lsn_tf.analysis.claims import Claim, make_claims
from lsn_tf.analysis.clustering import PUBLISHED_K
from lsn_tf.analysis.comparison import compare, layer_divergences
from lsn_tf.analysis.comparison_summary import comparison_lines, summarize_comparison
from lsn_tf.analysis.corpus import Member, Row, analyze_members, find_members
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.dictionary_file import read_dictionary
from lsn_tf.analysis.findings import Findings, Sample, sample_indices
from lsn_tf.analysis.hits import THRESHOLD
from lsn_tf.analysis.mean_shares import MeanShare, mean_shares
from lsn_tf.analysis.network import Layer, before_training, read_network
from lsn_tf.analysis.output import COMPARISON, KERNELS, PROJECTOR, SUMMARY, TABLES, all_replaced, kernel_table
from lsn_tf.analysis.page.pictures import can_draw, earlier_pictures, pictures
from lsn_tf.analysis.partition import PARTITIONED, Partition, cluster_rows, partition
from lsn_tf.analysis.replacement import NULLS as NORM_KEEPING_NULLS
from lsn_tf.analysis.share_tests import NULLS
from lsn_tf.analysis.summary import header_of, row_of, summarize
from lsn_tf.analysis.symmetries import Symmetries
from lsn_tf.analysis.tables import Columns, columns_at, layer_row, write_kernels, write_matrix, write_rows
from lsn_tf.analysis.templates import Templates, make_templates
from lsn_tf.artifacts import RunDir, replaced, versions
from lsn_tf.studies.swap_tables import text_of

if TYPE_CHECKING:
    from lsn_tf.analysis.projector import Points

logger = logging.getLogger(__name__)
CORPUS = "corpus.csv"
PACKAGES = ("lsn_tf", "numpy", "scipy")
SIZES = {"3": (3, 3), "5": (5, 5), "7": (7, 7), "3x3x3": (3, 3, 3)}
MOST_CLUSTERS = 64


@dataclasses.dataclass(frozen=True)
class Config:
    """What to analyse, and how.

    Attributes:
        model: a saved model, see `kernels.read_layers`.
        output_dir: folder for the tables and the summary.
        dictionary: file of named kernels that are added to the built-in ones, see `read_dictionary`; None for none.
        null: one of `share_tests.NULLS`.
        untrained: for the null "untrained": the same network, saved before training.
        threshold: least similarity that counts as a hit in a claim.
        scale, sign, turns, mirrors: the symmetries under which kernels are compared, see `Symmetries`.
        clusters: k of k-means; 0 for that of the largest silhouette.
        size: of the kernels, one of `SIZES`.
        seed: of nulls, bootstrap and k-means.
        compare: another saved model that is set beside this one, see `comparison.compare`; None for none.
        table: form of the table of kernels, one of `KERNELS`.
        projector: whether files for TensorBoard's projector are written too.
        swap: whether kernels are replaced, too, see `lsn_tf.swap`; model must then be a run of lsn_tf.train.
        page: whether index.html and figures are made too.
    """

    model: str
    output_dir: str
    dictionary: str | None = None
    null: str = "permuted"
    untrained: str | None = None
    threshold: float = THRESHOLD
    scale: bool = True
    sign: bool = True
    turns: bool = True
    mirrors: bool = True
    clusters: int = PUBLISHED_K
    size: str = "3"
    seed: int = 0
    compare: str | None = None
    table: str = "csv"
    projector: bool = False
    swap: bool = False
    page: bool = True

    @property
    def files(self) -> tuple[str, ...]:
        """What is written into the folder, the summary first."""
        more = (*((COMPARISON,) if self.compare else ()), *(PROJECTOR if self.projector else ()))
        return (SUMMARY, KERNELS[self.table], *TABLES, *more)

    @property
    def symmetries(self) -> Symmetries:
        return Symmetries(self.scale, self.sign, self.turns, self.mirrors)

    @property
    def shape(self) -> tuple[int, ...]:
        return SIZES[self.size]


def analyze(config: Config) -> dict[str, Any]:
    """Writes the tables and the summary of a network, and returns the summary.

    All layers' kernels are in memory as float32, the table of kernels is made in parts.

    Raises:
        ValueError: for a model, dictionary or choice that cannot be used; nothing has been written then.
    """
    _check(config)
    known = named_kernels(len(config.shape))
    dictionary = (*known, *(read_dictionary(config.dictionary) if config.dictionary else ()))
    templates = make_templates(dictionary, config.symmetries, config.shape)
    network = read_network(model_file(config.model), config.shape)
    layers = [layer for layer in network if layer.count]
    untrained = before_training(model_file(config.untrained), network, config.shape) if config.untrained else None
    other = read_network(model_file(config.compare), config.shape) if config.compare else []
    kernels = {layer.name: layer.living for layer in layers}
    logger.info("%d layers, %d kernels", len(layers), sum(layer.count for layer in layers))
    filters = {layer.name: layer.outputs[layer.alive] for layer in layers}
    options = {"untrained": untrained, "seed": config.seed}
    claims = make_claims(kernels, templates, config.null, filters=filters, threshold=config.threshold, **options)
    shares = mean_shares(kernels, config.null, **options)
    logger.info("%d claims tested", len(claims))
    compared = {"threshold": config.threshold, "seed": config.seed}
    differences = compare(network, other, templates, **compared) if config.compare else []
    divergence = layer_divergences(layers, config.seed)
    partitions = {
        column: partition(layers, form, config.clusters, config.seed, config.symmetries)
        for column, form in PARTITIONED.items()
    }
    scaled = make_templates(dictionary, dataclasses.replace(config.symmetries, scale=True), config.shape)
    swapped = _swapped(config) if config.swap else {}
    indices = sample_indices([layer.count for layer in layers], math.prod(config.shape), config.seed)
    shown = dict(zip(kernels, indices, strict=True))
    folder = pathlib.Path(config.output_dir)
    earlier = earlier_pictures(folder / SUMMARY)
    with all_replaced(folder, config.files) as (files, add):
        points = _points(config, layers)
        with kernel_table(config.table, files) as write:
            rows, samples = _write_layers(write, points, network, templates, partitions, shown)
        write_rows(files["layers.csv"], rows, list(rows[0]))
        centres = [row for found in partitions.values() for row in cluster_rows(found, scaled)]
        write_rows(files["clusters.csv"], centres, list(centres[0]) if centres else ["form", "cluster", "kernels"])
        write_rows(files["claims.csv"], map(row_of, claims), header_of(Claim))
        write_rows(files["mean_shares.csv"], map(row_of, shares), header_of(MeanShare))
        write_matrix(files["divergence.csv"], *divergence)
        if config.compare:
            write_rows(files[COMPARISON], map(row_of, differences), list(row_of(differences[0])))
        for name, content in points.files(templates) if points else ():
            files[f"projector/{name}"].write(content)
        found = summarize(network, claims, shares, partitions, {row["layer"]: row for row in rows})
        found |= {"compare": summarize_comparison(config.compare, differences)} if config.compare else {}
        summary = {
            "model": config.model,
            **found,
            **swapped,
            "options": _options(config),
            "versions": versions(PACKAGES),
        }
        summary["pictures"] = []
        if config.page and len(config.shape) == 2 and can_draw():
            narrow = tuple(entry for entry in dictionary if len(entry.kernel) <= config.shape[0])
            findings = Findings(network, claims, shares, partitions, rows, centres, summary, narrow, samples)
            for name, content in pictures(findings):
                add(name, content)
                summary["pictures"].append(name)
        json.dump(summary, files[SUMMARY], indent=2, allow_nan=False)
        files[SUMMARY].write("\n")
    for name in earlier - set(summary["pictures"]):
        (folder / name).unlink(missing_ok=True)  # of another network, or drawn of an analysis that is gone
    for warning in summary["warnings"]:
        logger.warning(warning)
    return {**summary, "output_dir": config.output_dir}


def model_file(model: str) -> pathlib.Path:
    """Returns the saved model that is meant: of the folder of a training run, the model in it."""
    run = RunDir(model)
    return run.model if run.config.is_file() and run.model.is_file() else run.path


def _swapped(config: Config) -> dict[str, Any]:
    from lsn_tf import swap  # Keras takes seconds to import

    options = {name: getattr(config, name) for name in ("dictionary", "symmetries", "clusters", "seed")}
    null = config.null if config.null in NORM_KEEPING_NULLS else NORM_KEEPING_NULLS[0]
    return {"swap": swap.swap(swap.Config(config.model, config.output_dir, null=null, **options))}


def _check(config: Config) -> None:
    output = pathlib.Path(config.output_dir).resolve()
    for name, choices in (("size", SIZES), ("table", KERNELS)):
        if (chosen := getattr(config, name)) not in choices:
            raise ValueError(f"{name} must be one of {tuple(choices)}. Received {chosen!r}.")
    if output.exists() and not output.is_dir():
        raise ValueError(f"output_dir must be a folder, or a new name. Received {config.output_dir}, a file.")
    for model in filter(None, (config.model, config.untrained, config.compare)):
        folder = pathlib.Path(model).resolve()
        if folder.is_dir() and output.is_relative_to(folder):
            raise ValueError(f"output_dir must not lie in the model. Received {config.output_dir} in {model}.")
    if (config.null == "untrained") != bool(config.untrained):
        raise ValueError(
            "untrained, a saved model, must be given with null=untrained, and only with it. "
            f"Received null={config.null}, untrained={config.untrained}."
        )


def _points(config: Config, layers: Sequence[Layer]) -> "Points | None":
    if not config.projector:
        return None
    from lsn_tf.analysis.projector import Points  # few take it, and it loads a library

    return Points(layers, config.seed)


def _options(config: Config) -> dict[str, Any]:
    options = dataclasses.asdict(config)
    return {name: options[name] for name in options if name not in ("model", "output_dir")}


def _write_layers(
    write: Callable[[Columns], None],
    points: "Points | None",
    network: Sequence[Layer],
    templates: Templates,
    partitions: Mapping[str, Partition],
    shown: Mapping[str, np.ndarray],
) -> tuple[list[dict[str, Any]], dict[str, Sample]]:
    """Writes the table of kernels and adds the points; returns the rows of the table of layers, and kernels to show."""
    rows: list[dict[str, Any]] = []
    samples: dict[str, Sample] = {}
    for layer in network:
        labels = {column: found.labels[layer.name] for column, found in partitions.items() if layer.count}
        means = write_kernels(write, layer, templates, labels)
        if layer.count:
            index = shown[layer.name]
            samples[layer.name] = Sample(index, columns_at(index, layer, templates, labels))
            if points:
                points.add(layer, columns_at(points.shown[layer.name], layer, templates, labels))
        rows.append(layer_row(layer, means))
    return rows, samples


def analyze_corpus(config: Config, runner: str = "DirectRunner", options: Sequence[str] = ()) -> dict[str, Any]:
    """Analyses many models over a Beam pipeline, each into a folder of its own, and writes corpus.csv.

    Args:
        config: of all; model names them, see `corpus.find_members`.
        runner, options: of Beam, see `corpus.analyze_members`.

    Returns:
        models, the number of models, and layers, of them together.

    Raises:
        ValueError: for a choice that cannot be used; nothing has been written then.
        RuntimeError: if a model could not be analysed, when all others have been.
    """
    if config.untrained or config.compare:
        raise ValueError("untrained and compare are for one model. Received one of them with a corpus.")
    members = find_members(config.model)
    table = pathlib.Path(config.output_dir) / CORPUS
    logger.info("%d models", len(members))
    analyze_one, write = functools.partial(_member_rows, config=config), functools.partial(_write_corpus, path=table)
    analyze_members(members, analyze_one, write, runner, options)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if failed := [row for row in rows if row["error"]]:
        raise RuntimeError(
            f"{len(failed)} of {len(members)} models could not be analysed, see {table}. "
            f"The first is {failed[0]['model']}: {failed[0]['error']}"
        )
    return {"models": len(members), "layers": len(rows), "output_dir": config.output_dir}


def _member_rows(member: Member, config: Config) -> list[Row]:
    """Analyses a model of a corpus; returns its rows of the table of layers, with the families that are claimed."""
    folder = pathlib.Path(config.output_dir) / member.folder
    summary = analyze(dataclasses.replace(config, model=member.model, output_dir=str(folder)))
    claims = {row["layer"]: "; ".join(row["claims"]) for row in summary["by_layer"]}
    with (folder / "layers.csv").open(newline="", encoding="utf-8") as file:
        return [{**row, "claims": claims[row["layer"]]} for row in csv.DictReader(file) if row["layer"] in claims]


def _write_corpus(rows: Sequence[Row], path: pathlib.Path) -> None:
    names = dict.fromkeys(name for row in rows for name in row if name != "error")
    with replaced(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        write_rows(file, rows, [*names, "error"])


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
    from lsn_tf import analyze as importable  # workers find its functions by name, which those of __main__ have not

    options = [option for option in (values.beam_pipeline_options or "").split(",") if option]
    return importable.analyze_corpus(importable.Config(**given), values.runner, options)


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
    flags.DEFINE_bool("page", True, "Make index.html and figures too, of kernels in the plane.")


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
