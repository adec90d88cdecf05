"""What the benchmark measures, not how fast it is."""

from lsn_tf import benchmark
from lsn_tf.data.phantoms import make_scans
from lsn_tf.data.pipeline import gather_slices


def test_ratios_are_against_the_first_row(monkeypatch):
    rows = [{"what": "a", "seconds": 0.5}, {"what": "b", "seconds": 2.0}]
    monkeypatch.setitem(benchmark.TOPICS, "data", lambda slices, repeats: rows)
    results = benchmark.benchmark("data", 16, 1)
    assert [row["ratio"] for row in results["rows"]] == [1.0, 4.0]


def test_a_median_is_not_moved_by_one_slow_call_nor_by_the_first(monkeypatch):
    ticks = iter([0.0, 1.0, 10.0, 11.0, 20.0, 29.0])
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(ticks))
    calls = []
    assert benchmark.median_seconds(lambda: calls.append(None), repeats=3) == 1.0
    assert len(calls) == 4


def test_a_timed_step_trains():
    step = benchmark.train_step("unet", gather_slices(make_scans([0, 60]), 16))
    losses = [float(step()) for _ in range(5)]
    assert losses[-1] < losses[0]
