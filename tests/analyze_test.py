"""Planted stencils come out by name and are claimed, random kernels make no claim, and bad input gets one line."""

import csv
import json
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

from lsn_tf import analyze
from lsn_tf.analysis import nulls
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.artifacts import read_json
from lsn_tf.models import build_model

NAMED = {entry.name: entry.kernel for entry in named_kernels()}
EXACT = ("identity", "backward_x", "forward_y", "central_x", "sobel_y", "laplacian_9", "emboss", "gaussian_blur")
RAW = {"sign": False, "turns": False, "mirrors": False}  # so that each has its own name, no image's
FILES = ("claims.csv", "clusters.csv", "divergence.csv", "kernels.csv", "layers.csv", "mean_shares.csv", "summary.json")


def random_kernel(rng, inputs=6, outputs=20, size=3):
    return rng.normal(size=(size, size, inputs, outputs)).astype(np.float32)


def planted_kernel(rng) -> np.ndarray:
    """Returns a kernel with the stencils of EXACT, scaled, at input 1 and their place among the outputs."""
    kernel = random_kernel(rng)
    for place, name in enumerate(EXACT):
        kernel[..., 1, place] = rng.uniform(0.5, 2) * NAMED[name]
    return kernel


def run(model, folder, **options):
    return analyze.analyze(analyze.Config(str(model), str(folder), **{"page": False} | options))


def read_table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def save(tmp_path):
    def saved(name="model", **kernels):
        np.savez(tmp_path / f"{name}.npz", **kernels)
        return tmp_path / f"{name}.npz"

    return saved


def planted_in_keras(kernel, path):
    network = keras.Sequential([keras.Input((8, 8, 6)), keras.layers.Conv2D(20, 3, use_bias=False, name="planted")])
    network.layers[0].set_weights([kernel])
    network.save(path)
    return path


@pytest.mark.parametrize("form", ["npz", "keras"])
def test_planted_stencils_come_out_by_name_where_they_were_put(form, rng, save, tmp_path):
    kernel = planted_kernel(rng)
    model = save(planted=kernel) if form == "npz" else planted_in_keras(kernel, tmp_path / "model.keras")
    run(model, tmp_path / "out", **RAW)
    rows = {(int(row["input"]), int(row["output"])): row for row in read_table(tmp_path / "out" / "kernels.csv")}
    assert len(rows) == 120 and {row["layer"] for row in rows.values()} == {"planted"}
    found = [rows[1, place] for place in range(len(EXACT))]
    assert [row["nearest"] for row in found] == list(EXACT)
    assert [float(row["similarity"]) for row in found] == [1.0] * len(EXACT)
    operators = ["identity", "x", "y", "x", "y", "laplacian", "mixed", "identity"]
    assert [row["operator"] for row in found][:6] == operators[:6]
    assert [row["accuracy"] for row in found][1:5] == ["1", "1", "2", "2"]


