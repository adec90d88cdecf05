"""Many models in one analysis, over a Beam pipeline: each alone, and one table with a row for each layer of all."""

import collections
import csv
import dataclasses
import functools
import glob
import logging
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lsn_tf.analysis.config import Config
from lsn_tf.analysis.tables import write_rows
from lsn_tf.artifacts import replaced

logger = logging.getLogger(__name__)
CORPUS = "corpus.csv"
LISTS = (".txt", ".lst")  # files with a path or pattern in each line

# Beam's DirectRunner would first download Prism, a program, and run it.
LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Member:
    """A model of a corpus.

    Attributes:
        model: its path.
        folder: name of the folder for its own tables.
    """

    model: str
    folder: str


def analyze_corpus(
    config: Config,
    analyze: Callable[[Config], Mapping[str, Any]],
    runner: str = "DirectRunner",
    options: Sequence[str] = (),
) -> dict[str, Any]:
    """Analyses many models over a Beam pipeline, each into a folder of its own, and writes corpus.csv.

    Args:
        config: of all; model names them, see `find_members`.
        analyze: analyses one, and returns its summary. Workers must be able to import it.
        runner, options: of Beam, see `analyze_members`.

    Returns:
        models, the number of models, and layers, of them together.

    Raises:
        ValueError: for a choice that cannot be used; nothing has been written then.
        RuntimeError: if a model could not be analysed, when all others have been.
    """
    if config.untrained or config.compare or config.swap_results:
        raise ValueError("untrained, compare and swap_results are for one model. Received one of them with a corpus.")
    members = find_members(config.model)
    table = pathlib.Path(config.output_dir) / CORPUS
    logger.info("%d models", len(members))
    rows_of = functools.partial(_member_rows, config=config, analyze=analyze)
    analyze_members(members, rows_of, functools.partial(_write_corpus, path=table), runner, options)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if failed := [row for row in rows if row["error"]]:
        raise RuntimeError(
            f"{len(failed)} of {len(members)} models could not be analysed, see {table}. "
            f"The first is {failed[0]['model']}: {failed[0]['error']}"
        )
    return {"models": len(members), "layers": len(rows), "output_dir": config.output_dir}


def _member_rows(member: Member, config: Config, analyze: Callable[[Config], Mapping[str, Any]]) -> list[Row]:
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


def find_members(models: str) -> list[Member]:
    """Returns the models of a corpus, sorted by path, each once.

    Folders are called as the models, from where their paths part: of a/x.keras and b/x.keras "a-x.keras", "b-x.keras".

    Args:
        models: paths and patterns, joined by commas, or a file that ends in .txt with one in each line. A path without
            wildcards need not exist: its analysis then fails as that of a damaged model does.

    Raises:
        ValueError: if there is no model.
    """
    path = pathlib.Path(models)
    listed = path.read_text(encoding="utf-8").splitlines() if path.suffix in LISTS else models.split(",")
    patterns = [pattern.strip() for pattern in listed if pattern.strip()]
    found = {name for pattern in patterns for name in (glob.glob(pattern) if glob.has_magic(pattern) else [pattern])}
    if not found:
        raise ValueError(
            f"model must name models, as paths and patterns joined by commas. There is none of {models!r}."
        )
    ordered = sorted(found)
    whole = [os.path.abspath(name) for name in ordered]
    root = os.path.commonpath([os.path.dirname(name) for name in whole])
    folders: collections.Counter[str] = collections.Counter()
    members = []
    for model, name in zip(ordered, whole, strict=True):
        folder = re.sub(r"[^\w.]+", "-", os.path.relpath(name, root))
        folders[folder] += 1
        members.append(Member(model, folder if folders[folder] == 1 else f"{folder}-{folders[folder]}"))
    return members


def analyze_members(
    members: Sequence[Member],
    analyze: Callable[[Member], Sequence[Row]],
    write: Callable[[Sequence[Row]], None],
    runner: str = "DirectRunner",
    options: Sequence[str] = (),
) -> None:
    """Analyses each model alone, over a Beam pipeline, and writes the rows of all in the order of the models.

    A model whose analysis raises has one row, with its error; so has one that the runner has lost.

    Args:
        members: the models.
        analyze: returns the rows of a model. Workers must be able to import it.
        write: writes the table; runs on a worker, as its last stage.
        runner: of Beam; DirectRunner stands for `LOCAL_RUNNER`.
        options: of Beam, e.g. "direct_num_workers=2".

    Raises:
        ValueError: for a runner that Beam does not know.
        RuntimeError: if the pipeline fails as a whole.
    """
    import apache_beam as beam  # it takes seconds to import
    from apache_beam.options.pipeline_options import PipelineOptions

    flags = [f"--runner={LOCAL_RUNNER if runner == 'DirectRunner' else runner}", *(f"--{option}" for option in options)]
    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
        _ = (
            pipeline
            | beam.Create(list(members))
            | beam.Reshuffle()
            | "Analyze" >> beam.Map(_rows, analyze)
            | "Together" >> beam.Map(lambda rows: ("", rows))
            | beam.GroupByKey()
            | "Write" >> beam.Map(_written, list(members), write)
        )


def _rows(member: Member, analyze: Callable[[Member], Sequence[Row]]) -> tuple[str, list[Row]]:
    """Returns the rows of a model, with its path; whatever one raises, the others go on."""
    try:
        rows = [{**row, "error": ""} for row in analyze(member)]
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        rows = [{"error": kind + " ".join(str(error).split())}]
    return member.model, [{"model": member.model, "folder": member.folder, **row} for row in rows]


def _written(
    group: tuple[str, Iterable[tuple[str, list[Row]]]],
    members: Sequence[Member],
    write: Callable[[Sequence[Row]], None],
) -> None:
    found: Mapping[str, list[Row]] = dict(group[1])
    lost = {"error": "the runner has lost it: run again with another."}
    none = {member.model: [{"model": member.model, "folder": member.folder, **lost}] for member in members}
    write([row for member in members for row in {**none, **found}[member.model]])
