"""How much of a trained network is finite differences? Replaces its kernels by what they resemble, and scores it.

    python -m lsn_tf.swap --model=runs/unet --output_dir=analysis/unet

`python -m lsn_tf.analyze --swap` does so too, beside the tables of kernels. Kernels of the hidden convolutions of a run
of lsn_tf.train are replaced, each keeping its L2 norm, by

    nearest    the nearest image of a named kernel under turns and mirrors, with its sign
    centre     the image of the centre of its cluster (k-means of canonical kernels)
    order_P    its projection on the finite differences of order P; they are 9, 8, 6, 3, 1 of 9 dimensions

and the Dice of the held-out scans is measured: for growing shares of the network, those most similar to a named kernel
first and in random order, and for each stage, cluster and layer alone. Controls replace the same kernels: by their
null, and, "turned", by the same named kernels or subspaces in random orthonormal frames, which are as many or as large
but mean nothing. Last, the replaced kernels are held and all else is trained on for a few epochs, controls likewise.

Heads and 1x1 convolutions stay as they are. So do the stencils of a level set network, which are finite differences by
construction. Writes into --output_dir: swap.csv (a row a measurement), swap.json, and swap.png if there is matplotlib.
"""

import dataclasses
import functools
import logging
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from absl import flags

from lsn_tf import common_flags
from lsn_tf.analysis.clustering import PUBLISHED_K
from lsn_tf.analysis.figures.swap_curves import write_swap
from lsn_tf.analysis.network import Layer, read_network
from lsn_tf.analysis.replacement import NULLS, replacement_names
from lsn_tf.analysis.swapping import TURNED, HiddenKernels, Measurement, Part, measure, original
from lsn_tf.artifacts import RunDir, machine, versions, write_csv, write_json
from lsn_tf.evaluate import held_out_fold, load_segmenter, open_run_source, scan_inputs
from lsn_tf.studies import swap_tables
from lsn_tf.studies.held_out_scans import HeldOutScans
from lsn_tf.studies.swap_plan import REPLACEMENTS, SHARES, SIZE, TUNED_SHARES, Config, Plan, make_plan
from lsn_tf.train import fit_options, recorded_config, training_slices
from lsn_tf.training.fine_tuning import FineTuning
from lsn_tf.training.optimizers import HIDDEN_LAYER

logger = logging.getLogger(__name__)
PACKAGES = ("lsn_tf", "keras", "numpy", "scipy", "tensorflow")


def find_run(model: str) -> RunDir:
    """Returns the run that is named by its folder or its model.keras.

    Raises:
        ValueError: if that is neither, or the run has held out no fold.
    """
    path = pathlib.Path(model)
    run = RunDir(path if path.is_dir() else path.parent)
    if not (run.config.is_file() and run.model.is_file() and path in (run.path, run.model)):
        raise ValueError(
            f"to swap kernels, model must be a finished run of lsn_tf.train, its folder or the {run.model.name} in it, "
            f"which tells the held-out scans. Received {model}."
        )
    held_out_fold(run)
    return run


