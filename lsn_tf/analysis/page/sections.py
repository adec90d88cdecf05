"""The sections of the page, in its order. Another one is a function here and a template beside the others."""

import dataclasses
from collections.abc import Callable, Iterator

from lsn_tf.analysis.findings import Findings
from lsn_tf.analysis.page.comparison_section import comparison_section
from lsn_tf.analysis.page.conclusions import chance_in_words, conclusions
from lsn_tf.analysis.page.swap_section import swap_section
from lsn_tf.pages.page_parts import Column, Pictures, Section, some

MOST_CLAIMS = 2_000  # rows of a table of the page
LAYER_COLUMNS = (
    Column("depth", "depth", "d", "Place among the convolutions, from the input on"),
    Column("layer", "layer"),
    Column("holding", "claims that hold"),
    Column("stage", "stage"),
    Column("kind", "kind"),
    Column("size", "size"),
    Column("kernels", "kernels", ",d"),
    Column("dead", "dead", ",d", "Kernels without a weight above 1 % of the layer's largest"),
    Column("mean_norm", "norm", ".3f", "Mean L2 norm"),
    Column("mean_dc_energy", "DC energy", ".3f", "Mean of (Σk)² / (s²|k|²)"),
    Column("mean_fd_share_2", "order ≥ 2", ".3f", "Mean share of |k|² in finite differences of order 2 and above"),
    Column("mean_similarity", "similarity", ".3f", "Mean |cosine| to the nearest named kernel"),
    Column("variance_entropy", "entropy", ".3f", "Variance entropy of CNN Filter DB"),
    Column("orthogonality", "orthogonal", ".3f", "1 - mean |cosine| between filters, CNN Filter DB"),
)
CLAIM_COLUMNS = (
    Column("layer", "layer"),
    Column("family", "family"),
    Column("kernels", "kernels", ",d"),
    Column("hits", "hits", ",d"),
    Column("share", "share, %", ".1f", scale=100),
    Column("low", "95 % from", ".1f", "Bootstrap interval of the share, per cent", 100),
    Column("high", "to", ".1f", "Bootstrap interval of the share, per cent", 100),
    Column("chance", "chance, %", ".2f", "Share under the null", 100),
    Column("p_value", "p", ".2g", "Of a share as large, under the null"),
    Column("q_value", "q", ".2g", "p adjusted for the false discovery rate over all layers and families"),
    Column("holds", "holds"),
)


def _asked(findings: Findings, pictures: Pictures) -> Section:
    options = findings.summary["options"]
    values = {"options": options, "size": findings.size, "chance": chance_in_words(options["null"])}
    return Section("asked", "What was asked", values)


def _conclusions(findings: Findings, pictures: Pictures) -> Section:
    return Section("conclusions", "Conclusions", {"sentences": conclusions(findings)})


def _layers(findings: Findings, pictures: Pictures) -> Section:
    q = findings.summary["claims_hold_at_q"]
    held: dict[str, list[str]] = {}
    for claim in findings.claims:
        if claim.q_value < q:
            held.setdefault(claim.layer, []).append(claim.family)
    rows = [{**row, "holding": ", ".join(held.get(row["layer"], []))} for row in findings.layer_rows]
    return Section("layers", "Layers", {"rows": rows, "columns": LAYER_COLUMNS})


def _claims(findings: Findings, pictures: Pictures) -> Section:
    q = findings.summary["claims_hold_at_q"]
    ordered = sorted(findings.claims, key=lambda claim: claim.p_value)
    rows = [
        {
            **dataclasses.asdict(claim),
            "low": claim.interval[0],
            "high": claim.interval[1],
            "holds": "yes" if claim.q_value < q else "no",
        }
        for claim in ordered[:MOST_CLAIMS]
    ]
    values = {"rows": rows, "columns": CLAIM_COLUMNS, "tested": len(ordered), "q": q}
    return Section("claims", "Claims", values)


def _depth(findings: Findings, pictures: Pictures) -> Section:
    names = ("family_shares", "published_rule", "dc_energy", "finite_difference_shares", "variance", "divergence")
    chance = chance_in_words(findings.summary["options"]["null"])
    return Section("depth", "Along the depth", {"pictures": some(pictures, names), "chance": chance})


def _planes(findings: Findings, pictures: Pictures) -> Section:
    shown = {layer.name: len(findings.samples[layer.name].index) for layer in findings.layers}
    fewer = [layer for layer in findings.layers if shown[layer.name] < layer.count]
    return Section("planes", "The plane of each layer", {"layers": findings.layers, "shown": shown, "fewer": fewer})


def _galleries(findings: Findings, pictures: Pictures) -> Section:
    names = [name for name in pictures if name.startswith("eigen_images")]
    values = {"pictures": some(pictures, ("fan_and_clump", "cluster_centres", *names)), "size": findings.size}
    return Section("galleries", "Fan, clump and components", values)


def _kernels(findings: Findings, pictures: Pictures) -> Section:
    shown = sum(len(sample.index) for sample in findings.samples.values())
    table = findings.summary["options"]["table"]
    values = {"kernels": findings.summary["kernels"], "shown": shown, "table": table}
    return Section("kernels", "Kernels", values)


def _made(findings: Findings, pictures: Pictures) -> Section:
    values = {name: findings.summary[name] for name in ("options", "versions", "model")}
    values["has_published"] = bool(findings.published)
    return Section("made", "How it was made", values)


MAKERS: tuple[Callable[[Findings, Pictures], Section | None], ...] = (
    _asked,
    _conclusions,
    _layers,
    _claims,
    _depth,
    comparison_section,
    swap_section,
    _planes,
    _galleries,
    _kernels,
    _made,
)


def sections(findings: Findings, pictures: Pictures) -> Iterator[Section]:
    """Yields the sections that there is something for."""
    for make in MAKERS:
        if (section := make(findings, pictures)) is not None:
            yield section
