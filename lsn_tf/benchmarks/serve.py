"""A server under load: answers a second, waiting times and memory."""

import numpy as np

from lsn_tf.benchmarks.timing import Row, size
from lsn_tf.data.phantoms import make_scans
from lsn_tf.data.pipeline import gather_slices
from lsn_tf.studies.served_load import Load, ask_at_once, json_question, memory_mib, raw_question, running_server

VOLUME = 0
CLIENTS = (1, 8, 32)
PARTS = 10  # of the requests, after each of which memory is read; the first is for warming up
MEMORY_CLIENTS = 8
LOAD_SHARE = 20  # at each number of clients requests / LOAD_SHARE


def measure(model: str | None, image_size: int, requests: int, **_) -> list[Row]:
    """Measures a server under load: a part of the requests at each number of clients, then its memory over all."""
    slices = gather_slices(make_scans([VOLUME]), image_size)
    middle = slice(len(slices) // 2, len(slices) // 2 + 1)
    raw, text = (ask(slices.image[middle], slices.spacing[middle]) for ask in (raw_question, json_question))
    slice_of = f"a slice of {size((image_size, image_size))}"
    with running_server(*([f"--model={model}"] if model else [])) as (server, port):
        rows = [
            _load_row(f"{slice_of}, {form}", clients, ask_at_once(port, question, clients, requests // LOAD_SHARE))
            for form, question in {"raw tensors": raw, "JSON": text}.items()
            for clients in CLIENTS
        ]
        memory = []
        for part in range(1, PARTS + 1):
            load = ask_at_once(port, raw, MEMORY_CLIENTS, requests // PARTS)
            memory.append({"what": f"after {part * requests // PARTS} requests", "dropped": load.dropped})
            memory[-1]["mib"] = round(memory_mib(server), 1)
    for row in memory:
        rows.append({"group": "resident memory of the server", **row, "growth_mib": row["mib"] - memory[0]["mib"]})
    return rows


def _load_row(group: str, clients: int, load: Load) -> Row:
    p50, p99 = np.percentile(load.latencies, (50, 99))
    counts = {"requests": len(load.latencies) + load.dropped, "dropped": load.dropped}
    rate = {"per_second": round(len(load.latencies) / load.seconds, 2)}
    what = f"{clients} client{'s' * (clients > 1)}"
    return {"group": group, "what": what, "seconds": p50, "p99_seconds": p99, **rate, **counts}