class Subject:
    """A trained network whose kernels may be replaced, and the scans that it has not seen.

    Args:
        run: its training.
        layers: whose kernels are replaced.
        config: where the scans are, and how the network is trained on.
    """

    def __init__(self, run: RunDir, layers: Sequence[Layer], config: Config):
        self.trained, self.config = recorded_config(run), config
        self.source = open_run_source(run.read_config(), data_dir=config.data_dir, arrays=config.arrays)
        self.segmenter = load_segmenter(run, certified=False)
        self.kernels = _kernel_variables(self.segmenter.model, layers)
        self.weights = self.segmenter.model.get_weights()
        grid = {"target": self.trained.target, "batch_size": config.batch_size}
        inputs_of = functools.partial(scan_inputs, self.segmenter, **grid)
        scans = self.source.scans(self.trained.fold)
        self.scans = HeldOutScans(self.segmenter, scans, inputs_of=inputs_of, **grid)

    def score(self, kernels: Mapping[str, np.ndarray], part: Part | None = None) -> np.ndarray:
        """Returns the Dice of each scan with these kernels, by layer, in the place of the trained ones."""
        for name, values in kernels.items():
            self.kernels[name].assign(values)
        return self.scans.dice()

    def fine_tuned_score(self, network: HiddenKernels) -> Callable[[Mapping[str, np.ndarray], Part | None], np.ndarray]:
        """Returns `score` with a fine-tuning of all weights but the kernels of the part before it."""
        options = dataclasses.replace(
            fit_options(self.trained), epochs=self.config.fine_tuning_epochs, seed=self.config.seed
        )
        paths = {name: variable.path for name, variable in self.kernels.items()}
        fine_tune = FineTuning(options, training_slices(self.source, self.trained)[0], paths.values())

        def score(kernels: Mapping[str, np.ndarray], part: Part | None = None) -> np.ndarray:
            self.segmenter.model.set_weights(self.weights)
            for name, values in kernels.items():
                self.kernels[name].assign(values)
            held = network.by_layer(np.broadcast_to(part.chosen[:, None, None], network.kernels.shape)) if part else {}
            fine_tune(self.segmenter.model, {paths[name]: mask for name, mask in held.items()})
            return self.scans.dice()

        return score


def _kernel_variables(model: keras.Model, layers: Sequence[Layer]) -> dict[str, keras.Variable]:
    variables = {variable.path.removesuffix("/kernel"): variable for variable in model.trainable_variables}
    return {layer.name: variables[layer.name] for layer in layers}


def hidden_layers(run: RunDir) -> list[Layer]:
    """Returns the hidden convolutions of a run's model.

    Raises:
        ValueError: if there is none.
    """
    layers = [layer for layer in read_network(run.model, SIZE) if layer.count and HIDDEN_LAYER.search(layer.name)]
    if not layers:
        raise ValueError(
            f"model must have hidden convolutions of {SIZE}x{SIZE}, whose kernels can be swapped. Received "
            f"{run.model}, which has none: its stencils are finite differences by construction."
        )
    return layers


def swap(config: Config) -> dict[str, Any]:
    """Measures, writes swap.csv, swap.json and swap.png, and returns what is in swap.json.

    The files are complete, and written, after each of three parts: growing sets, units, fine-tuning.

    Raises:
        ValueError, FileNotFoundError: for bad input, before anything is written.
    """
    started = time.monotonic()
    run = find_run(config.model)
    layers = hidden_layers(run)
    plan = make_plan(layers, config)
    subject = Subject(run, layers, config)
    logger.info("%d kernels, %d scans", len(plan.network.kernels), len(subject.scans.references))
    found: list[Measurement] = []
    results: dict[str, Any] = {}
    for measurements in (_of_network, _of_units, _fine_tuned):
        found += measurements(plan, subject)
        results = _results(found, subject, plan.network)
        results["seconds"] = round(time.monotonic() - started)
        _write(pathlib.Path(config.output_dir), found, results)
    return {**results, "output_dir": config.output_dir}


def _of_network(plan: Plan, subject: Subject) -> Iterator[Measurement]:
    yield original(subject.score({}))
    yield from measure(plan.network, plan.of_network, plan.candidates, subject.score)


def _of_units(plan: Plan, subject: Subject) -> Iterator[Measurement]:
    candidates = [candidate for candidate in plan.candidates if candidate.control != TURNED]
    return measure(plan.network, plan.of_units, candidates, subject.score)


def _fine_tuned(plan: Plan, subject: Subject) -> Iterator[Measurement]:
    if not plan.fine_tuned:
        return
    epochs, draws = subject.config.fine_tuning_epochs, subject.config.fine_tuning_draws
    score = subject.fine_tuned_score(plan.network)
    yield original(score({}, None), epochs)
    candidates = [candidate for candidate in plan.candidates if not candidate.control or candidate.draw < draws]
    yield from measure(plan.network, plan.fine_tuned, candidates, score, epochs)


