"""Works measured in turns, and the rows that tell of them: against the first of their group."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lsn_tf.studies.process_costs import Work, costs_in_turns

Row = dict[str, Any]
SLOW = 5.0  # s


def medians_in_turns(works: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Returns the median time of each, s: in turns, so that what else the machine does meets all alike.

    The first call is not counted. One that takes longer than `SLOW` takes part in a single turn.
    """
    times = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            if turn > 1 and times[name][0] > SLOW:
                continue
            started = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - started)
    return {name: float(np.median(values)) for name, values in times.items()}


def time_rows(group: str, times: Mapping[str, float]) -> list[Row]:
    """Returns a row for each time, s, of a group."""
    first = next(iter(times.values()))
    return [{"group": group, "what": what, "seconds": t, "ratio": round(t / first, 2)} for what, t in times.items()]


def cost_rows(group: str, works: Mapping[str, Work | Sequence[str]], repeats: int) -> list[Row]:
    """Measures works, each in a process of its own; returns a row for each, compared by processor time."""
    costs = costs_in_turns(works, repeats)
    first = next(iter(costs.values())).cpu_seconds
    return [
        {"group": group, "what": what, **dataclasses.asdict(cost), "ratio": round(cost.cpu_seconds / first, 2)}
        for what, cost in costs.items()
    ]


def size(shape: tuple[int, ...]) -> str:
    """Returns the lengths of axes for people."""
    return " x ".join(map(str, shape))
