import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lsn_tf.analysis.kernels import read_layers


def saved(path, nodes, tensors):
    initializers = [
        tensor if isinstance(tensor, TensorProto) else numpy_helper.from_array(tensor, name)
        for name, tensor in tensors.items()
    ]
    path.write_bytes(helper.make_model(helper.make_graph(nodes, "g", [], [], initializers)).SerializeToString())
    return path


def test_groups_keep_their_channels(rng, tmp_path):
    weights = rng.normal(size=(6, 4, 3, 3)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=2)
    (layer,) = read_layers(saved(tmp_path / "m.onnx", [node], {"w": weights}))
    assert (layer.kind, layer.groups) == ("full", 2)
    kernels = layer.kernels()
    for value, i, o in zip(*kernels, strict=True):
        np.testing.assert_array_equal(value, weights[o, i - 4 * (o // 3)])
    assert set(kernels.inputs) == set(range(8))


def test_transposed_groups_keep_their_channels(rng, tmp_path):
    weights = rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], group=2)
    (layer,) = read_layers(saved(tmp_path / "m.onnx", [node], {"w": weights}))
    assert (layer.kind, layer.groups) == ("transposed", 2)
    for value, i, o in zip(*layer.kernels(), strict=True):
        assert i // 2 == o // 3
        np.testing.assert_array_equal(value, weights[i, o % 3])


@pytest.mark.parametrize(("bias", "kinds"), [([], ["separable"]), (["b"], ["depthwise", "full"])])
def test_a_depthwise_kernel_is_separable_if_nothing_stands_before_its_1x1(rng, bias, kinds, tmp_path):
    tensors = {"d": rng.normal(size=(4, 1, 3, 3)), "p": rng.normal(size=(5, 4, 1, 1)), "b": np.zeros(4)}
    nodes = [helper.make_node("Conv", ["x", "d", *bias], ["h"], group=4), helper.make_node("Conv", ["h", "p"], ["y"])]
    assert [layer.kind for layer in read_layers(saved(tmp_path / "m.onnx", nodes, tensors))] == kinds


def test_kernels_are_found_through_copies_constants_and_branches(rng, tmp_path):
    weights = rng.normal(size=(3, 2, 1, 3, 3)).astype(np.float32)
    branch = helper.make_graph(
        [helper.make_node("Conv", ["x", "in_branch"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights[2], "in_branch")],
    )
    nodes = [
        helper.make_node("Identity", ["w"], ["copy"]),
        helper.make_node("Constant", [], ["constant"], value=numpy_helper.from_array(weights[1])),
        helper.make_node("Conv", ["x", "copy"], ["a"]),
        helper.make_node("Conv", ["a", "constant"], ["b"]),
        helper.make_node("If", ["b"], ["y"], then_branch=branch, else_branch=branch),
        helper.make_node("Conv", ["y", "w"], ["again"]),
        helper.make_node("Conv", ["y", "computed"], ["other"]),
    ]
    layers = list(read_layers(saved(tmp_path / "m.onnx", nodes, {"w": weights[0]})))
    assert len(layers) == 3
    found = {layer.kernel.tobytes() for layer in layers}
    assert found == {weights[n].transpose(2, 3, 1, 0).tobytes() for n in range(3)}


@pytest.mark.parametrize(
    ("node", "tensor", "name"),
    [("/down/conv/Conv", "down.conv.weight", "down.conv"), ("net/a/Conv2D", "const_1", "net/a"), ("", "w", "w")]
    + [("StatefulPartitionedCall/net/a/separable_conv2d/depthwise", "const_1", "net/a")],
)
def test_layers_have_the_names_of_torch_or_tensorflow(node, tensor, name, tmp_path):
    nodes = [helper.make_node("Conv", ["x", tensor], ["y"], name=node)]
    (layer,) = read_layers(saved(tmp_path / "m.onnx", nodes, {tensor: np.zeros((1, 1, 3, 3))}))
    assert layer.name == name


def test_data_beside_the_file_is_read(rng, tmp_path):
    weights = rng.normal(size=(2, 1, 3, 3, 3)).astype(np.float32)
    (tmp_path / "weights.bin").write_bytes(bytes(8) + weights.tobytes())
    tensor = TensorProto(name="w", dims=weights.shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights.bin"), ("offset", "8"), ("length", f"{weights.nbytes}")):
        tensor.external_data.add(key=key, value=value)
    path = saved(tmp_path / "m.onnx", [helper.make_node("Conv", ["x", "w"], ["y"])], {"w": tensor})
    (layer,) = read_layers(path)
    np.testing.assert_array_equal(layer.kernel, np.moveaxis(weights, (0, 1), (-1, -2)))
    assert layer.count == 2 and layer.spatial == (3, 3, 3)


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE])
def test_types_are_kept_or_widened(dtype, tmp_path):
    tensor = helper.make_tensor("w", dtype, (1, 1, 3, 3), np.arange(9) / 8)
    (layer,) = read_layers(saved(tmp_path / "m.onnx", [helper.make_node("Conv", ["x", "w"], ["y"])], {"w": tensor}))
    np.testing.assert_array_equal(layer.kernel.ravel(), np.arange(9) / 8)
    assert layer.kernel.dtype == {TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}.get(
        dtype, np.float32
    )


def test_without_onnx_the_error_says_how_to_get_it(monkeypatch, tmp_path):
    path = saved(tmp_path / "m.onnx", [], {})
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ValueError, match=r"pip install 'lsn_tf\[analysis\]'"):
        list(read_layers(path))
    assert onnx is not None