def _results(found: Sequence[Measurement], subject: Subject, network: HiddenKernels) -> dict[str, Any]:
    options = dataclasses.asdict(subject.config)
    return {
        "model": subject.trained.model,
        "dataset": subject.source.name,
        "synthetic": subject.source.synthetic,
        "fold": subject.trained.fold,
        "scans": subject.scans.volume_ids,
        "kernels": len(network.kernels),
        "layers": [layer.name for layer in network.layers],
        "dice": round(float(found[0].dice.mean()), swap_tables.DIGITS),
        "results": swap_tables.averages(found),
        "comparisons": swap_tables.comparisons(found, subject.config.seed),
        "options": {name: value for name, value in options.items() if name != "output_dir"},
        "versions": versions(PACKAGES),
        "machine": machine(),
    }


def _write(folder: pathlib.Path, found: Sequence[Measurement], results: Mapping[str, Any]) -> None:
    write_csv(folder / "swap.csv", swap_tables.rows(found))
    what = f"{results['dataset']}, synthetic data" if results["synthetic"] else results["dataset"]
    draws = results["options"]["draws"]
    title = (
        f"{results['model']}, {results['kernels']:,} kernels; Dice of {len(results['scans'])} held-out scans "
        f"({what}, fold {results['fold']})" + (f"; bands: all of {draws} draws" if draws > 1 else "")
    )
    write_swap(results["results"], folder / "swap.png", title)
    write_json(folder / "swap.json", results)


def print_results(results: Mapping[str, Any]) -> None:
    """Prints Dice against share, with all else fine-tuned too, and the Dice with one unit replaced."""
    print("\n".join(swap_tables.text_of(results)))
    print(f"see {results['output_dir']}")


def main() -> dict[str, Any]:
    """Reads the flags and swaps."""
    values = flags.FLAGS
    given = {field.name: values[field.name].value for field in dataclasses.fields(Config) if field.name != "symmetries"}
    shares = {name: _floats(name, given[name]) for name in ("shares", "fine_tuning_shares")}
    return swap(Config(**given | shares))


def _floats(name: str, texts: Sequence[str]) -> tuple[float, ...]:
    try:
        return tuple(float(text) for text in texts)
    except ValueError:
        raise ValueError(f"{name} must be numbers, as in 0.1,0.5,1. Received {','.join(texts)!r}.") from None


def define_flags() -> None:
    """Defines the flags of this command."""
    common_flags.define_arrays_flag()
    flags.DEFINE_string("model", None, "Run of lsn_tf.train: its folder, or the model.keras in it.", required=True)
    flags.DEFINE_string("output_dir", None, "Folder for swap.csv, swap.json and swap.png.", required=True)
    flags.DEFINE_list("replacements", ",".join(REPLACEMENTS), f"Of {', '.join(replacement_names(SIZE))}.")
    flags.DEFINE_list("shares", ",".join(map(str, SHARES)), "Of the kernels that are replaced, in (0, 1].")
    flags.DEFINE_enum("null", NULLS[0], NULLS, "What kernels are replaced by as a control.")
    flags.DEFINE_integer("draws", Config.draws, "Of each control.", lower_bound=1)
    flags.DEFINE_bool("units", True, "Replace each stage, cluster and layer alone, too.")
    flags.DEFINE_integer("fine_tuning_epochs", Config.fine_tuning_epochs, "0 for no fine-tuning.", lower_bound=0)
    flags.DEFINE_list(
        "fine_tuning_shares", ",".join(map(str, TUNED_SHARES)), "Of kernels that are replaced before fine-tuning."
    )
    flags.DEFINE_integer("fine_tuning_draws", Config.fine_tuning_draws, "Of controls, fine-tuned.", lower_bound=0)
    flags.DEFINE_string("dictionary", None, "JSON or TOML file of named kernels that are added to the built-in ones.")
    flags.DEFINE_integer("clusters", PUBLISHED_K, "Number of clusters; 0 for that of the largest silhouette.", 0)
    flags.DEFINE_string("data_dir", None, "Where TFDS keeps prepared data sets (default: as in training).")
    flags.DEFINE_integer("batch_size", Config.batch_size, "Slices at a time.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Of random order, controls, clusters and fine-tuning.", lower_bound=0)


if __name__ == "__main__":
    common_flags.run_command(main, define_flags, __doc__, print_results)
