"""Processes run in turn or side by side, under locks that outlive their parent, and end with it when it is asked to."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from lsn_tf.studies import processes
from lsn_tf.studies.processes import Job, environments, last_line, run_jobs

PARENT = """
import sys
from pathlib import Path
from lsn_tf.studies.processes import Job, run_jobs
sleeper = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
run_jobs([Job("sleeper", lambda: sleeper, Path(sys.argv[1]))], [{}], print)
"""


def python(code):
    return [sys.executable, "-c", code]


@pytest.fixture
def run(tmp_path):
    """Runs codes by name; returns (name, exit code) in the order in which they end."""

    def run(codes, places=1):
        ended = []
        jobs = [Job(name, lambda c=code: c and python(c), tmp_path / f"{name}.log") for name, code in codes.items()]
        run_jobs(jobs, [{"PLACE": str(place)} for place in range(places)], lambda job, *how: ended.append((job, *how)))
        assert all(took >= 0 for _, _, took in ended)
        return [(job.name, code) for job, code, _ in ended]

    return run


@pytest.fixture
def parent(tmp_path):
    """A process that runs a sleeping one, the number of the latter, and their log."""
    log = tmp_path / "sleeper.log"
    process = subprocess.Popen(
        [*python(PARENT), str(log)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it in background
    )
    while not last_line(log):
        assert process.poll() is None
        time.sleep(0.02)
    yield process, int(last_line(log)), log
    process.kill()
    process.wait()


def is_alive(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().split()[2] != "Z"
    except OSError:
        return False


def until(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_jobs_run_in_order_and_a_failing_one_does_not_stop_the_others(run, tmp_path):
    assert run({"a": "print('x')", "b": "raise SystemExit('broken')", "c": None}) == [("a", 0), ("b", 1), ("c", 0)]
    assert last_line(tmp_path / "a.log") == "x" and last_line(tmp_path / "b.log") == "broken"


def test_places_run_side_by_side(run, tmp_path):
    """Each waits for what the other leaves."""
    code = "import pathlib, time\npathlib.Path({!r}).touch()\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.01)"
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    ended = run({"a": code.format(one, other), "b": code.format(other, one)}, places=2)
    assert sorted(ended) == [("a", 0), ("b", 0)]


def test_each_place_has_its_own_environment(run, tmp_path):
    run({"a": "import os; print(os.environ['PLACE'])"})
    assert last_line(tmp_path / "a.log") == "0"


def test_a_job_whose_lock_is_taken_comes_later(run, tmp_path):
    with (tmp_path / "a.log").open("ab") as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        release = threading.Timer(1.0, lambda: fcntl.flock(taken, fcntl.LOCK_UN))
        release.start()
        assert run({"a": "pass", "b": "pass"}) == [("b", 0), ("a", 0)]
        release.join()


def test_the_log_is_kept_when_a_job_runs_again(run, tmp_path):
    run({"a": "print('first')"})
    run({"a": "print('second')"})
    assert (tmp_path / "a.log").read_text() == "first\nsecond\n"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_parent_that_is_asked_to_end_ends_its_processes(parent, number):
    process, child, _ = parent
    process.send_signal(number)
    assert process.wait(60) != 0
    assert not is_alive(child)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
def test_the_lock_lasts_as_long_as_the_process_even_if_its_parent_is_killed(parent):
    process, child, log = parent
    process.kill()
    process.wait()
    assert is_alive(child) and processes._locked(log) is None
    os.kill(child, signal.SIGKILL)
    assert until(lambda: not is_alive(child))
    freed = processes._locked(log)
    assert freed is not None
    freed.close()


def test_handlers_of_signals_are_put_back(run):
    before = [signal.getsignal(number) for number in processes.HARMFUL]
    run({"a": "pass"})
    assert [signal.getsignal(number) for number in processes.HARMFUL] == before


def test_cores_are_shared_out_and_gpus_go_round(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert environments() == [{}]
    assert [place["OMP_NUM_THREADS"] for place in environments(jobs=20)] == ["1"] * 8
    assert [place["OMP_NUM_THREADS"] for place in environments(jobs=2)] == ["4"] * 2
    assert [place["OMP_NUM_THREADS"] for place in environments(4)] == ["2"] * 4
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert [place["CUDA_VISIBLE_DEVICES"] for place in environments(jobs=20)] == ["3", "5"]
    assert [place["CUDA_VISIBLE_DEVICES"] for place in environments(3)] == ["3", "5", "3"]
    assert all("TF_FORCE_GPU_ALLOW_GROWTH" in place for place in environments(3))
    assert environments(1) == [{}]
    with pytest.raises(ValueError, match="Received 0"):
        environments(0)


def test_without_the_driver_there_are_no_gpus(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert processes.visible_gpus() == []
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho GPU-1\necho GPU-2\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert processes.visible_gpus() == ["GPU-1", "GPU-2"]
