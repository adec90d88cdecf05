import numpy as np

from lsn_tf.analysis.kernels import read_layers


def test_arrays_with_equal_leading_axes_are_kernels(rng, tmp_path):
    shapes = {
        "one": (3, 3),
        "space": (3, 3, 3),
        "plane": (5, 5, 2, 4),
        "volume": (3, 3, 3, 1, 2),
        "point": (1, 1, 4, 4),
    }
    others = {"bias": (9,), "dense": (8, 6), "image": (64, 64), "wide": (3, 5, 1, 1), "number": ()}
    arrays = {name: rng.normal(size=shape) for name, shape in (shapes | others).items()}
    np.savez_compressed(tmp_path / "m.npz", **arrays, integers=np.ones((3, 3), int))
    layers = list(read_layers(tmp_path / "m.npz"))
    assert [layer.name for layer in layers] == list(shapes)
    assert [layer.count for layer in layers] == [1, 1, 8, 2, 0]
    for layer in layers:
        np.testing.assert_array_equal(layer.kernel.squeeze(), arrays[layer.name].squeeze())


def test_order_and_type_are_kept(rng, tmp_path):
    values = rng.normal(size=(3, 3, 2, 4))
    arrays = {"fortran": np.asfortranarray(values), "half": values.astype(np.float16), "big": values.astype(">f8")}
    np.savez(tmp_path / "m.npz", **arrays)
    for layer in read_layers(tmp_path / "m.npz"):
        np.testing.assert_array_equal(layer.kernel, arrays[layer.name])
        assert layer.kernel.dtype.isnative and layer.kernel.dtype == arrays[layer.name].dtype.newbyteorder("=")
