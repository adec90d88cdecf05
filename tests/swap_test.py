"""What is its own replacement stays as it is, controls replace the same sets, and what cannot be swapped is refused."""

import csv
import dataclasses
import functools
import json
import subprocess
import sys

import numpy as np
import pytest

from lsn_tf import analyze, swap
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.artifacts import RunDir, read_json, write_json
from lsn_tf.data.volumes import Scan
from lsn_tf.evaluate import load_segmenter, scan_inputs, score_scan
from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.training.optimizers import HIDDEN_LAYER

WINDOW = (-100.0, 400.0)
QUICK = {"fine_tuning_epochs": 0, "draws": 1}


@dataclasses.dataclass(frozen=True)
class FakeSource:
    """Three scans in every fold, of two sizes, none on the network's grid."""

    name: str = "phantom"
    synthetic: bool = True
    folds: tuple = tuple(range(5))

    def scans(self, fold):
        for number in range(27 * fold, 27 * fold + 3):
            label = np.zeros((2 + number % 2, 20 + 4 * (number % 2), 24 + 8 * (number % 2)), np.uint8)
            label[:, 4:13, 5 : 12 + number % 5] = 1
            yield Scan(number, np.where(label, 100, -50).astype(np.int16), label, (5.0, 0.7, 0.9), False, np.eye(4))


@pytest.fixture
def run(tmp_path, monkeypatch) -> RunDir:
    """A network that has held out fold 1."""
    run = RunDir(tmp_path / "run")
    record = {"model": "unet:filters=4-4", "dataset": "phantom", "data_dir": None, "fold": 1, "image_size": 16}
    record |= {"window_hu": WINDOW, "epochs": 3, "batch_size": 4, "jit": False, "mixed_precision": "float32"}
    write_json(run.config, record)
    UNet(WINDOW, (4, 4)).save(run.model)
    monkeypatch.setattr(swap, "open_run_source", lambda *_, **__: FakeSource())
    return run


def swapped(run, folder, **options):
    return swap.swap(swap.Config(str(run.path), str(folder), **QUICK | options))


def of(results, **wanted):
    return [row for row in results["results"] if all(row[name] == value for name, value in wanted.items())]


def held_out(segmenter, batch_size):
    inputs_of = functools.partial(scan_inputs, segmenter, target="liver")
    return swap.HeldOutScans(segmenter, FakeSource().scans(1), "liver", batch_size, inputs_of)


def test_the_network_as_it_is_has_the_dice_of_evaluate(run):
    segmenter = load_segmenter(run)
    scans = held_out(segmenter, 2)
    expected = [score_scan(segmenter, scan, 1, "liver", 16)["dice"] for scan in FakeSource().scans(1)]
    assert scans.volume_ids == [27, 28, 29] and scans.dice() == pytest.approx(expected, abs=1e-6)


def test_dice_follows_the_weights(run):
    segmenter = load_segmenter(run)
    scans = held_out(segmenter, 16)
    head = segmenter.model.get_layer("logit")
    shape = head.kernel.shape
    head.set_weights([np.zeros(shape), np.full(1, -5.0)])
    assert not scans.dice().any()
    head.set_weights([np.zeros(shape), np.full(1, 5.0)])
    areas = [((scan.label > 0).sum(), scan.label.size) for scan in FakeSource().scans(1)]
    np.testing.assert_allclose(scans.dice(), [2 * liver / (liver + whole) for liver, whole in areas])


@pytest.mark.parametrize("form", ["unet", "lsn"])
def test_a_network_of_named_kernels_is_unchanged_by_its_nearest_and_order_zero_is_any_network(form, run, rng, tmp_path):
    model = UNet(WINDOW, (4, 4)) if form == "unet" else LevelSetNetwork(WINDOW, width=2, scales=2, steps=2, balloon=1.0)
    if form == "lsn":
        write_json(run.config, {**run.read_config(), "model": "lsn:width=2,scales=2"})
    stencils = np.stack([entry.kernel for entry in named_kernels()], axis=-1)
    hidden = [v for v in model.trainable_variables if HIDDEN_LAYER.search(v.path) and v.path.endswith("kernel")]
    for variable in hidden:
        chosen = rng.integers(stencils.shape[-1], size=variable.shape[2:])
        variable.assign(stencils[:, :, chosen] * rng.normal(0, 0.5, variable.shape[2:]))
    model.save(run.model)
    results = swapped(run, tmp_path / "out", replacements=("nearest", "order_0"), shares=(0.5, 1.0))
    assert results["kernels"] == sum(np.prod(v.shape[2:]) for v in hidden)
    for row in of(results, control=""):
        assert row["dice"] == pytest.approx(results["dice"], abs=2e-3), row


