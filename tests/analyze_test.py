"""The command analyses one network or many, prints for people or as JSON, and says in one line what is wrong."""

import functools
import json
import subprocess
import sys

import analysed_networks
import h5py
import numpy as np
import pytest
from analysed_networks import FILES, NAMED, random_kernel, read_table, run


@pytest.fixture
def save(tmp_path):
    return functools.partial(analysed_networks.save, tmp_path)


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
        (["--runner=DirectRunner", "--compare=b.npz"], "untrained, compare and swap_results are for one model"),
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
