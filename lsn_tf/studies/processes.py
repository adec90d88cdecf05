"""Runs commands as processes, some at a time, each under the lock of its log: two callers never do one job at once."""

import collections
import contextlib
import dataclasses
import fcntl
import logging
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

logger = logging.getLogger(__name__)
POLL_S = 0.1
PATIENCE_S = 20.0  # for a process that was asked to end
HARMFUL = (signal.SIGTERM, signal.SIGHUP)


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """A command to run.

    Attributes:
        name: what it is called.
        command: gives the command once the lock is held, or None if there is nothing left to do.
        log: file that takes the output of the process, at its end; its lock is the lock of the job.
    """

    name: str
    command: Callable[[], Sequence[str] | None]
    log: pathlib.Path


@dataclasses.dataclass(eq=False)
class _Running:
    job: Job
    process: subprocess.Popen
    log: BinaryIO
    started: float

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()


def run_jobs(
    jobs: Sequence[Job], environments: Sequence[Mapping[str, str]], finished: Callable[[Job, int, float], None]
) -> None:
    """Runs every job; a failing one does not stop the others. Jobs that another process has locked are waited for.

    The lock is held by the job's process too: it lasts as long as either lives, even where this process is killed.

    Args:
        jobs: in this order, as places become free.
        environments: variables for the processes, one set for each place; so many jobs run at a time.
        finished: called with the job, its exit code and its seconds as each ends (0 and 0.0 where nothing was to do).

    Raises:
        KeyboardInterrupt: after SIGINT, SIGTERM or SIGHUP, when all processes have been ended.
    """
    waiting, running, elsewhere = collections.deque(jobs), {}, set()
    with _signals_interrupt():
        try:
            while waiting or running:
                for place, environment in enumerate(environments):
                    if place not in running and (started := _start_next(waiting, elsewhere, environment, finished)):
                        running[place] = started
                time.sleep(POLL_S)
                for place in [place for place, one in running.items() if one.process.poll() is not None]:
                    one = running.pop(place)
                    one.log.close()
                    finished(one.job, one.process.returncode, time.monotonic() - one.started)
        finally:
            for one in running.values():
                one.end()


def last_line(log: pathlib.Path) -> str:
    """Returns the last line in a log that is not empty, "" if there is none."""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _start_next(
    waiting: collections.deque[Job], elsewhere: set[Job], environment: Mapping[str, str], finished: Callable
) -> _Running | None:
    """Starts the first job that is not locked by another process and has something to do."""
    for _ in range(len(waiting)):
        job = waiting.popleft()
        log = _locked(job.log)
        if log is None:
            waiting.append(job)
            if job not in elsewhere:
                logger.info("%s: another process is at it, so it waits", job.name)
            elsewhere.add(job)
            continue
        command = job.command()
        if command is None:
            log.close()
            finished(job, 0, 0.0)
            continue
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,  # a Ctrl-C is for this process, which ends the others
        )
        logger.info("%s: started, log in %s", job.name, job.log)
        return _Running(job, process, log, time.monotonic())
    return None


def _locked(path: pathlib.Path) -> BinaryIO | None:
    """Opens a file for appending and locks it; None if another process has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Makes the signals that end a process raise KeyboardInterrupt, as Ctrl-C does."""

    def interrupt(*_):
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in HARMFUL}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def environments(places: int | None = None, jobs: int = 1) -> list[dict[str, str]]:
    """Returns the variables that share this machine out: its GPUs in turn, where there are, and its cores.

    Args:
        places: how many processes at a time; None for one on each GPU, or on each core where there is none.
        jobs: how many there are to do: no more cores are given a process then.

    Raises:
        ValueError: if places is less than 1.
    """
    gpus, cores = visible_gpus(), os.cpu_count() or 1
    places = (len(gpus) or min(cores, jobs)) if places is None else places
    if places < 1:
        raise ValueError(f"jobs must be at least 1. Received {places}.")
    if places == 1:
        return [{}]
    threads = str(max(1, cores // places))
    shared = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads)
    if not gpus:
        return [shared] * places
    if places > len(gpus):
        shared |= {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # not all memory
    return [{**shared, "CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} for place in range(places)]


def visible_gpus() -> list[str]:
    """Returns the names of the NVIDIA GPUs that a process of ours would see, without a framework; [] without GPUs."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    try:
        command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed.split()
