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
import logging
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from absl import flags
from keras import ops

from lsn_tf import common_flags
from lsn_tf.analysis.clustering import PUBLISHED_K
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.analysis.dictionary_file import read_dictionary
from lsn_tf.analysis.network import Layer, read_network
from lsn_tf.analysis.partition import partition
from lsn_tf.analysis.replacement import NULLS, cluster_centre, make_replacement, replacement_names
from lsn_tf.analysis.symmetries import EVERY_SYMMETRY, Symmetries
from lsn_tf.analysis.templates import make_templates, nearest
from lsn_tf.artifacts import RunDir, machine, versions, write_csv, write_json
from lsn_tf.data.pipeline import target_mask
from lsn_tf.data.volumes import Scan
from lsn_tf.evaluate import held_out_fold, load_segmenter, open_run_source, scan_inputs
from lsn_tf.metrics import dice
from lsn_tf.models import AnySize
from lsn_tf.numerics.level_sets import inside
from lsn_tf.prediction import predict
from lsn_tf.studies import swap_tables
from lsn_tf.studies.swap_figure import draw_swap
from lsn_tf.studies.swapping import (
    BEST_FIRST,
    TURNED,
    HiddenKernels,
    Measurement,
    Part,
    Substitute,
    measure,
    network_parts,
    original,
    substitutes,
    unit_parts,
)
from lsn_tf.train import fit_options, recorded_config, training_slices
from lsn_tf.training.fine_tuning import FineTuning
from lsn_tf.training.optimizers import HIDDEN_LAYER

logger = logging.getLogger(__name__)
SIZE = 3  # of the kernels of all hidden convolutions
REPLACEMENTS = ("nearest", "centre", "order_1", "order_2", "order_3")
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
TUNED_SHARES = (0.5, 1.0)
PACKAGES = ("lsn_tf", "keras", "numpy", "scipy", "tensorflow")


@dataclasses.dataclass(frozen=True)
class Config:
    """What to replace, and how.

    Attributes:
        model: the folder of a training run, or the model.keras in it.
        output_dir: folder for table, summary and figure.
        replacements: of `replacement_names()`.
        shares: of the network's kernels, in (0, 1].
        null: "permuted", the weights of each kernel in random order, or "gaussian", of the same norm.
        draws: of the null, and of the random frames.
        units: whether each stage, cluster and layer is replaced alone, too.
        fine_tuning_epochs: 0 for no fine-tuning.
        fine_tuning_shares: at which all else is fine-tuned, replaced in random order.
        fine_tuning_draws: of the controls that are fine-tuned.
        dictionary: file of named kernels that are added to the built-in ones.
        symmetries: under which kernels are named and clustered; scale always is one.
        clusters: k of k-means; 0 for that of the largest silhouette.
        data_dir, arrays: see `open_source`; None for those of the training.
        batch_size: slices at a time, of the scores.
        seed: of random order, controls, clusters and fine-tuning.
    """

    model: str
    output_dir: str
    replacements: Sequence[str] = REPLACEMENTS
    shares: Sequence[float] = SHARES
    null: str = NULLS[0]
    draws: int = 3
    units: bool = True
    fine_tuning_epochs: int = 3
    fine_tuning_shares: Sequence[float] = TUNED_SHARES
    fine_tuning_draws: int = 1
    dictionary: str | None = None
    symmetries: Symmetries = EVERY_SYMMETRY
    clusters: int = PUBLISHED_K
    data_dir: str | None = None
    arrays: str | None = None
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self):
        names = replacement_names(SIZE)
        if not self.replacements or len(set(self.replacements)) < len(self.replacements):
            raise ValueError(f"replacements must be some of {', '.join(names)}, once. Received {self.replacements}.")
        if unknown := [name for name in self.replacements if name not in names]:
            raise ValueError(f"replacements must be of {', '.join(names)}. Received {', '.join(unknown)}.")
        for name in ("shares", "fine_tuning_shares"):
            if not getattr(self, name) or not all(0 < share <= 1 for share in getattr(self, name)):
                raise ValueError(f"{name} must be in (0, 1], of the kernels. Received {list(getattr(self, name))}.")
        if self.null not in NULLS:
            raise ValueError(f"null must be one of {', '.join(NULLS)}. Received {self.null!r}.")
        if min(self.draws, self.batch_size) < 1 or min(self.fine_tuning_epochs, self.fine_tuning_draws) < 0:
            raise ValueError(
                "draws and batch_size must be positive, fine_tuning_epochs and fine_tuning_draws not negative. "
                f"Received {self.draws}, {self.batch_size}, {self.fine_tuning_epochs}, {self.fine_tuning_draws}."
            )


