"""BUILD tells the truth: srcs and deps of its targets are what the sources import, no more and no less."""

import ast
import collections
import pathlib
from typing import Any

import pytest
from source_tree import ROOT, imported_modules, is_verb, mirrored, named_modules, source_of, sources

SOURCES = sources("lsn_tf") + sources("datasets") + sources("tests")
PUBLIC, INIT = "lsn_tf", "lsn_tf/__init__.py"  # the target of the public names, which INIT imports lazily
RUNNER = "pytest_main.py"


def read_targets() -> dict[str, dict[str, Any]]:
    """Returns the attributes of each target of BUILD, "rule" among them. BUILD's syntax is Python's."""
    targets = {}

    def rule(kind):
        def add(**attributes):
            assert attributes["name"] not in targets, f"BUILD has two targets {attributes['name']!r}"
            targets[attributes["name"]] = {"rule": kind, "srcs": [], "deps": [], **attributes}

        return add

    rules = {kind: rule(kind) for kind in ("genrule", "py_binary", "py_library", "py_test")}
    silent = {name: lambda *_, **__: None for name in ("load", "package")}
    build = compile(ast.parse((ROOT / "BUILD").read_text()), "BUILD", "exec")
    exec(build, {"__builtins__": {}, "glob": glob, **rules, **silent})
    return targets


def glob(include: list[str], exclude: list[str] = ()) -> list[str]:
    """Bazel's glob: files, relative to the root."""

    def matches(patterns):
        return {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}

    return sorted(name for name in matches(include) - matches(exclude) if (ROOT / name).is_file())


TARGETS = read_targets()
OWNERS = {source: name for name, target in TARGETS.items() for source in target["srcs"] if source != RUNNER}


def target_of(module: str, importer: str) -> str | None:
    """Returns the target to depend on for a module that a source imports, None for third parties."""
    if module == PUBLIC:
        return PUBLIC
    near = (str(folder / f"{module}.py") for folder in pathlib.PurePosixPath(importer).parents)
    return OWNERS.get(source_of(module) or next((path for path in near if path in OWNERS), None))


def loaded_with(source: str) -> set[str]:
    """Returns the sources that Python or pytest runs along with one: __init__.py and conftest.py, beside or above."""
    wanted = ["__init__.py"] + ["conftest.py"] * source.endswith("_test.py")
    folders = pathlib.PurePosixPath(source).parents
    return {str(folder / name) for folder in folders for name in wanted} & OWNERS.keys()


def true_deps(source: str) -> set[str]:
    """Returns the labels that a target needs for one of its sources."""
    named = set() if source == INIT else named_modules(source)
    needed = {target_of(module, source) for module in imported_modules(source) | named}
    needed |= {OWNERS.get(mirrored(source))} if source.endswith("_test.py") else set()
    needed |= {OWNERS[other] for other in loaded_with(source)}
    return {f":{name}" for name in needed - {None, OWNERS.get(source)}}


def difference(listed, wanted) -> str:
    """Says in words what to add to a list of BUILD and what to remove, "" if nothing."""
    missing, needless = sorted(set(wanted) - set(listed)), sorted(set(listed) - set(wanted))
    return " and ".join([f"add {missing}"] * bool(missing) + [f"remove {needless}"] * bool(needless))


def lines(problems) -> str:
    return "\nIn BUILD:\n" + "\n".join(problems)


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target["rule"] != "genrule"])
def test_deps_are_the_imports(name):
    target = TARGETS[name]
    wanted = set().union(*(true_deps(source) for source in target["srcs"] if source in OWNERS))
    if name == PUBLIC:
        wanted = {f":{OWNERS[source_of(module)]}" for module in named_modules(INIT)} | {f":{OWNERS[INIT]}"}
    assert not (change := difference(target["deps"], wanted)), f"\nIn BUILD: deps of {name!r}: {change}."


def test_no_target_lists_a_dep_or_a_source_twice():
    for name, target in TARGETS.items():
        for attribute in ("srcs", "deps"):
            twice = [item for item, count in collections.Counter(target[attribute]).items() if count > 1]
            assert not twice, f"\nIn BUILD: {attribute} of {name!r}: remove one of each of {twice}."


def test_every_label_is_a_target():
    problems = {
        f"deps of {name!r}: remove {label!r}, or add that target."
        for name, target in TARGETS.items()
        for label in target["deps"]
        if label.removeprefix(":") not in TARGETS
    }
    assert not problems, lines(problems)


def test_every_source_is_in_exactly_one_target():
    counts = collections.Counter(source for target in TARGETS.values() for source in target["srcs"])
    problems = [
        f"{source} is in {counts[source]} targets, it should be in one."
        for source in SOURCES
        if counts[source] > 1 or (counts[source] == 0 and not source.endswith("_test.py"))  # those have a test below
    ]
    problems += [f"{source} does not exist: remove it." for source in counts.keys() - {*SOURCES, RUNNER}]
    assert not problems, lines(problems)


def test_every_verb_is_a_binary():
    verbs = [source for source in SOURCES if is_verb(source)]
    binaries = [target["main"] for target in TARGETS.values() if target["rule"] == "py_binary"]
    assert not (change := difference(binaries, verbs)), f"\nIn BUILD: py_binary: {change}."


def test_a_binary_has_the_name_of_its_verb():
    for name, target in TARGETS.items():
        if target["rule"] == "py_binary":
            assert target["srcs"] == [target["main"]] == [f"lsn_tf/{name}.py"]


def test_every_test_file_is_a_test_with_true_deps():
    tests = {name for name, target in TARGETS.items() if target["rule"] == "py_test"}
    files = {source.removesuffix(".py") for source in SOURCES if source.endswith("_test.py")}
    problems = [f"py_test: add {_line_of_test(name)}" for name in sorted(files - tests)]
    problems += [f"py_test: remove {name!r}, there is no such file." for name in sorted(tests - files)]
    assert not problems, lines(problems)


def test_a_test_runs_pytest_on_its_own_file():
    assert RUNNER in TARGETS["pytest_main"]["outs"]
    for name, target in TARGETS.items():
        if target["rule"] == "py_test":
            assert (target["main"], target["args"][-1]) == (RUNNER, f"{name}.py")
            assert sorted(target["srcs"]) == sorted([RUNNER, f"{name}.py"])


def _line_of_test(name: str) -> str:
    source = f"{name}.py"
    deps = " ".join(sorted(label.removeprefix(":") for label in true_deps(source)))
    return f'"{name}": "{deps}",'
