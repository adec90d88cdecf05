"""Runs tasks ahead in threads and hands their results out in order."""

import concurrent.futures
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

MAX_WORKERS = 4  # each holds three times its scan, 1.6 GB for the largest of LiTS


def map_in_order(
    function: Callable[[_Item], _Result], items: Iterable[_Item], workers: int | None = None
) -> Iterator[_Result]:
    """Yields function(item) for each item in order; no more than twice the workers' number is begun ahead.

    Threads do: inflating, compressing and NumPy let each other run, and there is no process to start.
    """
    workers = workers or min(MAX_WORKERS, os.cpu_count() or 1)
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    waiting = []
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) == 2 * workers:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    finally:
        pool.shutdown(cancel_futures=True)
