"""Costs are those of the work alone: not of its setup, not of waiting, and memory that was given back counts."""

import math
import sys

import numpy as np
import pytest

from lsn_tf.studies import process_costs
from lsn_tf.studies.process_costs import Cost, Work, costs_in_turns

IMPORT = "import time, numpy as np; "


def test_memory_is_the_peak_of_the_statement_beyond_its_start():
    setup = IMPORT + "before = np.ones(100 << 17); gone = np.ones(300 << 17); del gone; "
    cost = costs_in_turns({"a": Work(setup, "np.ones(200 << 17).sum() + before[0]")}, 1)["a"]
    assert math.isnan(cost.mib) or 199 < cost.mib < 210  # 2**17 float64 are a MiB


def test_waiting_is_time_but_no_processor_time():
    cost = costs_in_turns({"a": Work(IMPORT + "time.sleep(1)", "time.sleep(0.4)")}, 1)["a"]
    assert cost.seconds >= 0.4 > cost.cpu_seconds >= 0


def test_processes_take_turns_and_medians_are_taken(monkeypatch):
    calls, seconds = [], iter([1.0, 9.0, 2.0, 8.0, 60.0, 7.0])
    monkeypatch.setattr(
        process_costs, "_in_a_process", lambda work: calls.append(work) or Cost(next(seconds), 0.0, np.nan)
    )
    first, second = Work("", "1"), Work("", "2")
    costs = costs_in_turns({"a": first, "b": second}, 3)
    assert calls == [first, second] * 3
    assert (costs["a"].seconds, costs["b"].seconds) == (2.0, 8.0)


def test_work_that_fails_says_what_it_said():
    with pytest.raises(RuntimeError, match="exit code 1: ZeroDivisionError: division by zero"):
        costs_in_turns({"a": Work("", "1 / 0")}, 1)


def test_the_memory_of_a_command_is_all_its_own_and_nothing_of_who_measures_it():
    held = np.ones(600 << 17)
    code = "import time; held = bytearray(200 << 20); held[::4096] = b'1' * len(held[::4096]); time.sleep(0.4)"
    cost = costs_in_turns({"a": (sys.executable, "-c", code)}, 1)["a"]
    assert 200 < cost.mib < 300 and cost.seconds >= 0.4 and held[-1] == 1
    assert cost.cpu_seconds < cost.seconds - 0.3


def test_a_command_that_fails_says_what_it_said():
    with pytest.raises(RuntimeError, match="exit code 3: no space"):
        costs_in_turns({"a": (sys.executable, "-c", "import sys; print('no space', file=sys.stderr); sys.exit(3)")}, 1)