def test_every_set_is_replaced_by_every_replacement_and_control(run, tmp_path):
    results = swapped(run, tmp_path / "out", shares=(0.25, 1.0), replacements=("centre", "order_1"), draws=2)
    kernels = {0.25: round(0.25 * results["kernels"]), 1.0: results["kernels"]}
    for order, share in (("best first", 0.25), ("random", 0.25), ("all", 1.0)):
        rows = of(results, unit="network", order=order, share=share)
        assert {(row["replacement"], row["control"], row["draws"], row["kernels"]) for row in rows} == {
            ("centre", "", 1, kernels[share]),
            ("order_1", "", 1, kernels[share]),
            ("permuted", "null", 2, kernels[share]),
            ("order_1", "turned", 2, kernels[share]),
        }
    assert [row["name"] for row in of(results, unit="stage", replacement="centre")] == ["encoder", "bottom", "decoder"]
    assert [row["name"] for row in of(results, unit="layer", replacement="centre")] == results["layers"]
    assert results["results"][0]["dice"] == results["dice"] and results["scans"] == [27, 28, 29]
    with (tmp_path / "out" / "swap.csv").open() as file:
        assert len(list(csv.DictReader(file))) == sum(row["draws"] for row in results["results"])
    written = read_json(tmp_path / "out" / "swap.json")
    assert {**written, "output_dir": results["output_dir"]} == json.loads(json.dumps(results))


def test_all_else_is_fine_tuned_after_the_replacement_and_the_run_is_left_alone(run, tmp_path, monkeypatch):
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    tuned = []
    fine_tuned = swap.FineTuning.__call__

    def spy(self, model, held):
        start = {path: weights_at(model, path) for path in held}
        fine_tuned(self, model, held)
        for path, mask in held.items():
            np.testing.assert_array_equal(weights_at(model, path)[mask], start[path][mask])
        tuned.append((sum(mask.sum() for mask in held.values()) // 9, start))

    monkeypatch.setattr(swap.FineTuning, "__call__", spy)
    options = {"replacements": ("nearest",), "shares": (1.0,), "fine_tuning_epochs": 1, "units": False}
    results = swapped(run, tmp_path / "out", **options)
    assert [(row["share"], row["control"], row["draws"]) for row in of(results, epochs=1)] == [
        (0.0, "", 1),
        *[(share, control, 1) for share in (0.5, 1.0) for control in ("", "null", "turned")],
    ]
    kernels = results["kernels"]
    assert [held for held, _ in tuned] == [0, *[kernels // 2] * 3, *[kernels] * 3]
    assert not np.array_equal(tuned[4][1]["bottom_conv_1/kernel"], tuned[5][1]["bottom_conv_1/kernel"])
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def weights_at(model, path):
    return next(variable.numpy() for variable in model.trainable_variables if variable.path == path)


def test_a_run_is_named_by_its_folder_or_its_model(run, tmp_path):
    assert swap.find_run(str(run.path)).path == swap.find_run(str(run.model)).path == run.path
    for other in (tmp_path, run.config, tmp_path / "none.keras"):
        with pytest.raises(
            ValueError, match="model must be a finished run of lsn_tf.train, its folder or the model.keras"
        ):
            swap.find_run(str(other))


def test_a_run_that_has_held_out_no_fold_is_refused(run, tmp_path):
    write_json(run.config, {**run.read_config(), "fold": "none"})
    with pytest.raises(ValueError, match="expected a run with a held-out fold"):
        swapped(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_solver_has_no_hidden_convolutions(run, tmp_path):
    LevelSetNetwork(WINDOW, width=0, scales=1, steps=1, edges="learned").save(run.model)
    with pytest.raises(ValueError, match="model must have hidden convolutions of 3x3"):
        swapped(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replacements": ("nearest", "sobel")}, "replacements must be of nearest, centre, order_0, .* Received sobel"),
        ({"replacements": ()}, "replacements must be some of"),
        ({"shares": (0.5, 1.5)}, r"shares must be in \(0, 1\], of the kernels. Received \[0.5, 1.5\]"),
        ({"fine_tuning_shares": (0.0,)}, r"fine_tuning_shares must be in \(0, 1\]"),
        ({"null": "untrained"}, "null must be one of permuted, gaussian. Received 'untrained'"),
        ({"draws": 0}, "draws and batch_size must be positive"),
    ],
)
def test_bad_choices_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        swap.Config("model", "out", **options)


def test_analyze_swaps_with_its_own_choices_and_tells_of_it(run, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(swap, "swap", lambda config: given.append(config) or {"dice": 0.5})
    choices = {"turns": False, "clusters": 2, "seed": 3, "null": "gaussian"}
    summary = analyze.analyze(analyze.Config(str(run.path), str(tmp_path / "out"), swap=True, page=False, **choices))
    assert summary["swap"] == read_json(tmp_path / "out" / "summary.json")["swap"] == {"dice": 0.5}
    assert summary["kernels"] == len(swap.make_plan(swap.hidden_layers(run), given[0]).network.kernels)
    (config,) = given
    assert (config.model, config.clusters, config.seed, config.null) == (str(run.path), 2, 3, "gaussian")
    assert not config.symmetries.turns and config.symmetries.mirrors


@pytest.mark.parametrize("command", ["swap", "analyze"])
def test_bad_usage_gets_one_line_and_exit_code_2(command, tmp_path):
    np.savez(tmp_path / "model.npz", conv=np.ones((3, 3, 2, 2), np.float32))
    arguments = [f"--model={tmp_path / 'model.npz'}", f"--output_dir={tmp_path / 'out'}", "--quiet"]
    arguments += ["--swap"] if command == "analyze" else []
    process = subprocess.run(
        [sys.executable, "-m", f"lsn_tf.{command}", *arguments], capture_output=True, text=True, check=False
    )
    assert process.returncode == 2 and not (tmp_path / "out").exists()
    assert process.stderr.splitlines()[-1].startswith(f"{command}: to swap kernels, model must be a finished run")
