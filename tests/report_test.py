"""The command: what it takes, what it segments and analyses again, what it says of what is missing, what it refuses."""

import csv
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from lsn_tf import evaluate, report
from lsn_tf.artifacts import RunDir, write_csv, write_json
from lsn_tf.data.volumes import Scan
from lsn_tf.metrics import dice
from lsn_tf.models import LevelSetNetwork, UNet
from lsn_tf.numerics.level_sets import inside
from lsn_tf.prediction import predict

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

WINDOW = (-100.0, 400.0)
DICE = {"lsn": {3: 0.9, 4: 0.5, 5: 0.7}, "unet": {3: 0.8, 4: 0.6, 5: 0.7}}


@dataclasses.dataclass(frozen=True)
class FakeSource:
    """Three scans in every fold, each with its largest liver in slice 1; neither square nor on the networks' grid."""

    name: str = "phantom"
    synthetic: bool = True
    folds: tuple = (0, 1)

    def scans(self, fold):
        for number in DICE["lsn"]:
            label = np.zeros((3, 20, 24), np.uint8)
            for n, height in enumerate((6, 12, 12)):
                label[n, 4 : 4 + height, 5 : 9 + number] = 1
            yield Scan(number, np.where(label, 100, -50).astype(np.int16), label, (5.0, 0.7, 0.9), False, np.eye(4))


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """Returns a function that writes the run of an untrained network which has held out a fold."""
    monkeypatch.setattr(evaluate, "open_run_source", lambda *_, **__: FakeSource())

    def make(model, fold=1, finished=True):
        run = RunDir(tmp_path / f"{model}-fold{fold}")
        record = {"model": model, "dataset": "phantom", "data_dir": None, "fold": fold, "target": "liver", "seed": 0}
        write_json(run.config, {**record, "image_size": 16, "window_hu": WINDOW, "synthetic": True, "command": "train"})
        if finished:
            write_csv(run.dice, [{"volume_id": n, "fold": fold, "dice": score} for n, score in DICE[model].items()])
            write_json(run.results, {"parameters": 3, "machine": "an abacus"})
            network = LevelSetNetwork(WINDOW, width=2, scales=2, steps=2) if model == "lsn" else UNet(WINDOW, (4, 4))
            network.save(run.model)
        return run

    return make


def make_report(tmp_path, *runs, **options):
    options = {"kernels": False, **options}
    return report.report(report.Config(str(tmp_path / "report.html"), [str(run.path) for run in runs], **options))


def test_the_page_shows_scans_as_they_were_scored(make_run, tmp_path, monkeypatch):
    pages, runs = [], [make_run("lsn"), make_run("unet")]
    from lsn_tf.reports import report_page

    page = report_page.page
    monkeypatch.setattr(report_page, "page", lambda shown: pages.append(shown) or page(shown))
    results = make_report(tmp_path, *runs)
    assert (
        results["scans_shown"] == [3, 5, 4]
        and (tmp_path / "report.html").read_text().count('<figure class="scan">') == 3
    )
    best, _, worst = pages[0].shown
    assert (best.names, best.slice, best.slices, best.fold) == (["best", "models most apart"], 1, 3, 1)
    assert [(one.model, one.dice) for one in worst.overlays] == [("lsn", 0.5), ("unet", 0.6)]
    scan = next(FakeSource().scans(1))
    for run, shown in zip(runs, best.overlays, strict=True):
        segmenter = evaluate.load_segmenter(run)
        phi = predict(segmenter, evaluate.scan_inputs(segmenter, scan, "liver"), 16)[1, ..., 0]
        np.testing.assert_allclose(shown.phi, phi, atol=1e-4)
        assert shown.slice_dice == dice(scan.label[1] > 0, inside(phi))
        np.testing.assert_array_equal(shown.image, scan.image[1])


def test_models_that_share_no_scan_are_shown_one_after_the_other(make_run, tmp_path, monkeypatch):
    monkeypatch.setitem(DICE, "unet", {6: 0.8})
    monkeypatch.setattr(FakeSource, "scans", lambda self, fold, scans=FakeSource.scans: (
        dataclasses.replace(s, volume_id=6) if fold == 0 else s for s in scans(self, fold)
    ))  # fmt: skip
    assert make_report(tmp_path, make_run("lsn"), make_run("unet", 0))["scans_shown"] == [3, 5, 4, 6]


def test_without_images_no_scan_is_opened(make_run, tmp_path, monkeypatch):
    run = make_run("lsn")
    monkeypatch.setattr(evaluate, "open_run_source", None)
    results = make_report(tmp_path, run, images=False)
    text = (tmp_path / "report.html").read_text()
    assert results["scans_shown"] == [] and "Left out, by --noimages." in text and 'class="scan"' not in text


