"""The analysis of one network, from its saved model to the tables, the summary, the figures and the page."""

import dataclasses
import json
import logging
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from lsn_tf.analysis.claims import Claim, make_claims
from lsn_tf.analysis.comparison import Difference, compare, layer_divergences
from lsn_tf.analysis.comparison_summary import summarize_comparison
from lsn_tf.analysis.config import Config
from lsn_tf.analysis.findings import Findings, Sample, sample_indices
from lsn_tf.analysis.mean_shares import MeanShare, mean_shares
from lsn_tf.analysis.network import Layer
from lsn_tf.analysis.output import COMPARISON, PUBLISHED, SUMMARY, all_replaced, kernel_table
from lsn_tf.analysis.page.pictures import can_draw, earlier_pictures, pictures
from lsn_tf.analysis.partition import PARTITIONED, Partition, cluster_rows, partition
from lsn_tf.analysis.published_rule import PublishedName, name_as_published, overall
from lsn_tf.analysis.subject import Subject
from lsn_tf.analysis.summary import header_of, row_of, summarize
from lsn_tf.analysis.swap_results import read_swap_results
from lsn_tf.analysis.tables import columns_at, layer_row, write_kernels, write_matrix, write_rows
from lsn_tf.analysis.templates import make_templates
from lsn_tf.artifacts import versions

if TYPE_CHECKING:
    from lsn_tf.analysis.projector import Points

logger = logging.getLogger(__name__)
PACKAGES = ("lsn_tf", "numpy", "scipy")


@dataclasses.dataclass(frozen=True, eq=False)
class Tested:
    """What was tested and found, but for the tables that are written kernel by kernel.

    Attributes:
        claims, shares, published, differences: all that were tested.
        divergence: between any two layers, see `comparison.layer_divergences`.
        partitions: by column of the kernel table.
    """

    claims: Sequence[Claim]
    shares: Sequence[MeanShare]
    published: Sequence[PublishedName]
    differences: Sequence[Difference]
    divergence: tuple[list[str], np.ndarray]
    partitions: Mapping[str, Partition]


