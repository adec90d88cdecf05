"""Makes one HTML page of trainings, which works offline: scores, comparisons, curves, scans, kernels, certificates.

    python -m lsn_tf.report --results_dir=results/liver_lits-slices_256 --output=report.html
    python -m lsn_tf.report --run_dir=runs/lsn,runs/unet --output=report.html

Takes the results of cross-validations (--results_dir, by lsn_tf.crossval; their runs are looked for where they were,
or in --runs_dir), runs of lsn_tf.train (--run_dir: folders, or patterns such as "runs/*"), or both, of one data set.
Scores of a method that is not trained, results.json and dice.csv by lsn_tf.solve --calibrate, are taken as a
--results_dir too, so that the LSE stands beside the LSN. On the page are

    the outcome in short                          the table of folds, beside the published figures
    models: surfaces, volumes, sizes              paired differences: bootstrap intervals, Wilcoxon's test
    box plots of Dice per scan                    learning curves
    best, median and worst scans, with contours   kernels against chance, of one run of each model
    the certificate in plain words                the Dice of every scan; how it was made

Runs that have not finished are named on the page, and what they have is shown. The pictures of scans show patients:
--noimages leaves them out, for pages that are published. Kernels take half a minute a network: --analysis names what
lsn_tf.analyze has written already, --nokernels leaves them out. Scans and kernels take the model and the data; where
these are missing, the page says so. Needs matplotlib and Jinja, pip install 'lsn_tf[report]'.
"""

import dataclasses
import glob
import importlib.util
import logging
import pathlib
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from lsn_tf import common_flags
from lsn_tf.artifacts import RunDir, replaced, versions
from lsn_tf.reports.contents import Contents, make_contents
from lsn_tf.reports.kernel_shares import KernelShares, read_kernel_shares
from lsn_tf.reports.outcome import outcome
from lsn_tf.reports.overlays import Overlay, ShownScan, chosen_scans
from lsn_tf.reports.reported_runs import ReportedRun, read_folders
from lsn_tf.reports.results_folders import read_results

logger = logging.getLogger(__name__)
PACKAGES = ("lsn_tf", "keras", "tensorflow", "jax", "numpy", "scipy")
DRAWN_BY = ("matplotlib", "jinja2")
MOST_OVERLAYS = 4  # models beside each other


@dataclasses.dataclass(frozen=True)
class Config:
    """What to report.

    Attributes:
        output: the HTML page to write.
        run_dirs: folders of runs, or patterns.
        results_dirs: of cross-validations, or of scores alone.
        runs_dir: where the trainings of the results lie; None for where they were.
        reference: label of the model that the others are compared with; None for the default.
        images: whether held-out scans are shown.
        kernels: whether the kernels of one run of each model are analysed.
        analyses: folders that `lsn_tf.analyze` has written, shown instead.
        data_dir, arrays: see `open_source`; None for those of the training.
        command: what was typed, for the page.
    """

    output: str = "report.html"
    run_dirs: Sequence[str] = ()
    results_dirs: Sequence[str] = ()
    runs_dir: str | None = None
    reference: str | None = None
    images: bool = True
    kernels: bool = True
    analyses: Sequence[str] = ()
    data_dir: str | None = None
    arrays: str | None = None
    command: str = ""