def test_data_that_is_not_there_is_said_on_the_page(make_run, tmp_path, monkeypatch):
    def gone(*_, **__):
        raise FileNotFoundError("expected a prepared data set in nowhere.")

    run = make_run("lsn")
    monkeypatch.setattr(evaluate, "open_run_source", gone)
    make_report(tmp_path, run)
    assert (
        "as the data cannot be read: expected a prepared data set in nowhere." in (tmp_path / "report.html").read_text()
    )


def test_a_run_that_has_not_finished_is_named(make_run, tmp_path):
    results = make_report(tmp_path, make_run("lsn"), make_run("unet", finished=False))
    assert (results["runs"], results["runs_done"]) == (2, 1)
    text = (tmp_path / "report.html").read_text()
    assert "unet, fold 1, seed 0: not finished" in text and "Without a run here, so not drawn: unet." in text


@pytest.mark.slow
def test_kernels_are_those_of_the_analysis(make_run, tmp_path):
    run = make_run("unet")
    results = make_report(tmp_path, run, kernels=True, images=False)
    assert results["outcome"][-1].startswith("unet, fold 1, ")
    assert "families-0" in (tmp_path / "report.html").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", run.path.name}


def test_an_analysis_that_is_there_is_shown_and_linked(make_run, tmp_path):
    folder = tmp_path / "kernels of unet"
    summary = {"kernels": 40, "layers": 2, "claims_tested": 1, "claims_hold_at_q": 0.05, "claims": [], "model": "m"}
    write_json(folder / "summary.json", summary)
    claim = {"layer": "a", "family": "blur", "hits": 3, "kernels": 10, "chance": 0.1, "q_value": 0.5}
    write_csv(folder / "claims.csv", [claim])
    (folder / "index.html").touch()
    make_report(tmp_path, make_run("unet"), analyses=[str(folder)], images=False)
    text = (tmp_path / "report.html").read_text()
    assert 'href="kernels%20of%20unet/index.html"' in text and ">30.0<" in text


def test_patterns_stand_for_the_runs_that_they_match(make_run, tmp_path):
    runs = [make_run("lsn"), make_run("unet")]
    (tmp_path / "notes").mkdir()
    assert report.matching([f"{tmp_path}/*", str(runs[1].path)]) == [run.path for run in runs]
    assert report.matching([f"{tmp_path}/none"]) == [tmp_path / "none"]
    with pytest.raises(ValueError, match="run_dir must be folders of runs, or patterns of them. None matches"):
        report.matching([f"{tmp_path}/x*"])


@pytest.mark.parametrize(
    ("options", "message"), [({"reference": "lse"}, "one of the models"), ({"output": "."}, "a folder")]
)
def test_for_bad_input_nothing_is_written(make_run, tmp_path, options, message):
    run = make_run("lsn")
    (tmp_path / "report.html").write_text("an earlier one")
    config = report.Config(**{"output": str(tmp_path / "report.html"), "run_dirs": [str(run.path)], **options})
    with pytest.raises(ValueError, match=message):
        report.report(config)
    assert (tmp_path / "report.html").read_text() == "an earlier one"


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_what_is_missing_is_said_with_what_to_install(make_run, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf"expected {missing}, to make the page: pip install 'lsn_tf\[report\]'"):
        make_report(tmp_path, make_run("lsn", finished=False))


def test_the_command_writes_the_page_and_says_the_outcome(tmp_path):
    write_json(tmp_path / "results.json", {
        "model": "lse, from a seed point", "dataset": "phantom", "synthetic": True, "command": "c", "machine": "m",
    })  # fmt: skip
    with (tmp_path / "dice.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["volume_id", "fold", "dice"], [0, 0, 0.75], [27, 1, 0.5]])
    command = [sys.executable, "-m", "lsn_tf.report", f"--output={tmp_path}/new/page.html", "--quiet"]
    process = subprocess.run(
        [*command, f"--results_dir={tmp_path}", "--json"], capture_output=True, text=True, check=True
    )
    result = json.loads(process.stdout.splitlines()[-1])
    assert result["outcome"][0].startswith("lse reaches a Dice per scan of 0.625 on the 2 held-out scans of 2 folds")
    text = (tmp_path / "new" / "page.html").read_text()
    assert "lse is from a seed point." in text and "--results_dir=" in text and "say nothing of patients" in text
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith(
        "report: expected --run_dir or --results_dir, with one run at least"
    )
