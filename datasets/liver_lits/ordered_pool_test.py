"""Results come in order whatever takes long, and no more is begun than can be held."""

import threading
import time

import pytest

from .ordered_pool import map_in_order


def test_results_come_in_order_though_the_first_takes_longest():
    def slow_first(item):
        time.sleep(0.05 if item == 0 else 0)
        return item * item

    assert list(map_in_order(slow_first, range(9), workers=3)) == [item * item for item in range(9)]


def test_items_run_at_the_same_time():
    together = threading.Barrier(2, timeout=10)
    assert len(list(map_in_order(lambda item: together.wait(), range(4), workers=2))) == 4


def test_no_more_is_begun_ahead_than_twice_the_workers():
    begun = []
    results = map_in_order(begun.append, iter(range(100)), workers=2)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 4


def test_closing_early_begins_nothing_new():
    begun = []

    def slow_after_the_first(item):
        begun.append(item)
        time.sleep(0.2 if item else 0)

    results = map_in_order(slow_after_the_first, range(100), workers=2)
    next(results)
    results.close()
    assert 3 not in begun


def test_an_error_arrives_in_its_turn_and_stops_the_rest():
    begun = []

    def fail_on_two(item):
        begun.append(item)
        if item == 2:
            raise ValueError("two")
        return item

    results = map_in_order(fail_on_two, range(100), workers=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert len(begun) < 10


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_items_and_none_are_fine(count):
    assert list(map_in_order(str, range(count), workers=8)) == [str(item) for item in range(count)]
