"""The sources of this project and what they import, for the tests of its build and its layout."""

import ast
import functools
import pathlib

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = {"lsn_tf": "lsn_tf", "liver_lits": "datasets/liver_lits"}  # import name: folder


def sources(folder: str) -> list[str]:
    """Returns the paths of the Python sources in a folder, relative to the root."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py"))


@functools.cache
def syntax_tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), path)


def source_of(module: str) -> str | None:
    """Returns the path of the source of a module of ours, None for all others and for packages without __init__.py."""
    package, _, rest = module.partition(".")
    if package not in PACKAGES:
        return None
    path = pathlib.PurePosixPath(PACKAGES[package], *rest.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((str(candidate) for candidate in candidates if (ROOT / candidate).is_file()), None)


def imported_modules(path: str) -> set[str]:
    """Returns what a source imports anywhere in it: our modules in full, of all others the top-level package."""
    names = set()
    for node in ast.walk(syntax_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = ".".join(filter(None, (_package_of(path, node.level), node.module)))
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {_module_of(name) for name in names}


def named_modules(path: str) -> set[str]:
    """Returns our modules that a source names in a string, as `python -m` and `importlib.import_module` take them."""
    strings = {node.value for node in ast.walk(syntax_tree(path)) if isinstance(node, ast.Constant)}
    return {text for text in strings if isinstance(text, str) and "." in text.rstrip(".") and source_of(text)}


def mirrored(test: str) -> str | None:
    """Returns the source that a test file mirrors: lsn_tf/x/y.py for tests/x/y_test.py; None where there is none."""
    folder = "lsn_tf/" if test.startswith("tests/") else ""
    source = f"{folder}{test.removeprefix('tests/').removesuffix('_test.py')}.py"
    return source if (ROOT / source).is_file() else None


def is_verb(path: str) -> bool:
    """Tells whether a source is a command: lsn_tf/VERB.py with `if __name__ == "__main__"`."""
    mains = [node for node in syntax_tree(path).body if isinstance(node, ast.If)]
    return pathlib.PurePosixPath(path).parent.name == "lsn_tf" and any(
        ast.unparse(node.test) == "__name__ == '__main__'" for node in mains
    )


def _package_of(path: str, level: int) -> str:
    """Returns the package that a relative import starts from, "" for an absolute one."""
    if level == 0:
        return ""
    folder = pathlib.PurePosixPath(path).parents[level - 1].as_posix()
    return next(
        folder.replace(home, name, 1).replace("/", ".")
        for name, home in PACKAGES.items()
        if f"{folder}/".startswith(f"{home}/")
    )


def _module_of(name: str) -> str:
    """Drops what is an attribute from the end of a dotted name."""
    if name.split(".")[0] not in PACKAGES:
        return name.split(".")[0]
    while source_of(name) is None and "." in name:
        name = name.rpartition(".")[0]
    return name