class HeldOutScans:
    """Scans on the grid of a segmenter, made once, and their Dice whenever the segmenter's weights have changed.

    Args:
        segmenter: whose predictions are scored.
        scans: with labels.
        target: see `target_mask`.
        batch_size: slices at a time.
    """

    def __init__(self, segmenter: AnySize, scans: Iterable[Scan], target: str, batch_size: int):
        self.segmenter, self.batch_size = segmenter, batch_size
        self.volume_ids, self.references, groups = [], [], {}
        for scan in scans:
            inputs = segmenter.grid_inputs(scan_inputs(segmenter, scan, target, batch_size=batch_size))
            groups.setdefault(scan.image.shape[1:], []).append((len(self.references), inputs))
            self.volume_ids.append(scan.volume_id)
            self.references.append(target_mask(scan.label, target))
        self.groups = [(size, [place for place, _ in members], _joined(members)) for size, members in groups.items()]

    def dice(self) -> np.ndarray:
        """Returns the Dice of each scan, over its own voxels, (scans,)."""
        scores = np.zeros(len(self.references))
        for size, places, inputs in self.groups:
            phi = predict(self.segmenter.model, inputs, self.batch_size)
            masks = np.concatenate([self._on_own_grid(part, size) for part in self._batches(phi)])
            ends = np.cumsum([len(self.references[place]) for place in places])[:-1]
            for place, predicted in zip(places, np.split(masks, ends), strict=True):
                scores[place] = dice(self.references[place], predicted)
        return scores

    def _batches(self, phi: np.ndarray) -> list[np.ndarray]:
        return [phi[start : start + self.batch_size] for start in range(0, len(phi), self.batch_size)]

    def _on_own_grid(self, phi: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return inside(ops.convert_to_numpy(self.segmenter.from_grid(phi, size=size))[..., 0])


def _joined(members: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[str, np.ndarray]:
    names = members[0][1]
    return {name: np.concatenate([ops.convert_to_numpy(inputs[name]) for _, inputs in members]) for name in names}


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


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """What will be replaced by what.

    Attributes:
        network: its hidden kernels.
        candidates: replacements and controls.
        of_network: growing sets of kernels.
        of_units: stages, clusters and layers.
        fine_tuned: the sets after whose replacement all else is fine-tuned.
    """

    network: HiddenKernels
    candidates: Sequence[Substitute]
    of_network: Sequence[Part]
    of_units: Sequence[Part]
    fine_tuned: Sequence[Part]


def make_plan(layers: Sequence[Layer], config: Config) -> Plan:
    """Returns what will be replaced in these layers."""
    network = HiddenKernels.of(layers)
    dictionary = (*named_kernels(), *(read_dictionary(config.dictionary) if config.dictionary else ()))
    templates = make_templates(dictionary, dataclasses.replace(config.symmetries, scale=True), SIZE)
    found = partition(layers, "canonical", config.clusters, config.seed, config.symmetries)
    labels = np.concatenate([found.labels[layer.name] for layer in layers])
    centres = found.clusters.centres if found.clusters else np.zeros((0, SIZE**2), np.float32)

    def centre(kernels: np.ndarray) -> np.ndarray:
        return cluster_centre(kernels, labels, centres, config.symmetries)

    replacements = {name: make_replacement(name, templates, centre) for name in config.replacements}
    similarity = nearest(network.kernels, templates)[1]
    tuned = network_parts(similarity, config.fine_tuning_shares, config.seed) if config.fine_tuning_epochs else ()
    return Plan(
        network=network,
        candidates=substitutes(network.kernels, replacements, config.null, config.draws, config.seed),
        of_network=network_parts(similarity, config.shares, config.seed),
        of_units=unit_parts(network, labels) if config.units else (),
        fine_tuned=[part for part in tuned if part.order != BEST_FIRST],
    )


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
        scans = self.source.scans(self.trained.fold)
        self.scans = HeldOutScans(self.segmenter, scans, self.trained.target, config.batch_size)

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
    draw_swap(results["results"], folder / "swap.png", title)
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
