"""The flags that several commands share, and the contract that all commands keep: exit codes, --json, --quiet.

Exit code 0: done. 1: failed while working. 2: bad input or usage. Logs go to standard error; standard output holds
the command's own result, with --json as one JSON object in its last line. Of what has failed this object says
{"status": "failed", "reason": ...}, with the "failures" of single inputs if they are known.
"""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags

FLAGS = flags.FLAGS


class InputError(ValueError):
    """Bad input of which --json says more: `failures`, an {"input": ..., "reason": ...} for each that is bad."""

    def __init__(self, message: str, failures: Sequence[Mapping[str, str]]):
        super().__init__(message)
        self.failures = list(failures)


def define_output_flags() -> None:
    """Defines --json and --quiet."""
    flags.DEFINE_bool("json", False, "Print the result as one JSON object in the last line of standard output.")
    flags.DEFINE_bool("quiet", False, "No progress and no logs below warnings.")


def define_dataset_flags(default: str | None) -> None:
    """Defines --dataset and --data_dir."""
    flags.DEFINE_string(
        "dataset",
        default,
        "auto, phantom or liver_lits[/CONFIG]. auto takes a prepared liver_lits where there is one, "
        "otherwise the synthetic twin." + ("" if default else " Default: the one of the run."),
    )
    flags.DEFINE_string("data_dir", None, "Where TFDS keeps prepared data sets (default: TFDS' own).")


def define_arrays_flag() -> None:
    """Defines --arrays."""
    flags.DEFINE_string("arrays", None, "File of a data set, written by python -m lsn_tf.arrays; read instead of it.")


def define_run_dir_flag(help_text: str | None = None) -> None:
    """Defines --run_dir; required unless a text of its own says what it is otherwise."""
    flags.DEFINE_string("run_dir", None, help_text or "Folder of a training run.", required=help_text is None)


def run_command(
    main: Callable[[], Mapping[str, Any]],
    define_flags: Callable[[], None],
    doc: str,
    print_result: Callable,
    positional: str | None = None,
) -> None:
    """Runs a command and ends the process with its exit code.

    Args:
        main: the command; reads the flags and returns its result, which --json prints. If some of several inputs could
            not be used, they are its "failures", and the exit code is 1.
        define_flags: defines the command's flags.
        doc: the docstring of the command's module, its help.
        print_result: prints the result for people, called without --json.
        positional: name of the flag that an argument without a flag's name sets; many, if the flag is repeatable.
    """
    define_output_flags()
    define_flags()
    if {"--help", "-h", "-help", "--helpfull"} & set(sys.argv[1:]):
        print(f"{doc}\nFlags:\n{_flag_help()}")
        sys.exit(0)
    try:
        rest = FLAGS(sys.argv)[1:]
        if positional and (len(rest) == 1 or isinstance(FLAGS[positional], flags.MultiFlag)):
            while rest:
                FLAGS[positional].parse(rest.pop(0))
    except flags.Error as error:
        _fail(2, f"{error} See --help.")
    if rest:
        _fail(2, f"expected flags only. Received {' '.join(rest)!r}. See --help.")
    _configure_logging(FLAGS.quiet)
    try:
        with _own_exit_code(), contextlib.redirect_stdout(sys.stderr):  # standard output is for the result
            result = main()
    except (ValueError, OSError, ImportError) as error:
        logging.getLogger(__name__).debug("bad input", exc_info=True)
        _fail(2, str(error), {"failures": error.failures} if isinstance(error, InputError) else {})
    except KeyboardInterrupt:
        _fail(1, "interrupted.")
    except RuntimeError as error:
        logging.getLogger(__name__).debug("failure", exc_info=True)
        _fail(1, str(error))
    print(json.dumps(result)) if FLAGS.json else print_result(result)
    if result.get("failures"):
        sys.exit(1)


@contextlib.contextmanager
def _own_exit_code() -> Iterator[None]:
    """Keeps CPython from exiting as killed by a signal that came in the exec of a string, such as namedtuple's."""
    try:
        yield
    finally:
        exec("")  # one that ends well takes the mark away


def _flag_help() -> str:
    shown = [flag for name, flag in FLAGS._flags().items() if name == flag.name and _is_ours(name)]
    lines = []
    for flag in sorted(shown, key=lambda flag: flag.name):
        default = f" [default: {flag.default}]" if flag.default is not None else ""
        lines.append(f"  --{flag.name}: {flag.help}{default}")
    return "\n".join(lines)


def _is_ours(name: str) -> bool:
    module = FLAGS.find_module_defining_flag(name)
    return module is not None and ("lsn_tf" in module or module in ("__main__", sys.argv[0]))


def _configure_logging(quiet: bool) -> None:
    level = logging.WARNING if quiet else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(message)s", force=True)
    logging.getLogger("absl").setLevel(logging.ERROR)  # TFDS warns of its own use of its own API
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    logging.getLogger("apache_beam").setLevel(logging.WARNING)
    logging.getLogger("pyfive").setLevel(logging.WARNING)  # it tells of every object of a file that it opens
    logging.getLogger("highdicom").setLevel(logging.WARNING)  # and of every module that it copies


def _fail(code: int, message: str, report: Mapping[str, Any] | None = None) -> None:
    first_line = " ".join(message.split())
    print(f"{os.path.basename(sys.argv[0]).removesuffix('.py')}: {first_line}", file=sys.stderr)
    if FLAGS.is_parsed() and FLAGS.json:
        print(json.dumps({"status": "failed", "reason": first_line, **(report or {})}))
    sys.exit(code)
