"""Whatever a file holds, the reader ends with layers or in one line, runs nothing and stays small."""

import io
import json
import pathlib
import pickle
import resource
import shutil
import zipfile

import h5py
import keras
import numpy as np
import onnx
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from lsn_tf.analysis.kernels import read_layers


def message(path) -> str:
    """Returns the line that reading ends in."""
    with pytest.raises(ValueError) as caught:
        list(read_layers(path))
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "Received" in line and "\n" not in line and len(line) < 700
    return line


def rewritten(source, target, **members) -> pathlib.Path:
    """Copies a zip archive, some members replaced and some added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        contents = {name: old.read(name) for name in old.namelist()} | members
        for name, content in contents.items():
            new.writestr(name, content)
    return target


@pytest.mark.parametrize("form", ["keras", "h5", "weights", "keras2_h5", "npz"])
def test_every_truncation_is_named(planted, form, tmp_path):
    content = planted.files[form].read_bytes()
    target = tmp_path / planted.files[form].name
    for length in np.linspace(0, len(content) - 1, 40).astype(int):
        target.write_bytes(content[:length])
        message(target)


@pytest.mark.parametrize("name", ["missing.keras", "missing", "model.txt", "empty.h5", "empty.keras", "folder"])
def test_what_is_no_model_is_named(tmp_path, name):
    if name == "folder":
        (tmp_path / name).mkdir()
    elif not name.startswith("missing"):
        (tmp_path / name).touch()
    message(tmp_path / name)


def test_a_network_without_convolutions_is_named(tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "dense.keras")
    assert "must have convolutions. Received none." in message(tmp_path / "dense.keras")


@pytest.mark.parametrize("name", ["../escaped.txt", "/tmp/escaped.txt", "a/../../escaped.txt", "..\\escaped.txt"])
@pytest.mark.parametrize("form", ["keras", "npz"])
def test_a_member_that_leaves_the_archive_is_refused(planted, form, name, tmp_path):
    source = planted.files[form]
    assert "stay inside the archive" in message(rewritten(source, tmp_path / source.name, **{name: b"escaped"}))


def test_pickles_are_never_opened(tmp_path):
    class Touch:
        def __reduce__(self):
            return pathlib.Path.touch, (tmp_path / "touched",)

    objects = np.empty((3, 3), object)
    objects[:] = Touch()
    np.savez(tmp_path / "objects.npz", kernel=objects, allow_pickle=True)
    assert "pickle" in message(tmp_path / "objects.npz")
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Touch()))
    message(tmp_path / "pickle.npz")
    rewritten(tmp_path / "objects.npz", tmp_path / "raw.npz", **{"kernel.npy": pickle.dumps(Touch())})
    message(tmp_path / "raw.npz")
    assert not (tmp_path / "touched").exists()


def test_a_lambda_is_never_run(planted, tmp_path):
    with zipfile.ZipFile(planted.files["keras"]) as archive:
        config = json.loads(archive.read("config.json"))
    code = f"open({str(tmp_path / 'touched')!r}, 'w')"
    evil = {"class_name": "Lambda", "module": "keras.layers", "registered_name": None, "name": "evil"}
    evil |= {"config": {"name": "evil", "function": {"class_name": "__lambda__", "config": {"code": code}}}}
    config["config"]["layers"].insert(1, evil | {"inbound_nodes": []})
    config |= {"module": "os", "class_name": "system"}
    path = rewritten(planted.files["keras"], tmp_path / "lambda.keras", **{"config.json": json.dumps(config)})
    assert [one.name for one in read_layers(path)] == list(planted.kernels)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("shape", [(3, 3, 2**40, 2**40), (3, 3, 2**13, 2**13), (3, 3, -1, 1), (3, 3, 500, 500)])
def test_absurd_shapes_allocate_nothing(shape, tmp_path):
    size = int(np.prod([float(side) for side in shape]) * 4)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "shape.npz", "w") as archive:
        archive.writestr("kernel.npy", header.getvalue() + bytes(100))
    message(tmp_path / "shape.npz")
    tensor = onnx.TensorProto(name="w", dims=shape, data_type=onnx.TensorProto.FLOAT, raw_data=bytes(100))
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [], [tensor]))
    (tmp_path / "shape.onnx").write_bytes(model.SerializeToString())
    message(tmp_path / "shape.onnx")
    if 0 < size < 2**63 and min(shape) > 0:
        with h5py.File(tmp_path / "shape.h5", "w") as file:
            file.create_dataset("layers/conv2d/vars/0", shape, np.float32, chunks=(3, 3, 8, 8))  # holds no chunk
        message(tmp_path / "shape.h5")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20  # kB


def test_zip_bombs_do_not_expand(monkeypatch, tmp_path):
    monkeypatch.setattr("lsn_tf.analysis.formats.npz.LARGEST_ARRAY", 2**22)
    monkeypatch.setattr("lsn_tf.analysis.formats.keras_files.SMALL_WEIGHTS", 2**22)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("kernel.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(
                stream, {"descr": "<f4", "fortran_order": False, "shape": (3, 3, 512, 512)}
            )
            for _ in range(9):
                stream.write(bytes(2**20))
    assert "at most" in message(tmp_path / "bomb.npz")
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        with archive.open("model.weights.h5", "w") as stream:
            for _ in range(9):
                stream.write(bytes(2**20))
    assert "at most" in message(tmp_path / "bomb.keras")


@pytest.mark.parametrize("kind", ["external", "loop", "dangling", "raw"])
def test_links_and_data_outside_of_an_hdf5_file_are_refused(planted, kind, tmp_path):
    path = tmp_path / "links.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/conv2d")
        if kind == "external":
            group["vars"] = h5py.ExternalLink(str(planted.files["weights"]), "/layers/conv2d/vars")
        elif kind == "loop":
            group["vars"] = h5py.SoftLink("/layers/conv2d/vars")
        elif kind == "dangling":
            group["vars"] = h5py.SoftLink("/nowhere")
        else:
            secret = tmp_path / "secret"
            secret.write_bytes(bytes(36))
            group.create_dataset("vars/0", (3, 3, 1, 1), np.float32, external=[(str(secret), 0, 36)])
    message(path)


def test_a_group_inside_itself_ends(tmp_path):
    with h5py.File(tmp_path / "self.h5", "w") as file:
        group = file.create_group("a")
        group["b"] = group["c"] = group
    message(tmp_path / "self.h5")


def test_compressed_weights_ask_for_others(tmp_path):
    with h5py.File(tmp_path / "zipped.h5", "w") as file:
        file.create_dataset("layers/conv2d/vars/0", data=np.zeros((3, 3, 8, 8), np.float32), compression="gzip")
    assert "h5repack" in message(tmp_path / "zipped.h5")


def test_a_saved_model_reads_nothing_outside_of_its_folder(planted, tmp_path):
    for name in ("variables/variables.index", "variables/variables.data-00000-of-00001", "saved_model.pb"):
        folder = tmp_path / name.rpartition("/")[2]
        shutil.copytree(planted.files["export"], folder)
        (folder / name).unlink()
        (folder / name).symlink_to(planted.files["export"] / name)
        assert "points outside" in message(folder)


def test_functions_that_call_each_other_end(planted, tmp_path):
    for levels, called in ((200, 1), (60, 2)):  # too deep; too many
        folder = tmp_path / f"{called}"
        shutil.copytree(planted.files["export"], folder)
        saved = _saved_model(folder)
        graph = saved.meta_graphs[0]
        names = [name for name in graph.object_graph_def.concrete_functions]
        for function in graph.graph_def.library.function:
            if function.signature.name in names:
                _call(function, "level_0", called)
        for level in range(levels):
            function = graph.graph_def.library.function.add()
            function.signature.name = f"level_{level}"
            _call(function, f"level_{level + 1}", called)
        (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
        assert "at most" in message(folder)


def _saved_model(folder):
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def _call(function, name, times):
    for n in range(times):
        node = function.node_def.add(name=f"call_{n}", op="StatefulPartitionedCall")
        node.attr["f"].func.name = name


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "link", "short"])
def test_external_data_of_onnx_stays_in_its_folder(location, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(36))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "short").write_bytes(bytes(20))
    tensor = onnx.TensorProto(name="w", dims=(1, 1, 3, 3), data_type=onnx.TensorProto.FLOAT)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], [], [tensor]))
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    message(folder / "model.onnx")
