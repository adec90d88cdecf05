"""What a piece of work costs in a process of its own: time, processor time, and memory beyond what it began with."""

import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a piece of work has cost.

    Attributes:
        seconds: from start to end.
        cpu_seconds: of all threads, user and system: what else the machine does hardly enters.
        mib: the most memory at any time, less that at the start; NaN where the system does not tell.
    """

    seconds: float
    cpu_seconds: float
    mib: float


@dataclasses.dataclass(frozen=True)
class Work:
    """A piece of work as `timeit` takes it, in Python.

    Attributes:
        setup: statements before it, at no cost.
        statement: the expression whose cost is measured.
    """

    setup: str
    statement: str

    def run(self) -> Any:
        """Returns the value of the expression, in this process."""
        return self.prepared()()

    def prepared(self) -> Callable[[], Any]:
        """Executes the setup and returns a function that evaluates the expression."""
        names: dict[str, Any] = {}
        exec(self.setup, names)
        return eval(f"lambda: {self.statement}", names)


def cost_of(work: Callable[[], Any]) -> Cost:
    """Returns the cost of a call, in this process."""
    before = _memory_mib("VmRSS")
    _forget_peak()
    started, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    return Cost(seconds, cpu_seconds, max(_memory_mib("VmHWM") - before, 0.0))


def cost_of_command(command: Sequence[str]) -> Cost:
    """Returns the cost of a command, with all memory that it takes.

    A process begins with the peak of the one that starts it: let that be a small one.
    """
    import resource

    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    _check_exit_code(" ".join(command), done)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of the only one
    mib = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Cost(seconds, used.ru_utime + used.ru_stime, mib)


def costs_in_turns(works: Mapping[str, Work | Sequence[str]], repeats: int) -> dict[str, Cost]:
    """Returns the median cost of each work or command: each time in a fresh process, in turns, so that other load
    meets all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            costs[name].append(_in_a_process(work))
    names = [field.name for field in dataclasses.fields(Cost)]
    return {
        what: Cost(**{name: float(np.median([getattr(cost, name) for cost in found])) for name in names})
        for what, found in costs.items()
    }


def _in_a_process(work: Work | Sequence[str]) -> Cost:
    """Returns the cost, or raises RuntimeError with what the process said last."""
    if isinstance(work, Work):
        what, cost = work.statement, f"cost_of(Work({work.setup!r}, {work.statement!r}).prepared())"
    else:
        what, cost = " ".join(work), f"cost_of_command({list(work)!r})"
    code = (
        "import dataclasses, json; from lsn_tf.studies.process_costs import Work, cost_of, cost_of_command; "
        f"print(json.dumps(dataclasses.asdict({cost})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    _check_exit_code(what, done)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def _check_exit_code(what: str, done: subprocess.CompletedProcess) -> None:
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing."])[-1]
        raise RuntimeError(f"{what} ended with exit code {done.returncode}: {last}")


def _memory_mib(name: str) -> float:
    status = pathlib.Path("/proc/self/status")
    if not status.is_file():
        return float("nan")
    return int(re.search(rf"{name}:\s+(\d+)", status.read_text()).group(1)) / 1024


def _forget_peak() -> None:
    """Lets the peak of this process's memory begin anew."""
    peak = pathlib.Path("/proc/self/clear_refs")
    if peak.exists():
        peak.write_text("5")
