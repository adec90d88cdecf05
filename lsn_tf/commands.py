"""The console command: `lsn-tf VERB ...` is `python -m lsn_tf.VERB ...`, and `lsn-tf --help` lists the verbs."""

import ast
import pathlib
import runpy
import sys

HELP = {"--help", "-h", "-help", "--helpfull", "help"}
USAGE = "usage: lsn-tf VERB [--flag=value ...]      lsn-tf VERB --help tells all about one of them"


def main() -> None:
    """Runs the verb that the command line names, which ends the process with its exit code; imports no other."""
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in HELP:
        print(overview())
        return
    if verb not in (known := verbs()):
        print(f"lsn-tf: expected one of {', '.join(known)}. Received {verb!r}. See --help.", file=sys.stderr)
        sys.exit(2)
    del sys.argv[1]
    runpy.run_module(f"lsn_tf.{verb}", run_name="__main__", alter_sys=True)


def overview() -> str:
    """Returns the usage and a line for each verb."""
    lines = [f"  {verb:<10} {sentence}" for verb, sentence in verbs().items()]
    return "\n".join([USAGE, "", *lines])


def verbs() -> dict[str, str]:
    """Returns the modules of this package that are commands, with the first line of what each says of itself."""
    found = {}
    for path in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if '\nif __name__ == "__main__":' in source:
            found[path.stem] = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    return found
