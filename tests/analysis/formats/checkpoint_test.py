import numpy as np
import pytest
import tensorflow as tf

from lsn_tf.analysis.formats.checkpoint import Checkpoint


@pytest.fixture
def folder(rng, tmp_path):
    """A checkpoint of a thousand variables, so that its index has several blocks, in four types."""
    types = ("float16", "float32", "float64", "bfloat16")
    values = [tf.Variable(tf.cast(rng.normal(size=(2, 3)), types[n % 4])) for n in range(1000)]
    tf.train.Checkpoint(values=values, count=tf.Variable(3)).write(str(tmp_path / "variables/variables"))
    return tmp_path


def test_variables_are_those_that_tensorflow_reads(folder):
    ours, theirs = Checkpoint(folder), tf.train.load_checkpoint(str(folder / "variables/variables"))
    keys = [key for key in theirs.get_variable_to_shape_map() if key.startswith("values/")]
    assert len(keys) == 1000
    for key in keys:
        assert key in ours and ours.shape(key) == (2, 3)
        np.testing.assert_array_equal(ours.read(key), theirs.get_tensor(key))


def test_the_object_graph_names_the_variables(folder):
    graph = Checkpoint(folder).object_graph()
    keys = {attribute.checkpoint_key for node in graph.nodes for attribute in node.attributes}
    assert "values/999/.ATTRIBUTES/VARIABLE_VALUE" in keys


def test_integers_are_no_kernels(folder):
    with pytest.raises(ValueError, match="must be floating point numbers"):
        Checkpoint(folder).read("count/.ATTRIBUTES/VARIABLE_VALUE")


@pytest.mark.parametrize("ending", ["index", "data-00000-of-00001"])
def test_a_file_that_is_cut_is_named(folder, ending):
    path = folder / f"variables/variables.{ending}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 20])
    with pytest.raises(ValueError, match="must (end with the mark|lie in)"):
        checkpoint = Checkpoint(folder)
        for n in range(1000):
            checkpoint.read(f"values/{n}/.ATTRIBUTES/VARIABLE_VALUE")


def test_a_checkpoint_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match="must have a file 'variables/variables.index'"):
        Checkpoint(tmp_path)
