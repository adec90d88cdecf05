"""The floors of the package: imports point downwards only, and heavy packages stay where they belong."""

import ast
import configparser
import importlib
import itertools
import pathlib
import subprocess
import sys

import pytest
from source_tree import ROOT, imported_modules, is_verb, mirrored, sources, syntax_tree

import lsn_tf

# What the modules and packages of lsn_tf may import of each other. Each row names rows above it only.
LIBRARY = {
    "artifacts": (),
    "commands": (),
    "common_flags": (),
    "silence": (),
    "compilation": (),
    "devices": ("artifacts",),
    "numerics": (),
    "pages": (),
    "analysis": ("artifacts", "numerics", "pages"),
    "data": ("artifacts", "compilation", "numerics"),
    "layers": ("numerics",),
    "metrics": (),
    "surface_distances": ("metrics",),
    "scoring": ("data", "metrics", "surface_distances"),
    "losses": ("numerics", "layers"),
    "models": ("numerics", "layers"),
    "prediction": (),
    "listening": (),
    "training": ("artifacts", "devices", "numerics", "data", "layers", "metrics", "losses", "models", "prediction"),
    "solver": ("artifacts", "compilation", "numerics", "data", "layers", "metrics", "models"),
    "studies": (
        *("artifacts", "compilation", "devices", "numerics", "analysis", "data", "layers", "metrics", "models"),
        *("prediction", "solver", "training"),
    ),
    "benchmarks": ("data", "layers", "models", "solver", "studies", "surface_distances", "training"),
    "reports": ("artifacts", "analysis", "data", "numerics", "pages", "studies"),
    "certificate": ("numerics", "layers", "models", "solver"),
    "weights": ("artifacts", "models"),
    "exported": ("artifacts", "numerics", "layers", "metrics", "models"),
    "scan_jobs": ("artifacts", "data"),
    "saved_model": ("artifacts", "exported", "models", "weights"),
    "segmenters": ("artifacts", "certificate", "exported", "models", "saved_model", "weights"),
    "serving": ("artifacts", "exported", "models", "saved_model", "segmenters", "weights"),
    "viewer": ("artifacts", "numerics", "data", "layers", "metrics", "models", "segmenters", "solver"),
}
# Each may import the library and the verbs before it.
VERBS = (
    "arrays",
    "evaluate",
    "export",
    "package",
    "predict",
    "train",
    "swap",
    "analyze",
    "crossval",
    "fronts",
    "serve",
    "solve",
    "view",
    "benchmark",
    "report",
)

# What these may import besides the standard library; the others are free, but for TensorFlow.
THIRD_PARTY = {
    "artifacts": set(),
    "commands": set(),
    "common_flags": {"absl"},
    "silence": set(),
    "numerics": {"numpy", "scipy", "skfmm"},
    "analysis": {
        *(
            "PIL",
            "apache_beam",
            "google",
            "jinja2",
            "markupsafe",
            "matplotlib",
            "ml_dtypes",
            "numpy",
            "onnx",
            "pyarrow",
        ),
        *("pyfive", "scipy", "tensorboard", "tensorflow", "threadpoolctl"),
    },
    "pages": {"jinja2", "markupsafe"},
    "layers": {"keras", "numpy"},
    "metrics": {"numpy", "scipy"},
    "surface_distances": {"numpy", "scipy"},
    "losses": {"keras", "numpy"},
    "prediction": {"keras", "numpy"},
    "listening": set(),
    "models": {"keras", "numpy"},
}
TENSORFLOW = {"tensorflow", "tensorflow_datasets"}
USES_TENSORFLOW = (
    "lsn_tf/analysis/formats/checkpoint.py",
    "lsn_tf/analysis/formats/saved_model.py",
    "lsn_tf/compilation.py",
    "lsn_tf/data/sources.py",
    "lsn_tf/devices.py",
    "lsn_tf/exported/mask_distance.py",
    "lsn_tf/exported/signatures.py",
    "lsn_tf/exported/warm_up.py",
    "lsn_tf/saved_model.py",
    "lsn_tf/serving/",
    "lsn_tf/studies/saved_formats.py",
    "lsn_tf/training/fitting.py",
    "lsn_tf/training/tracing.py",
)
PRINTS = {"commands", "common_flags", *VERBS}  # a command's own result

WITHOUT_A_MODULE = {  # tests of the whole project or of a whole package
    "tests/analysis/hostile_files_test.py",
    "tests/analysis/mutated_files_test.py",
    "tests/build_test.py",
    "tests/convergence_test.py",
    "tests/first_use_test.py",
    "tests/layout_test.py",
    "tests/joined_records_test.py",
    "tests/refined_contours_test.py",
    "tests/layers/contracts_test.py",
    "tests/models/jax_backend_test.py",
    "tests/models/presets_test.py",
}
LSN_TF = sources("lsn_tf")
TESTS = [path for folder in ("tests", "datasets") for path in sources(folder) if path.endswith("_test.py")]


def floor_of(path: str) -> str:
    """Returns the row of a source: its package, or its own name at the top of lsn_tf."""
    return pathlib.PurePosixPath(path).with_suffix("").parts[1]


def allowed(floor: str) -> set[str]:
    if floor in LIBRARY:
        return {floor, *LIBRARY[floor]}
    return {floor, *LIBRARY, *itertools.takewhile(lambda verb: verb != floor, VERBS)}