def test_numbers_of_a_kernel_are_those_of_its_definition(rng, save, tmp_path):
    kernel = random_kernel(rng, 1, 30)
    run(save(conv=kernel), tmp_path / "out")
    y, x = np.mgrid[-1:2, -1:2]
    for row in read_table(tmp_path / "out" / "kernels.csv"):
        k = kernel[..., int(row["input"]), int(row["output"])].astype(float)
        norm, energy = np.linalg.norm(k), k.sum() ** 2 / (9 * (k**2).sum())
        expected = {"norm": norm, "dc_energy": energy, "fd_share_1": 1 - energy, "m01": (k * x).sum()}
        expected |= {"m20": (k * y * y).sum(), "m11": (k * x * y).sum()}
        assert {name: float(row[name]) for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_published_unet_has_14608_kernels_in_18_layers(tmp_path):
    build_model("unet_2019", (-100.0, 400.0)).save(tmp_path / "unet.keras")
    summary = run(tmp_path / "unet.keras", tmp_path / "out", null="gaussian")
    assert (summary["kernels_3x3"], summary["layers"], summary["dead_kernels"]) == (14_608, 18, 0)
    assert len(read_table(tmp_path / "out" / "kernels.csv")) == 14_608
    layers = read_table(tmp_path / "out" / "layers.csv")
    assert sum(int(row["kernels"]) for row in layers if row["size"] == "3x3") == 14_608
    assert {row["stage"] for row in layers} >= {"encoder", "bottom", "decoder"}
    assert all((row["mean_norm"] == "") == (row["size"] == "1x1") for row in layers)


@pytest.mark.parametrize("null", ["permuted", "gaussian"])
def test_random_kernels_make_no_claim(null, rng, save, tmp_path):
    summary = run(save(**{f"conv{i}": random_kernel(rng, 10, 40) for i in range(8)}), tmp_path / "out", null=null)
    assert (
        summary["claims"] == [] and summary["claims_tested"] == len(read_table(tmp_path / "out" / "claims.csv")) > 100
    )


@pytest.mark.parametrize("null", ["permuted", "gaussian", "untrained"])
def test_a_layer_of_first_differences_is_claimed_and_another_is_not(null, rng, save, tmp_path):
    layers = {"noise": random_kernel(rng), "edges": random_kernel(rng)}
    untrained = save("untrained", **{f"before_{name}": random_kernel(rng) for name in layers})
    layers["edges"] = 0.02 * layers["edges"] + NAMED["sobel_x"].astype(np.float32)[:, :, None, None]
    options = {"untrained": str(untrained)} if null == "untrained" else {}
    summary = run(save(**layers), tmp_path / "out", null=null, **options)
    (claim,) = [claim for claim in summary["claims"] if claim["family"] == "first difference"]
    assert claim["layer"] == "edges" and claim["share"] > 0.9 and claim["q_value"] < 1e-6 and claim["null"] == null
    assert claim["sentence"].startswith(f"{100 * claim['share']:.1f} % of edges is a first difference: chance ")
    (row,) = [row for row in summary["by_layer"] if row["layer"] == "edges"]
    assert "first difference" in row["claims"]
    tested = {(row["layer"], row["family"]): row for row in read_table(tmp_path / "out" / "claims.csv")}
    assert (
        float(tested["edges", "first difference"]["p_value"])
        < 1e-6
        < 0.01
        < float(tested["noise", "first difference"]["p_value"])
    )


def test_dead_kernels_are_counted_and_in_no_cluster(rng, save, tmp_path):
    kernel = random_kernel(rng)
    kernel[..., 2, :5] = 0
    summary = run(save(conv=kernel), tmp_path / "out")
    rows = read_table(tmp_path / "out" / "kernels.csv")
    assert summary["dead_kernels"] == sum(row["dead"] == "1" for row in rows) == 5
    assert all((row["cluster"] == "") == (row["dead"] == "1") == (row["nearest"] == "") for row in rows)
    assert sum(summary["clusters"]["cluster"]["kernels"]) == 115


def test_clusters_are_numbered_alike_in_both_tables(rng, save, tmp_path):
    run(save(one=random_kernel(rng), two=random_kernel(rng, 3, 7)), tmp_path / "out", clusters=4)
    kernels, clusters = (read_table(tmp_path / "out" / f"{name}.csv") for name in ("kernels", "clusters"))
    for form, column in (("l1", "cluster"), ("canonical", "canonical_cluster")):
        sizes = [int(row["kernels"]) for row in clusters if row["form"] == form]
        assert sizes == [sum(row[column] == str(number) for row in kernels) for number in range(4)]
        assert sum(sizes) == 141 and sizes == sorted(sizes, reverse=True)


def test_the_number_of_clusters_is_chosen_by_silhouette(rng, save, tmp_path):
    ends = np.stack([NAMED[name] / np.abs(NAMED[name]).sum() for name in ("central_x", "gaussian_blur")], axis=-1)
    kernel = np.repeat(ends, 20, axis=-1)[:, :, None] + rng.normal(0, 0.01, (3, 3, 1, 40))
    summary = run(save(conv=kernel.astype(np.float32)), tmp_path / "out", clusters=0)
    assert summary["clusters"]["cluster"]["k"] == 2
    nearest = {row["nearest"] for row in read_table(tmp_path / "out" / "clusters.csv") if row["form"] == "l1"}
    assert nearest == {"central_y", "gaussian_blur"} or nearest == {"central_x", "gaussian_blur"}


def test_a_dead_network_is_described_and_warned_of(save, tmp_path):
    summary = run(save(conv=np.zeros((3, 3, 4, 5), np.float32)), tmp_path / "out")
    assert summary["dead_kernels"] == 20 and summary["claims"] == [] and "network is dead" in summary["warnings"][0]
    assert read_table(tmp_path / "out" / "clusters.csv") == []
    assert {row["operator"] for row in read_table(tmp_path / "out" / "kernels.csv")} == {"none"}


def test_a_single_kernel_is_described(save, tmp_path):
    summary = run(save(conv=NAMED["sobel_x"].astype(np.float32)), tmp_path / "out", clusters=0)
    (row,) = read_table(tmp_path / "out" / "kernels.csv")
    assert (row["operator"], row["cluster"], summary["kernels"]) == ("x", "0", 1)


@pytest.mark.parametrize("size", [5, 7])
def test_other_sizes_are_analysed_when_asked_for(size, rng, save, tmp_path):
    kernel = random_kernel(rng, 2, 3, size)
    kernel[..., 1, 2] = np.pad(NAMED["laplacian_5"], (size - 3) // 2)
    summary = run(save(wide=kernel, narrow=random_kernel(rng, 2, 2)), tmp_path / "out", size=str(size))
    assert (summary["kernels"], summary["kernels_3x3"], summary["layers"], summary["convolutions"]) == (6, 4, 1, 2)
    row = read_table(tmp_path / "out" / "kernels.csv")[-1]
    assert row["nearest"] == "laplacian_5" and float(row["similarity"]) == 1
    assert f"fd_share_{2 * size - 2}" in row


def test_kernels_in_space_come_out_by_name_and_are_claimed(rng, save, tmp_path):
    spatial = {entry.name: entry.kernel for entry in named_kernels(3)}
    kernel = rng.normal(size=(3, 3, 3, 6, 20)).astype(np.float32)
    names = ("identity", "backward_x", "central_z", "laplacian_27", "laplacian_19_mehrstellen", "gaussian_blur")
    for place, name in enumerate(names):
        kernel[..., 1, place] = rng.uniform(0.5, 2) * spatial[name]
    edges = 0.02 * kernel + spatial["sobel_y"].astype(np.float32)[..., None, None]
    noise = rng.normal(size=kernel.shape).astype(np.float32)
    layers = {"hidden": kernel, "edges": edges, "noise": noise, "flat": random_kernel(rng, 2, 2)}
    summary = run(save(**layers), tmp_path / "out", size="3x3x3", **RAW)
    assert (summary["kernels"], summary["kernels_3x3"], summary["layers"], summary["convolutions"]) == (360, 4, 3, 4)
    rows = read_table(tmp_path / "out" / "kernels.csv")
    found = [row for row in rows if row["layer"] == "hidden" and row["input"] == "1"][: len(names)]
    assert [row["nearest"] for row in found] == list(names)
    assert [float(row["similarity"]) for row in found] == [1.0] * len(names)
    assert [row["operator"] for row in found] == ["identity", "x", "z", "laplacian", "laplacian", "identity"]
    assert {"m200", "m011", "fd_share_6"} < rows[0].keys() and "fd_share_7" not in rows[0]
    assert {claim["family"] for claim in summary["claims"] if claim["layer"] == "edges"} >= {"first difference"}
    assert not [claim for claim in summary["claims"] if claim["layer"] == "noise"]
    clusters = read_table(tmp_path / "out" / "clusters.csv")
    assert {"w000", "w222"} < clusters[0].keys()
    energies = [float(row["dc_energy"]) for row in rows if row["layer"] == "hidden"]
    k = kernel[..., 5, 19].astype(float)
    assert energies[-1] == pytest.approx(k.sum() ** 2 / (27 * (k**2).sum()), rel=1e-4)


def test_own_kernels_are_named_and_their_families_claimed(rng, save, tmp_path):
    mine = rng.normal(size=(3, 3))
    entry = {"name": "ridge, mine", "family": "own", "kernel": mine.tolist()}
    (tmp_path / "own.json").write_text(json.dumps({"kernel": [entry]}))
    kernel = mine[:, :, None, None] + 0.05 * random_kernel(rng)
    summary = run(save(conv=kernel.astype(np.float32)), tmp_path / "out", dictionary=str(tmp_path / "own.json"))
    assert {row["nearest"] for row in read_table(tmp_path / "out" / "kernels.csv")} == {"ridge, mine"}
    assert "own" in {claim["family"] for claim in summary["claims"]}


def test_sign_and_turns_matter_where_they_are_no_symmetries(save, tmp_path):
    pair = np.stack([NAMED["backward_x"], -NAMED["backward_x"]], axis=-1)[:, :, None].astype(np.float32)
    run(save(conv=pair), tmp_path / "all")
    run(save(conv=pair), tmp_path / "raw", sign=False, turns=False, mirrors=False)
    similar = {
        folder: [float(row["similarity"]) for row in read_table(tmp_path / folder / "kernels.csv")]
        for folder in ("all", "raw")
    }
    assert similar["all"] == [1, 1] and similar["raw"][0] == 1 > similar["raw"][1]


def test_equal_runs_write_equal_files(rng, save, tmp_path):
    model = save(conv=planted_kernel(rng), more=random_kernel(rng))
    for folder in ("one", "two", "two"):  # the second over files of its own
        run(model, tmp_path / folder, seed=3)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    run(model, tmp_path / "other", seed=4)
    assert (tmp_path / "one" / "claims.csv").read_bytes() != (tmp_path / "other" / "claims.csv").read_bytes()


def test_page_and_figures_lie_beside_the_tables_and_go_with_their_analysis(rng, save, tmp_path):
    model = save(first=random_kernel(rng), second=random_kernel(rng))
    summary = run(model, tmp_path / "out", page=True)
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {*FILES, *summary["pictures"]} and "index.html" in files
    assert {"figures/plane_000_first.svg", "figures/plane_001_second.png"} <= files
    page = (tmp_path / "out" / "index.html").read_text()
    assert "second" in page and read_json(tmp_path / "out" / "summary.json")["pictures"] == summary["pictures"]
    (tmp_path / "out" / "figures" / "mine.png").write_text("mine")
    run(save(first=random_kernel(rng)), tmp_path / "out", page=True)
    assert not (tmp_path / "out" / "figures" / "plane_001_second.png").exists()
    assert run(model, tmp_path / "out")["pictures"] == []
    rest = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert rest == {*FILES, "figures/mine.png"}


def test_equal_runs_draw_equal_pages_and_figures(rng, save, tmp_path):
    model = save(conv=random_kernel(rng))
    first, second = (run(model, tmp_path / folder, page=True)["pictures"] for folder in ("one", "two"))
    assert first == second
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in first)


def test_without_the_packages_that_draw_the_tables_are_written(rng, save, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    summary = run(save(conv=random_kernel(rng)), tmp_path / "out", page=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES) and summary["pictures"] == []
    assert "pip install 'lsn_tf[analysis]'" in caplog.text


def test_other_files_in_the_folder_stay(rng, save, tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("notes.txt", "compare.csv"):  # the second is of no earlier analysis: there is no summary
        (tmp_path / "out" / name).write_text("mine")
    (tmp_path / "out" / "kernels.csv").write_text("old")
    summary = run(save(conv=random_kernel(rng)), tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted([*FILES, "notes.txt", "compare.csv"])
    assert len(read_table(tmp_path / "out" / "kernels.csv")) == 120
    written = read_json(tmp_path / "out" / "summary.json")
    assert written | {"output_dir": str(tmp_path / "out")} == json.loads(json.dumps(summary))


def test_what_fails_while_writing_leaves_the_earlier_analysis_whole(rng, save, tmp_path, monkeypatch):
    model = save(conv=random_kernel(rng))
    run(model, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(analyze, "row_of", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        run(model, tmp_path / "out", seed=1)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_the_cosines_of_all_pairs_are_not_taken_of_thousands_of_filters(save, tmp_path):
    kernel = nulls.gaussian(5000, 3, np.random.default_rng(0)).transpose(1, 2, 0)[:, :, None]
    run(save(conv=kernel), tmp_path / "out", null="gaussian")
    assert read_table(tmp_path / "out" / "layers.csv")[0]["orthogonality"] == ""


def test_two_networks_are_set_side_by_side(rng, save, tmp_path):
    kernel, edges = random_kernel(rng), random_kernel(rng)
    edges = 0.02 * edges + NAMED["sobel_x"].astype(np.float32)[:, :, None, None]
    model, other = save(noise=kernel, edges=edges), save("other", noise=kernel, edges=random_kernel(rng))
    summary = run(model, tmp_path / "out", compare=str(other))
    rows = {(row["level"], row["layer"], row["measure"]): row for row in read_table(tmp_path / "out" / "compare.csv")}
    assert len(rows) == summary["compare"]["tested"] and summary["compare"]["layers_matched"] == 2
    found = rows["layer", "edges", "first difference"]
    assert float(found["value"]) == 1 > float(found["other_value"]) and float(found["q_value"]) < 0.05
    assert float(found["interval_low"]) <= float(found["difference"]) <= float(found["interval_high"])
    assert {float(row["p_value"]) for (_, layer, _), row in rows.items() if layer == "noise"} == {1}
    assert rows["model", "all", "divergence"]["interval_low"] == rows["model", "all", "divergence"]["value"] == ""
    holding = {(d["layer"], d["measure"]) for d in summary["compare"]["differences"]}
    assert {("edges", "first difference"), ("edges", "divergence")} <= holding


def test_the_folder_of_a_run_stands_for_its_model_wherever_one_is_named(rng, save, tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "config.json").write_text("{}")
    planted_in_keras(planted_kernel(rng), run_dir / "model.keras")
    model = save(planted=planted_kernel(rng))
    for others in ({"compare": ""}, {"null": "untrained", "untrained": ""}):
        named = [
            run(model, tmp_path / name, **{option: value or str(path) for option, value in others.items()})
            for name, path in (("folder", run_dir), ("file", run_dir / "model.keras"))
        ]
        tables = [(tmp_path / name / "claims.csv").read_bytes() for name in ("folder", "file")]
        assert tables[0] == tables[1] and len(named[0].get("compare", {})) == len(named[1].get("compare", {}))
    assert run(run_dir, tmp_path / "own")["kernels"] == 120


def test_networks_that_have_no_layer_in_common_are_compared_as_wholes(rng, save, tmp_path):
    summary = run(save(a=random_kernel(rng)), tmp_path / "out", compare=str(save("b", c=random_kernel(rng, 2, 9))))
    assert summary["compare"]["layers_matched"] == 0
    assert {row["level"] for row in read_table(tmp_path / "out" / "compare.csv")} == {"model"}


def test_the_divergences_of_layers_are_a_table_with_their_names(rng, save, tmp_path):
    run(save(one=random_kernel(rng), layer=random_kernel(rng), dead=np.zeros((3, 3, 1, 2))), tmp_path / "out")
    with (tmp_path / "out" / "divergence.csv").open(newline="") as file:
        header, first, second = csv.reader(file)
    assert header == ["layer", "one", "layer"] and [first[0], second[0]] == ["one", "layer"]
    assert float(first[1]) == 0 == float(second[2]) and first[2] == second[1] and float(first[2]) > 0


def test_files_that_are_not_written_again_are_removed(rng, save, tmp_path):
    model = save(conv=random_kernel(rng))
    run(model, tmp_path / "out", table="parquet", projector=True, compare=str(model))
    projector = {
        f"projector/{name}" for name in ("metadata.tsv", "projector_config.pbtxt", "sprite.png", "vectors.tsv")
    }
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert names == {*FILES, "kernels.parquet", "compare.csv", *projector} - {"kernels.csv"}
    run(model, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").rglob("*.*")} == set(FILES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "3x3"}, r"size must be one of .'3', '5', '7', '3x3x3'.. Received '3x3'"),
        ({"size": "5"}, r"must have kernels of 5x5. Received convolutions: 1 of 3x3. See --size"),
        ({"null": "untrained"}, r"untrained, a saved model, must be given with null=untrained"),
        ({"untrained": "model.npz"}, r"and only with it. Received null=permuted"),
        ({"threshold": 1.5}, r"threshold must be in \(0, 1\]"),
        ({"scale": False, "null": "gaussian"}, "null must be permuted or untrained where scale is no symmetry"),
        ({"dictionary": "none.json"}, "There is none at 'none.json'"),
        ({"compare": "none.keras"}, "none.keras: the saved model must exist"),
        ({"table": "xlsx"}, r"table must be one of \('csv', 'parquet'\). Received 'xlsx'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(options, message, rng, save, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(save(conv=random_kernel(rng)), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_an_untrained_network_with_other_layers_is_refused(rng, save, tmp_path):
    model = save(one=random_kernel(rng), two=random_kernel(rng))
    for others in ({"one": random_kernel(rng)}, {"one": random_kernel(rng), "two": random_kernel(rng, 6, 21)}):
        with pytest.raises(ValueError, match="untrained must be the same network, 2 convolutions of the same shapes"):
            run(model, tmp_path / "out", null="untrained", untrained=str(save("untrained", **others)))


def test_a_diverged_network_is_named_with_its_layer(rng, save, tmp_path):
    kernel = random_kernel(rng)
    kernel[1, 1, 1, 1] = np.nan
    with pytest.raises(ValueError, match=r"model.npz, layer bad: kernels must be finite. Received NaN"):
        run(save(good=random_kernel(rng), bad=kernel), tmp_path / "out")


def test_the_folder_must_not_lie_in_the_model_nor_be_a_file(rng, save, tmp_path):
    (tmp_path / "saved").mkdir()
    with pytest.raises(ValueError, match="output_dir must not lie in the model"):
        run(tmp_path / "saved", tmp_path / "saved" / "out")
    model = save(conv=random_kernel(rng))
    with pytest.raises(ValueError, match="output_dir must not lie in the model"):
        run(model, tmp_path / "saved" / "out", compare=str(tmp_path / "saved"))
    with pytest.raises(ValueError, match="output_dir must be a folder, or a new name. Received .*, a file"):
        run(model, model)


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "lsn_tf.analyze", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_a_corpus_has_the_tables_of_each_model_alone_and_a_damaged_one_does_not_stop_it(rng, save, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    edges = 0.02 * random_kernel(rng) + NAMED["sobel_x"].astype(np.float32)[:, :, None, None]
    one, two = save("models/one", noise=random_kernel(rng), edges=edges), save("models/two", conv=random_kernel(rng))
    (models / "damaged.npz").write_bytes(one.read_bytes()[:500])
    output = f"--output_dir={tmp_path / 'out'}"
    process = command(f"--model={models}/*.npz", "--nopage", "--runner=DirectRunner", output)
    assert process.returncode == 1, process.stderr
    assert "1 of 3 models could not be analysed" in process.stderr.splitlines()[-1]
    rows = read_table(tmp_path / "out" / "corpus.csv")
    assert [(row["folder"], row["layer"], bool(row["error"])) for row in rows] == [
        ("damaged.npz", "", True),
        ("one.npz", "noise", False),
        ("one.npz", "edges", False),
        ("two.npz", "conv", False),
    ]
    assert "first difference" in rows[2]["claims"].split("; ") and rows[3]["claims"] == ""
    for model, folder in ((one, "one.npz"), (two, "two.npz")):
        run(model, tmp_path / "alone")
        for name in FILES:
            assert (tmp_path / "out" / folder / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    layers = read_table(tmp_path / "alone" / "layers.csv")
    assert layers == [{name: row[name] for name in layers[0]} for row in rows[3:]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runner=DirectRunner", "--compare=b.npz"], "untrained and compare are for one model"),
        (["--beam_pipeline_options=direct_num_workers=2"], "are for a corpus of models: give runner too"),
        (["--runner=DirectRunner"], "There is none of"),
    ],
)
def test_choices_that_a_corpus_cannot_have_are_refused(arguments, message, tmp_path):
    process = command(f"--model={tmp_path}/*.npz", f"--output_dir={tmp_path / 'out'}", *arguments)
    assert process.returncode == 2 and message in process.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_the_library_that_reads_hdf5_is_quiet(rng, tmp_path):
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = random_kernel(rng)
    process = command(f"--model={tmp_path / 'net.weights.h5'}", f"--output_dir={tmp_path / 'out'}", "--nopage")
    assert process.returncode == 0, process.stderr
    assert "layers, 120 kernels" in process.stderr and "pyfive" not in process.stderr


def test_json_is_the_last_line_and_the_table_is_for_people(rng, save, tmp_path):
    model = save(conv=random_kernel(rng))
    process = command(
        f"--model={model}", f"--output_dir={tmp_path / 'out'}", "--json", "--quiet", "--noturns", "--nopage"
    )
    assert process.returncode == 0 and process.stderr == ""
    summary = json.loads(process.stdout.splitlines()[-1])
    assert summary["kernels_3x3"] == 120 and summary["model"] == str(model) and not summary["options"]["turns"]
    process = command(f"--model={model}", f"--output_dir={tmp_path / 'out'}", "--nopage")
    header, row, total, claims = process.stdout.splitlines()
    assert header.split()[:3] == ["layer", "kernels", "dead"] and row.split()[:3] == ["conv", "120", "0"]
    assert total.startswith("120 kernels of 3x3 in 1 layers, 0 dead") and " of 17 claims hold at q < 0.05" in claims


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=none.keras", "--output_dir=out"], "none.keras: the saved model must exist"),
        (["--model={}", "--output_dir=out"], "the model must have a file 'saved_model.pb'"),
        (["--output_dir=out"], "--model"),
        (["--model=none.keras", "--output_dir=out", "--size=4"], "size"),
        (["--model=none.keras", "--output_dir=out", "--null=chance"], "null"),
    ],
)
def test_bad_usage_gets_one_line_and_exit_code_2(arguments, message, tmp_path):
    (tmp_path / "empty").mkdir()
    process = command(*[argument.format(tmp_path / "empty") for argument in arguments], "--quiet")
    assert process.returncode == 2 and process.stdout == ""
    assert message in process.stderr.splitlines()[-1] and "Traceback" not in process.stderr  # TensorFlow speaks first