def analyze(config: Config, swap: Callable[[], Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Writes tables, summary, figures and page of a network, and returns the summary.

    All layers' kernels are in memory as float32, the table of kernels is made in parts.

    Args:
        config: what, and how.
        swap: measures what replaced kernels do, see `lsn_tf.swap`; called when all else is known to work.

    Raises:
        ValueError: for a model, dictionary or choice that cannot be used; nothing has been written then.
    """
    config.check()
    subject = Subject.read(config)
    measured = read_swap_results(config.swap_results, subject.network) if config.swap_results else None
    tested = _test(subject, config)
    measured = swap() if swap else measured
    folder = pathlib.Path(config.output_dir)
    earlier = earlier_pictures(folder / SUMMARY)
    with all_replaced(folder, config.files) as (files, add):
        findings = _write_tables(files, subject, tested, config, measured)
        summary = {**findings.summary, "pictures": _draw(findings, add) if config.page else []}
        json.dump(summary, files[SUMMARY], indent=2, allow_nan=False)
        files[SUMMARY].write("\n")
    for name in earlier - set(summary["pictures"]):
        (folder / name).unlink(missing_ok=True)  # of another network, or drawn of an analysis that is gone
    for warning in summary["warnings"]:
        logger.warning(warning)
    return {**summary, "output_dir": config.output_dir}


def _test(subject: Subject, config: Config) -> Tested:
    layers, templates = subject.layers, subject.templates
    logger.info("%d layers, %d kernels", len(layers), sum(layer.count for layer in layers))
    kernels = {layer.name: layer.living for layer in layers}
    filters = {layer.name: layer.outputs[layer.alive] for layer in layers}
    seed, threshold = config.seed, config.threshold
    against = {"untrained": subject.untrained, "seed": seed}
    claims = make_claims(kernels, templates, config.null, filters=filters, threshold=threshold, **against)
    shares = mean_shares(kernels, config.null, **against)
    published = name_as_published(kernels, filters, seed) if config.has_published_rule else []
    logger.info("%d claims tested", len(claims))
    compared = {"threshold": threshold, "seed": seed}
    differences = compare(subject.network, subject.other, templates, **compared) if config.compare else []
    partitions = {
        column: partition(layers, form, config.clusters, seed, config.symmetries)
        for column, form in PARTITIONED.items()
    }
    return Tested(claims, shares, published, differences, layer_divergences(layers, seed), partitions)


def _write_tables(
    files: Mapping[str, IO], subject: Subject, tested: Tested, config: Config, swap: Mapping[str, Any] | None
) -> Findings:
    """Writes all but the summary, and returns what there is to show."""
    with_scale = dataclasses.replace(config.symmetries, scale=True)
    scaled = make_templates(subject.dictionary, with_scale, config.shape)
    rows, samples = _write_kernels(files, subject, tested.partitions, config)
    centres = [row for found in tested.partitions.values() for row in cluster_rows(found, scaled)]
    write_rows(files["layers.csv"], rows, list(rows[0]))
    write_rows(files["clusters.csv"], centres, list(centres[0]) if centres else ["form", "cluster", "kernels"])
    write_rows(files["claims.csv"], map(row_of, tested.claims), header_of(Claim))
    write_rows(files["mean_shares.csv"], map(row_of, tested.shares), header_of(MeanShare))
    write_matrix(files["divergence.csv"], *tested.divergence)
    if config.has_published_rule:
        write_rows(files[PUBLISHED], map(row_of, tested.published), header_of(PublishedName))
    if config.compare:
        write_rows(files[COMPARISON], map(row_of, tested.differences), list(row_of(tested.differences[0])))
    summary = _summary(subject, tested, rows, config) | ({"swap": swap} if swap is not None else {})
    options = {name: value for name, value in dataclasses.asdict(config).items() if name not in ("model", "output_dir")}
    summary |= {"options": options, "versions": versions(PACKAGES)}
    narrow = [entry for entry in subject.dictionary if len(entry.kernel) <= config.shape[0]]
    found = {field.name: getattr(tested, field.name) for field in dataclasses.fields(tested)}
    return Findings(
        network=subject.network,
        layer_rows=rows,
        cluster_rows=centres,
        summary=summary,
        dictionary=narrow,
        samples=samples,
        **found,
    )


def _write_kernels(
    files: Mapping[str, IO], subject: Subject, partitions: Mapping[str, Partition], config: Config
) -> tuple[list[dict[str, Any]], dict[str, Sample]]:
    """Writes the table of kernels and the points; returns the rows of the table of layers, and kernels to show."""
    layers, templates = subject.layers, subject.templates
    points = _points(config, layers)
    indices = sample_indices([layer.count for layer in layers], math.prod(config.shape), config.seed)
    shown = dict(zip((layer.name for layer in layers), indices, strict=True))
    rows: list[dict[str, Any]] = []
    samples: dict[str, Sample] = {}
    with kernel_table(config.table, files) as write:
        for layer in subject.network:
            labels = {column: found.labels[layer.name] for column, found in partitions.items() if layer.count}
            rows.append(layer_row(layer, write_kernels(write, layer, templates, labels)))
            if layer.count:
                index = shown[layer.name]
                samples[layer.name] = Sample(index, columns_at(index, layer, templates, labels))
                if points:
                    points.add(layer, columns_at(points.shown[layer.name], layer, templates, labels))
    for name, content in points.files(templates) if points else ():
        files[f"projector/{name}"].write(content)
    return rows, samples


def _points(config: Config, layers: Sequence[Layer]) -> "Points | None":
    if not config.projector:
        return None
    from lsn_tf.analysis.projector import Points  # few take it, and it loads a library

    return Points(layers, config.seed)


def _summary(subject: Subject, tested: Tested, rows: Sequence[Mapping[str, Any]], config: Config) -> dict[str, Any]:
    by_layer = {row["layer"]: row for row in rows}
    found = summarize(subject.network, tested.claims, tested.shares, tested.partitions, by_layer)
    if config.has_published_rule:
        living = {layer.name: len(layer.living) for layer in subject.layers}
        found["published_rule"] = overall(tested.published, living)
    if config.compare:
        found["compare"] = summarize_comparison(config.compare, tested.differences)
    return {"model": config.model, **found}


def _draw(findings: Findings, add: Callable[[str, bytes], object]) -> list[str]:
    """Adds figures and page, and returns their names: none of kernels in space, or where packages are missing."""
    if not (findings.is_planar and can_draw()):
        return []
    names = []
    for name, content in pictures(findings):
        add(name, content)
        names.append(name)
    return names
