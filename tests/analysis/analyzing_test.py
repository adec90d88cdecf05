"""Planted stencils come out by name and are claimed, random kernels make no claim, and two networks are compared."""

import csv
import functools
import json

import analysed_networks
import numpy as np
import pytest
from analysed_networks import EXACT, NAMED, planted_in_keras, planted_kernel, random_kernel, read_table, run

from lsn_tf.analysis import nulls
from lsn_tf.analysis.dictionary import named_kernels
from lsn_tf.models import build_model

RAW = {"sign": False, "turns": False, "mirrors": False}  # so that each has its own name, no image's


@pytest.fixture
def save(tmp_path):
    return functools.partial(analysed_networks.save, tmp_path)


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


def test_a_diverged_network_is_named_with_its_layer(rng, save, tmp_path):
    kernel = random_kernel(rng)
    kernel[1, 1, 1, 1] = np.nan
    with pytest.raises(ValueError, match=r"model.npz, layer bad: kernels must be finite. Received NaN"):
        run(save(good=random_kernel(rng), bad=kernel), tmp_path / "out")
