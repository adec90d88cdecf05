import h5py
import numpy as np
import pytest

from lsn_tf.analysis.formats.hdf5 import open_hdf5


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.h5"


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_values_are_those_that_libhdf5_reads(rng, path, libver, dtype):
    values = rng.normal(size=(3, 3, 2, 4)).astype(dtype)
    with h5py.File(path, "w", libver=libver) as file:
        file["a/b/0"] = values
    with path.open("rb") as stream, open_hdf5(stream) as root:
        array = root.array("a/b/0")
        assert array.shape == values.shape
        np.testing.assert_array_equal(array.read(), values)


def test_names_come_from_whole_and_from_split_attributes(path):
    with h5py.File(path, "w") as file:
        file.attrs["whole"] = [b"a", "é".encode()]
        file.attrs["text"] = "é"
        file.attrs["split0"], file.attrs["split1"] = [b"a", b"b"], [b"c"]
    with path.open("rb") as stream, open_hdf5(stream) as root:
        assert root.texts("whole") == ["a", "é"] and root.text("text") == "é"
        assert root.texts("split") == ["a", "b", "c"] and root.texts("none") == [] and root.text("none") == ""


@pytest.mark.parametrize("values", [np.arange(9), np.array([b"text"]), np.zeros(3, "c8")])
def test_only_floating_point_numbers_are_read(path, values):
    with h5py.File(path, "w") as file:
        file["a"] = values
    with path.open("rb") as stream, open_hdf5(stream) as root, pytest.raises(ValueError, match="floating point"):
        root.array("a").read()