def test_the_table_has_no_cycles():
    rows = list(LIBRARY)
    assert all(rows.index(below) < rows.index(row) for row in rows for below in LIBRARY[row])


def test_every_source_has_a_row():
    floors = {floor_of(path) for path in LSN_TF} - {"__init__"}
    assert floors == {*LIBRARY, *VERBS}, "Add new packages and modules to LIBRARY or VERBS, remove those that are gone."


def test_every_package_is_installed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    folders = {pathlib.PurePosixPath(path).parent for path in LSN_TF}
    listed = {name for name in config["options"]["packages"].split() if name.startswith("lsn_tf")}
    assert listed == {".".join(folder.parts) for folder in folders}


def test_the_verbs_are_the_modules_with_a_main():
    assert {floor_of(path) for path in LSN_TF if is_verb(path)} == set(VERBS)


@pytest.mark.parametrize("path", LSN_TF)
def test_imports_point_downwards(path):
    ours = {module for module in imported_modules(path) if module.split(".")[0] == "lsn_tf"}
    assert "lsn_tf" not in ours, f"{path} imports the public names of lsn_tf: import the module that defines them."
    upwards = {module for module in ours if module.split(".")[1] not in allowed(floor_of(path))}
    assert not upwards, f"{path} imports {sorted(upwards)}, which its row in LIBRARY or VERBS does not allow."


@pytest.mark.parametrize("path", [path for path in LSN_TF if floor_of(path) in THIRD_PARTY])
def test_low_floors_import_few_packages(path):
    foreign = imported_modules(path) - sys.stdlib_module_names
    foreign = {module for module in foreign if not module.startswith("lsn_tf")} - THIRD_PARTY[floor_of(path)]
    assert not foreign, f"{path} imports {sorted(foreign)}; THIRD_PARTY allows {THIRD_PARTY[floor_of(path)]}."


def test_tensorflow_stays_where_it_belongs():
    users = {path for path in LSN_TF if imported_modules(path) & TENSORFLOW}
    assert {path for path in users if not path.startswith(USES_TENSORFLOW)} == set()
    assert {place for place in USES_TENSORFLOW if not any(path.startswith(place) for path in users)} == set()


def test_the_package_and_the_data_set_meet_on_disk():
    packages = {path: {module.split(".")[0] for module in imported_modules(path)} for path in LSN_TF}
    assert {path for path in LSN_TF if packages[path] & {"datasets", "liver_lits"}} == set()


@pytest.mark.parametrize("module", ["lsn_tf", "lsn_tf.numerics.stencils"])
def test_importing_loads_no_framework_and_defines_no_flag(module):
    code = f"import sys, {module}; print(*(sys.modules.keys() & {{'absl', 'jax', 'keras', 'tensorflow', 'torch'}}))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == ""


@pytest.mark.parametrize("path", LSN_TF)
def test_flags_are_defined_in_functions_only(path):
    inside = {node for function in _functions(path) for node in ast.walk(function)}
    calls = [node for node in ast.walk(syntax_tree(path)) if isinstance(node, ast.Call) and node not in inside]
    defining = [ast.unparse(call.func) for call in calls if "DEFINE_" in ast.unparse(call.func)]
    assert not defining, f"{path} defines flags when it is imported: {defining}."


@pytest.mark.parametrize("name", lsn_tf.__all__)
def test_every_public_name_resolves(name):
    value = getattr(lsn_tf, name)
    home = getattr(value, "__module__", "lsn_tf")
    assert home.startswith("lsn_tf") and getattr(importlib.import_module(home), name, value) is value


def test_an_unknown_public_name_raises():
    with pytest.raises(AttributeError, match="no attribute 'level_set'"):
        lsn_tf.level_set  # noqa: B018


@pytest.mark.parametrize("path", LSN_TF)
def test_the_library_raises_and_logs_but_neither_asserts_nor_prints(path):
    nodes = list(ast.walk(syntax_tree(path)))
    assert not [node.lineno for node in nodes if isinstance(node, ast.Assert)], (
        f"{path} has an assert: raise ValueError."
    )
    prints = [node.lineno for node in nodes if isinstance(node, ast.Name) and node.id == "print"]
    assert not prints or floor_of(path) in PRINTS, f"{path} prints in lines {prints}: log instead."


def test_names_say_what_a_module_is():
    vague = {"common", "helper", "helpers", "misc", "util", "utils"}
    paths = [pathlib.PurePosixPath(path) for folder in ("lsn_tf", "datasets", "tests") for path in sources(folder)]
    assert [path for path in paths if vague & {path.stem, *path.parts}] == []


@pytest.mark.parametrize("path", TESTS)
def test_every_test_file_mirrors_a_module(path):
    assert mirrored(path) or path in WITHOUT_A_MODULE, (
        f"{path} mirrors no module: name it tests/x/y_test.py for lsn_tf/x/y.py, or add it to WITHOUT_A_MODULE."
    )


def test_the_exceptions_exist():
    assert {path for path in WITHOUT_A_MODULE if not (ROOT / path).is_file() or mirrored(path)} == set()


def _functions(path: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(syntax_tree(path)) if isinstance(node, ast.FunctionDef)]