def report(config: Config) -> dict[str, Any]:
    """Writes the page. Returns what it says, in short.

    Raises:
        FileNotFoundError: for a folder that is not what it should be.
        ValueError: for runs that cannot stand in one table, or files that are damaged.
        ImportError: without matplotlib or Jinja.
    """
    output = pathlib.Path(config.output)
    if output.is_dir():
        raise ValueError(f"output must be a file, as report.html. Received {output}, a folder.")
    if missing := [name for name in DRAWN_BY if importlib.util.find_spec(name) is None]:
        raise ImportError(f"expected {' and '.join(missing)}, to make the page: pip install 'lsn_tf[report]'.")
    from lsn_tf.reports.report_page import page  # needs Jinja, which is optional
    from lsn_tf.reports.report_sections import Report

    runs, commands = read_runs(config)
    contents = make_contents(runs, config.reference)
    logger.info("%d runs of %d models, %d finished", len(runs), len(contents.models), len(contents.done))
    shown, shown_note = overlays(contents, config) if config.images else ([], "Left out, by --noimages.")
    kernels, kernels_note = kernel_shares(contents, config)
    text = page(
        Report(
            contents,
            shown=shown,
            shown_note=shown_note,
            window_hu=_window(contents),
            kernels=kernels,
            kernels_note=kernels_note,
            command=config.command,
            commands=commands,
            versions=versions(PACKAGES),
            output=output,
        )
    )
    with replaced(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return {
        "output": str(output),
        "runs": len(runs),
        "runs_done": len(contents.done),
        "outcome": outcome(contents, kernels),
        "fold_table": contents.fold_table,
        "paired": contents.paired,
        "scans_shown": [scan.volume_id for scan in shown],
    }


def read_runs(config: Config) -> tuple[list[ReportedRun], list[str]]:
    """Returns all runs, and the commands of the cross-validations among them."""
    runs, commands = [], []
    runs_dir = pathlib.Path(config.runs_dir) if config.runs_dir else None
    for folder in config.results_dirs:
        of_folder, record = read_results(pathlib.Path(folder), runs_dir)
        runs += of_folder
        commands += [record["command"]] if record.get("command") else []
    return runs + read_folders(matching(config.run_dirs)), commands


def matching(patterns: Sequence[str]) -> list[pathlib.Path]:
    """Returns the folders that are named, and of patterns those that are runs, in order.

    Raises:
        ValueError: for a pattern that no run matches.
    """
    folders: dict[pathlib.Path, None] = {}
    for pattern in patterns:
        found = [pathlib.Path(pattern)]
        if glob.has_magic(pattern) and not found[0].exists():
            found = [path for path in map(pathlib.Path, sorted(glob.glob(pattern))) if RunDir(path).config.is_file()]
            if not found:
                raise ValueError(f"run_dir must be folders of runs, or patterns of them. None matches {pattern}.")
        folders |= dict.fromkeys(found)
    return list(folders)


def overlays(contents: Contents, config: Config) -> tuple[list[ShownScan], str]:
    """Returns held-out scans as the models have segmented them, and what there is to say if some cannot be shown."""
    able = {model: _segmenting(contents, model) for model in contents.models}
    models = [model for model in contents.models if able[model]]
    if not models:
        return [], "No finished run is here, so that no scan can be segmented again."
    groups, left = [models[:MOST_OVERLAYS]], models[MOST_OVERLAYS:]
    if not set.intersection(*(set(_scores(able[model])) for model in groups[0])):
        groups = [[model] for model in groups[0]]  # of different folds: each with scans of its own
    segmenters: dict[str, Any] = {}
    shown = []
    try:
        for group in groups:
            names = chosen_scans({model: _scores(able[model]) for model in group})
            for volume_id, why in names.items():
                of_fold = {model: able[model][contents.fold_of[volume_id]] for model in group}
                shown.append(_shown_scan(volume_id, why, of_fold, segmenters, config))
    except (FileNotFoundError, ImportError) as error:
        logger.warning("no scans are shown: %s", error)
        return [], f"Not shown, as the data cannot be read: {' '.join(str(error).split())}"
    absent = [model for model in contents.models if not able[model]]
    notes = [f"Without a run here, so not drawn: {', '.join(absent)}."] * bool(absent)
    notes += [f"Left out, for want of room: {', '.join(left)}."] * bool(left)
    return shown, " ".join(notes)


def _segmenting(contents: Contents, model: str) -> dict[int, ReportedRun]:
    """Returns the finished run of the lowest seed, by fold, whose folder is here."""
    runs = sorted((run for run in contents.of(model) if run.of.done), key=lambda run: -run.of.seed)
    return {run.of.fold: run for run in runs if run.folder is not None and run.folder.model.is_file()}


def _scores(runs: Mapping[int, ReportedRun]) -> dict[int, float]:
    return {int(scan["volume_id"]): float(scan["dice"]) for run in runs.values() for scan in run.of.scans}


def _shown_scan(
    volume_id: int, names: Sequence[str], runs: Mapping[str, ReportedRun], segmenters: dict[str, Any], config: Config
) -> ShownScan:
    """Segments the slice of a scan that has the largest reference by each model."""
    from lsn_tf import evaluate, fronts  # Keras takes seconds to import
    from lsn_tf.data.pipeline import target_mask

    first = next(iter(runs.values()))
    source = evaluate.open_run_source(first.config, data_dir=config.data_dir, arrays=config.arrays)
    scan = fronts.find_scans(source, first.of.fold, [volume_id])[volume_id]
    reference = target_mask(scan.label, first.target)
    n = fronts.slice_number(reference, fronts.LARGEST, volume_id)
    logger.info("scan %d, slice %d of %d", volume_id, n, len(scan.image))
    return ShownScan(
        names, volume_id, first.of.fold, n, len(scan.image),
        [_overlay(run, scan, reference, n, segmenters) for run in runs.values()],
    )  # fmt: skip


def _overlay(run: ReportedRun, scan, reference: np.ndarray, n: int, segmenters: dict[str, Any]) -> Overlay:
    from lsn_tf import evaluate
    from lsn_tf.metrics import dice
    from lsn_tf.numerics.level_sets import inside
    from lsn_tf.prediction import predict

    if run.name not in segmenters:
        segmenters[run.name] = evaluate.load_segmenter(run.folder)
    segmenter = segmenters[run.name]
    inputs = {name: values[n : n + 1] for name, values in evaluate.scan_inputs(segmenter, scan, run.target).items()}
    phi = np.asarray(predict(segmenter, inputs, 1), np.float64)[0, ..., 0]
    return Overlay(
        run.model, scan.image[n], reference[n], phi, np.asarray(scan.spacing_mm[1:], float),
        _scores({0: run})[scan.volume_id], dice(reference[n], inside(phi)),
    )  # fmt: skip


def kernel_shares(contents: Contents, config: Config) -> tuple[list[KernelShares], str]:
    """Returns the analyses that are given or, without any, those of one run of each model, and what there is to say."""
    if config.analyses:
        return [read_kernel_shares(pathlib.Path(folder)) for folder in config.analyses], ""
    if not config.kernels:
        return [], "Left out, by --nokernels."
    from lsn_tf import analyze

    found = []
    for model in contents.models:
        for run in [*_segmenting(contents, model).values()][:1]:
            logger.info("kernels of %s", run.folder.path)
            with tempfile.TemporaryDirectory() as folder:
                try:
                    analyze.analyze(analyze.Config(str(run.folder.path), folder))
                except ValueError as error:  # as of the classical LSE, which has no kernels that are learned
                    logger.warning("no kernels of %s: %s", model, error)
                    continue
                found.append(read_kernel_shares(pathlib.Path(folder), f"{model}, fold {run.of.fold}", stays=False))
    return found, "" if found else "No finished run with kernels of 3 × 3 is here, so there is nothing to analyse."


def _window(contents: Contents) -> tuple[float, float]:
    windows = [run.config["window_hu"] for run in contents.runs if run.config.get("window_hu")]
    return tuple(windows[0]) if windows else (-100.0, 400.0)


def print_results(results: Mapping[str, Any]) -> None:
    """Prints the outcome in short, and where the page lies."""
    for sentence in results["outcome"]:
        print(sentence)
    print(results["output"])


def main() -> dict[str, Any]:
    """Reads the flags and makes the page."""
    values = flags.FLAGS
    lists = {"run_dirs": values.run_dir, "results_dirs": values.results_dir, "analyses": values.analysis}
    names = ("output", "runs_dir", "reference", "images", "kernels", "data_dir", "arrays")
    command = shlex.join(["python", "-m", "lsn_tf.report", *sys.argv[1:]])
    return report(Config(**lists, **{name: values[name].value for name in names}, command=command))


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.DEFINE_list("run_dir", [], "Folders of training runs, or patterns of them, joined by commas.")
    flags.DEFINE_list("results_dir", [], "Results of cross-validations or of scores, joined by commas.")
    flags.DEFINE_string("runs_dir", None, "Where the trainings of --results_dir lie (default: where they were).")
    flags.DEFINE_string("output", "report.html", "The page to write.")
    flags.DEFINE_string("reference", None, "Model that the others are compared with (default: the last U-Net).")
    flags.DEFINE_bool("images", True, "Show held-out scans, which are pictures of patients.")
    flags.DEFINE_bool("kernels", True, "Analyse the kernels of one run of each model.")
    flags.DEFINE_list("analysis", [], "Folders that lsn_tf.analyze has written, shown instead.")
    flags.DEFINE_string("data_dir", None, "Where TFDS keeps prepared data sets (default: as in training).")
    common_flags.define_arrays_flag()


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
