"""The ONNX file is the model, for any size and batch, and carries its card."""

import builtins

import numpy as np
import pytest

from lsn_tf.exported.onnx_file import open_onnx, write_onnx
from lsn_tf.models import AnySize, LevelSetNetwork

CARD = {"name": "lsn", "target": "tumor"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network with a window, two grids and loops in time; the network and its file."""
    rng = np.random.default_rng(5)
    network = LevelSetNetwork((-100.0, 400.0), width=2, scales=2, steps=3, curvature="diffusion", edges="none")
    for weight in network.trainable_variables:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    model, path = AnySize(network, 16), tmp_path_factory.mktemp("onnx") / "model.onnx"
    write_onnx(model, path, CARD)
    return AnySize(network, 16), path


@pytest.mark.parametrize("shape", [(3, 16, 16, 1), (1, 40, 29, 1)])
def test_phi_is_that_of_the_model_for_any_batch_and_size(exported, shape, rng):
    model, path = exported
    run, card = open_onnx(path)
    batch = {"image": rng.normal(50, 100, shape), "spacing": rng.uniform(0.7, 1.5, (shape[0], 2))}
    batch = {name: array.astype(np.float32) for name, array in batch.items()}
    given, expected = run(batch), np.asarray(model(batch))
    np.testing.assert_allclose(given["phi"], expected, atol=1e-4)
    np.testing.assert_array_equal(given["mask"], (given["phi"] < 0).astype(np.uint8))
    np.testing.assert_array_equal(given["mask"], given["probability"] > 0.5)
    assert card == CARD and run.inputs == {"image", "spacing"}


def test_the_axes_that_are_free_have_names(exported):
    import onnx

    graph = onnx.load(exported[1]).graph
    sizes = {
        tensor.name: [size.dim_param or size.dim_value for size in tensor.type.tensor_type.shape.dim]
        for tensor in (*graph.input, *graph.output)
    }
    assert sizes["image"] == ["batch", "height", "width", 1] and sizes["spacing"] == ["batch", 2]
    assert {name: size[:3] for name, size in sizes.items() if name in ("phi", "mask", "probability")} == dict.fromkeys(
        ("phi", "mask", "probability"), ["batch", "height", "width"]
    )


def test_what_is_no_model_is_refused_in_one_line(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="expected an ONNX model that export has written") as caught:
        open_onnx(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("package", "use"), [("tf2onnx", write_onnx), ("onnxruntime", open_onnx)])
def test_a_missing_package_is_named_with_what_to_install(package, use, tmp_path, monkeypatch):
    def no_package(name, *arguments):
        if name == package:
            raise ImportError(f"No module named {name!r}")
        return real(name, *arguments)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_package)
    arguments = (tmp_path / "model.onnx",) if use is open_onnx else (None, tmp_path / "model.onnx", CARD)
    with pytest.raises(ImportError, match=rf"expected {package}, .* pip install 'lsn_tf\[onnx\]'"):
        use(*arguments)
