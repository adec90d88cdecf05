"""The kernels of a network in short: from the files of an analysis, the share of each family against chance."""

import csv
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from lsn_tf.artifacts import read_json

PICTURE = "figures/family_shares"
PAGE = "index.html"


@dataclasses.dataclass(frozen=True, eq=False)
class KernelShares:
    """What an analysis has found.

    Attributes:
        label: of the network.
        summary: of summary.json.
        families: a row each: family, hits and kernels over all layers, share, chance, and in how many layers the claim
            holds.
        picture: the shares layer by layer, SVG or PNG; None where it was not drawn.
        page: the page of the analysis, where it stays.
    """

    label: str
    summary: Mapping[str, Any]
    families: Sequence[Mapping[str, Any]]
    picture: bytes | None = None
    page: pathlib.Path | None = None

    def headline(self) -> str:
        """Returns the result in a sentence."""
        found = self.summary
        held = len(found["claims"])
        of_layers = len({claim["layer"] for claim in found["claims"]})
        where = f", in {of_layers} of {found['layers']} layers" if held else ""
        verb = "holds" if held == 1 else "hold"
        return (
            f"{self.label}, {found['kernels']:,} kernels: {held} of {found['claims_tested']} claims {verb} "
            f"(q < {found['claims_hold_at_q']}) that a layer has more of a family of named kernels than chance "
            f"explains{where}."
        )


def read_kernel_shares(folder: pathlib.Path, label: str | None = None, stays: bool = True) -> KernelShares:
    """Returns what an analysis has found.

    Args:
        folder: output of `lsn_tf.analyze`.
        label: of the network; None for the name of the folder.
        stays: whether the folder can be pointed at.

    Raises:
        FileNotFoundError: if it is no folder of an analysis.
        ValueError: if its files are damaged.
    """
    summary, claims = folder / "summary.json", folder / "claims.csv"
    if not (summary.is_file() and claims.is_file()):
        raise FileNotFoundError(
            f"expected the output of an analysis, {summary.name} and {claims.name}. Received {folder}. "
            f"Make it with: python -m lsn_tf.analyze --model=RUN_DIR --output_dir={folder}"
        )
    try:
        found = read_json(summary)
        with claims.open(newline="") as file:
            families = family_rows(list(csv.DictReader(file)), found["claims_hold_at_q"])
        shares = KernelShares(label or folder.resolve().name, found, families, _picture(folder), _page(folder, stays))
        shares.headline()
    except (ValueError, KeyError, TypeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{folder} must hold an analysis by lsn_tf.analyze. Received damaged files: {what}") from error
    return shares


def family_rows(claims: Sequence[Mapping[str, str]], holds: float) -> list[dict[str, Any]]:
    """Returns hits, kernels, share and chance of each family over all layers, weighted by their kernels."""
    rows: dict[str, dict[str, Any]] = {}
    for claim in claims:
        row = rows.setdefault(
            claim["family"], {"family": claim["family"], "hits": 0, "kernels": 0, "chance": 0.0, "held": 0}
        )
        kernels = int(claim["kernels"])
        row["hits"] += int(claim["hits"])
        row["kernels"] += kernels
        row["chance"] += kernels * float(claim["chance"])
        row["held"] += float(claim["q_value"]) < holds
    return [
        {**row, "share": row["hits"] / row["kernels"], "chance": row["chance"] / row["kernels"]}
        for row in rows.values()
        if row["kernels"]
    ]


def _picture(folder: pathlib.Path) -> bytes | None:
    paths = [folder / f"{PICTURE}.{form}" for form in ("svg", "png")]
    return next((path.read_bytes() for path in paths if path.is_file()), None)


def _page(folder: pathlib.Path, stays: bool) -> pathlib.Path | None:
    return folder / PAGE if stays and (folder / PAGE).is_file() else None
