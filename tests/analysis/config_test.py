"""What cannot be analysed is refused in one line before anything is written, and a run stands for its model."""

import functools

import analysed_networks
import pytest
from analysed_networks import planted_in_keras, planted_kernel, random_kernel, run


@pytest.fixture
def save(tmp_path):
    return functools.partial(analysed_networks.save, tmp_path)


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
        ({"swap": True, "swap_results": "swap.json"}, "swap_results must not be given with swap"),
        ({"swap_results": "none.json"}, "swap_results must be a swap.json that lsn_tf.swap has written"),
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


def test_the_folder_must_not_lie_in_the_model_nor_be_a_file(rng, save, tmp_path):
    (tmp_path / "saved").mkdir()
    with pytest.raises(ValueError, match="output_dir must not lie in the model"):
        run(tmp_path / "saved", tmp_path / "saved" / "out")
    model = save(conv=random_kernel(rng))
    with pytest.raises(ValueError, match="output_dir must not lie in the model"):
        run(model, tmp_path / "saved" / "out", compare=str(tmp_path / "saved"))
    with pytest.raises(ValueError, match="output_dir must be a folder, or a new name. Received .*, a file"):
        run(model, model)
